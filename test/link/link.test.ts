import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { LinkFault } from '../../gateway/link/handlers.ts'
import { Refusal } from '../../src/refusal.ts'
import { agentsOfEach, areLinked, befriend, offerOf, payloadOf, startAgent, type TestAgent, until } from './agents.ts'
import { openLine } from './line.ts'

/** The error a promise ends in. */
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => expect.fail(`no failure but ${JSON.stringify(value)}`),
    (error: unknown) => error,
  )

describe('a link', () => {
  const { start } = agentsOfEach()

  it('is up on both sides once one of them dials, and each may hand to the other', async () => {
    const [a, b] = [await start(), await start()]
    befriend(a, b)
    await areLinked(a, b)
    const [there, back] = [payloadOf(5000), payloadOf(5001)]
    expect(await a.edge.hand(b.agent.id, offerOf('one'), there)).to.deep.equal({ accepted: 'receipt for one' })
    expect(await b.edge.hand(a.agent.id, offerOf('two'), back)).to.deep.equal({ accepted: 'receipt for two' })
    const { sha256, size, bytes } = there
    expect(b.hands).to.deep.equal([{ from: a.agent.id, offer: offerOf('one'), body: { sha256, size, bytes } }])
    expect(a.hands.map(({ from }) => from)).to.deep.equal([b.agent.id])
  })

  it('is known by where it comes from to whoever was dialled, and by its own end to who dialled', async () => {
    const [a, b] = [await start(), await start()]
    a.neighbours.set(b.agent.id, { addresses: [b.address], standing: 'linked' })
    b.neighbours.set(a.agent.id, { addresses: [], standing: 'linked' })
    a.edge.refresh()
    await areLinked(a, b)
    expect([a.edge.local(b.agent.id), a.edge.remote(b.agent.id)]).to.deep.equal(['127.0.0.1', undefined])
    expect([b.edge.local(a.agent.id), b.edge.remote(a.agent.id)]).to.deep.equal([undefined, '127.0.0.1'])
  })

  it('is one connection, whoever dialled, and carries what both say at once', async () => {
    for (const dials of ['one', 'both'] as const) {
      const [a, b] = [await start(), await start()]
      const lines = [await openLine(b.address), await openLine(a.address)] as const
      a.neighbours.set(b.agent.id, { addresses: [lines[0].address], standing: 'linked' })
      b.neighbours.set(a.agent.id, { addresses: dials === 'both' ? [lines[1].address] : [], standing: 'linked' })
      for (const { edge } of [a, b]) edge.refresh()
      await areLinked(a, b)
      const say = (from: TestAgent, to: TestAgent) =>
        Array.from({ length: 150 }, (_, i) => from.edge.hand(to.agent.id, offerOf(`${i}`), payloadOf(1 + 1000 * i)))
      await Promise.all([...say(a, b), ...say(b, a)])
      expect([a.hands.length, b.hands.length]).to.deep.equal([150, 150])
      await until(() => lines[0].connections() + lines[1].connections() === 1, 'one is left')
      expect([a.ups.length, b.ups.length, ...a.downs, ...b.downs]).to.deep.equal([1, 1])
      for (const line of lines) line.close()
    }
  })

  it('carries payloads of every size around the bounds, bytes unchanged, the large ones as durable files', async () => {
    const [a, b] = [await start(), await start()]
    befriend(a, b)
    await areLinked(a, b)
    for (const size of [0, 1, 65_536, 65_537, 262_144, 262_145, 5_000_000]) {
      const payload = payloadOf(size)
      await a.edge.hand(b.agent.id, offerOf(`${size}`), payload)
      const body = b.hands.at(-1)?.body
      expect(body?.size).to.equal(size)
      const bytes = body && ('file' in body ? await readFile(join(b.home, 'blob', body.file)) : body.bytes)
      expect(bytes?.equals(payload.bytes), `${size} bytes`).to.equal(true)
      expect(body && 'file' in body).to.equal(size > 65_536)
    }
  })

  it('answers records one by one and in order, in as many calls as their size wants', async () => {
    const [a, b] = [
      await start(),
      await start({
        handlers: {
          records: async (_from, lines) =>
            lines.map((line) => (line === 'bad' ? { refused: 'record-malformed' } : { ok: true })),
        },
      }),
    ]
    befriend(a, b)
    await areLinked(a, b)
    const long = 'x'.repeat(60_000)
    const lines = ['one', 'bad', ...Array.from({ length: 40 }, () => long), 'y'.repeat(70_000), 'three', 'bad']
    const answers = await a.edge.send(b.agent.id, lines)
    expect(answers).to.have.length(lines.length)
    lines.forEach((line, i) => {
      const expected =
        line === 'bad'
          ? { refused: 'record-malformed' }
          : line.length > 65_536
            ? { refused: 'record-too-large' }
            : { ok: true }
      expect(answers[i]).to.deep.equal(expected)
    })
    expect(await a.edge.send(b.agent.id, [])).to.deep.equal([])
  })

  it('carries any number of tiny records', async () => {
    const [a, b] = [await start(), await start()]
    befriend(a, b)
    await areLinked(a, b)
    const answers = await a.edge.send(
      b.agent.id,
      Array.from({ length: 5000 }, (_, i) => `${i}`),
    )
    expect(answers).to.have.length(5000)
    expect(new Set(b.records).size).to.equal(5000)
  })

  it('with a neighbour who answers nonsense, too much or never has faults, and goes on', async () => {
    const nonsense: Record<string, unknown> = {
      much: [{ ok: true, more: 'x'.repeat(300_000) }],
      few: [],
      text: 'yes',
      code: [{ refused: 'because' }],
    }
    const b = await start({
      handlers: {
        records: async (_from, [line = '']) =>
          (line === 'never' ? new Promise(() => {}) : line in nonsense ? nonsense[line] : [{ ok: true }]) as never,
      },
      limits: { lifeSignMs: 60_000, closeMs: 100 },
    })
    // On a busy machine an answer may take longer than the one who waits for none has patience.
    const [a, hasty] = [await start(), await start({ limits: { idleMs: 300 } })]
    for (const one of [a, hasty]) {
      befriend(one, b)
      await areLinked(one, b)
    }
    for (const line of Object.keys(nonsense))
      expect(await failure(a.edge.send(b.agent.id, [line])), line).to.have.property('code', 'fault')
    expect(await failure(hasty.edge.send(b.agent.id, ['never']))).to.have.property('code', 'timeout')
    expect(await a.edge.send(b.agent.id, ['well'])).to.deep.equal([{ ok: true }])
    expect([...a.downs, ...hasty.downs]).to.deep.equal([])
  })

  it('passes a refusal on by its code, and a failure of the other gateway as a fault without its cause', async () => {
    const [a, b] = [
      await start(),
      await start({
        handlers: {
          async hand(_from, { envelope }) {
            if (envelope === 'loop') throw new Refusal('path-loops', 'went round')
            if (envelope === 'full') return { refused: 'custody-full', detail: 'no\u001b[31m room' }
            throw new Error('secret of b')
          },
        },
      }),
    ]
    befriend(a, b)
    await areLinked(a, b)
    const hand = (name: string) => a.edge.hand(b.agent.id, offerOf(name), payloadOf(10))
    expect(await hand('loop')).to.deep.equal({ refused: 'path-loops', detail: 'went round' })
    expect(await hand('full')).to.deep.equal({ refused: 'custody-full', detail: 'no [31m room' })
    const error = await failure(hand('boom'))
    expect(error).to.be.instanceOf(LinkFault).with.property('code', 'fault')
    expect(String(error)).not.to.include('secret')
    const fault = b.log.find(({ event }) => event === 'fault')
    expect(JSON.stringify(fault), 'the log of b alone hears it').to.include('secret of b')
  })

  it('of two agents that dial each other at once is one link, not two', async () => {
    for (let round = 0; round < 10; round++) {
      const [a, b] = [await start(), await start()]
      befriend(a, b, 'both')
      await areLinked(a, b)
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect([a.ups, b.ups]).to.deep.equal([[b.agent.id], [a.agent.id]])
      expect([a.downs, b.downs]).to.deep.equal([[], []])
      const dialledBy = [a, b].map(({ log }) => log.find(({ event }) => event === 'up')?.dialledBy)
      expect(dialledBy).to.have.members(['us', 'them'])
    }
  })

  it('comes back by itself after the neighbour was gone', async () => {
    const [a, b] = [await start(), await startAgent()]
    befriend(a, b)
    await areLinked(a, b)
    await b.edge.close()
    await until(() => !a.edge.isUp(b.agent.id), 'a sees that b is gone')
    expect(a.downs).to.deep.equal([b.agent.id])
    await until(() => a.edge.whyNot(b.agent.id)?.why.startsWith('unreachable: ') === true, 'a says why it is not back')
    const again = await start({ agent: b.agent, port: b.edge.address.port, kept: b.kept })
    again.neighbours.set(a.agent.id, { addresses: [], standing: 'linked' })
    await until(() => a.edge.isUp(b.agent.id), 'a is linked again')
    expect(a.ups).to.deep.equal([b.agent.id, b.agent.id])
    expect(a.edge.whyNot(b.agent.id)).to.equal(undefined)
    await b.stop()
  })

  it('is made ever more slowly with a neighbour who takes one call and hangs up', async () => {
    const calls: number[] = []
    const hangUp = async (from: string, lines: string[]) => {
      calls.push(Date.now())
      setTimeout(() => {
        const was = b.neighbours.get(from) ?? expect.fail('no neighbour')
        b.neighbours.delete(from)
        b.edge.refresh()
        b.neighbours.set(from, was)
      }, 10)
      return lines.map(() => ({ ok: true as const }))
    }
    const b: TestAgent = await start({ handlers: { records: hangUp } })
    const a: TestAgent = await start({ handlers: { up: (agent) => void a.edge.send(agent, ['x']).catch(() => {}) } })
    befriend(a, b)
    await until(() => calls.length === 5, 'it has called four times more')
    // After 0.25, 0.5, 1 and 2 s, or half of each.
    for (const [i, at] of calls.slice(1).entries()) expect(at - (calls[i] ?? at)).to.be.at.least(125 * 2 ** i)
  })

  it('ends when the neighbour is revoked, and is not made again', async () => {
    const [a, b] = [await start(), await start()]
    befriend(a, b)
    await areLinked(a, b)
    b.neighbours.clear()
    b.edge.refresh()
    await until(() => !a.edge.isUp(b.agent.id), 'a hears of it')
    await until(
      () => b.log.some(({ code, agent }) => code === 'link-unknown' && agent === a.agent.id),
      'a is refused by name',
    )
    await until(() => a.log.some(({ code }) => code === 'link-unknown'), 'and logs why')
    expect(a.edge.whyNot(b.agent.id)?.why).to.equal('you are not a neighbour here (link-unknown)')
    expect(b.ups).to.have.length(1)
  })

  it('out of reach is a fault at once', async () => {
    const a = await start()
    const error = await failure(a.edge.hand('b'.repeat(52), offerOf('x'), payloadOf(1)))
    expect(error).to.be.instanceOf(LinkFault).with.property('code', 'unreachable')
  })

  it('is not made between two webs', async () => {
    const [a, b] = [await start({ net: 'one' }), await start({ net: 'other' })]
    befriend(a, b)
    await until(() => a.log.some(({ code }) => code === 'net-mismatch'), 'a is told why')
    expect(a.edge.isUp(b.agent.id)).to.equal(false)
  })

  it('is not made with another key than the pinned one, and the log says so', async () => {
    const [a, b, c] = [await start(), await start(), await start()]
    a.neighbours.set(b.agent.id, { addresses: [c.address], standing: 'linked' })
    a.edge.refresh()
    await until(
      () => a.log.some(({ code, agent }) => code === 'agent-mismatch' && agent === b.agent.id),
      'it is logged',
    )
    expect(a.ups).to.deep.equal([])
    expect(await failure(a.edge.pair(c.address, b.agent.id, {}))).to.have.property('code', 'agent-mismatch')
  })

  it('is paired by somebody invited, who may call nothing else', async () => {
    const [a, b] = [await start(), await start({ handlers: { pair: async (from, request) => ({ from, request }) } })]
    expect(await failure(a.edge.pair(b.address, b.agent.id, {}))).to.have.property('code', 'link-unknown')
    b.neighbours.set(a.agent.id, { addresses: [], standing: 'guest' })
    const answer = { from: a.agent.id, request: { token: 't' } }
    for (const expected of [b.agent.id, undefined])
      expect(await a.edge.pair(b.address, expected, { token: 't' })).to.deep.equal({ agent: b.agent.id, answer })
    a.neighbours.set(b.agent.id, { addresses: [b.address], standing: 'linked' })
    a.edge.refresh()
    await until(() => a.log.some(({ code }) => code === 'link-unknown'), 'a hello is refused')
    expect(a.ups).to.deep.equal([])
  })

  it('of one call is over in time, though whoever was asked shows signs of life', async () => {
    const never = () => new Promise<never>(() => {})
    const handlers = { pair: never, moved: never, directory: never }
    const [a, b] = [
      await start({ limits: { strangerMs: 500 } }),
      await start({ limits: { lifeSignMs: 50, closeMs: 100 }, handlers }),
    ]
    b.neighbours.set(a.agent.id, { addresses: [], standing: 'guest' })
    const calls = [
      a.edge.pair(b.address, undefined, {}),
      a.edge.moved(b.address, undefined, {}),
      a.edge.consult(b.address, b.agent.id, {}),
    ]
    for (const error of await Promise.all(calls.map(failure))) expect(error).to.be.instanceOf(LinkFault)
  })

  it('closes after what is in hand is finished, and not before', async () => {
    let finish: (() => void) | undefined
    const [a, b] = [
      await start(),
      await start({
        handlers: { hand: () => new Promise((resolve) => (finish = () => resolve({ accepted: 'late' }))) },
      }),
    ]
    befriend(a, b)
    await areLinked(a, b)
    const answer = a.edge.hand(b.agent.id, offerOf('slow'), payloadOf(10))
    await until(() => finish !== undefined, 'it is in hand')
    const closed = b.edge.close()
    setTimeout(() => finish?.(), 100)
    expect(await answer).to.deep.equal({ accepted: 'late' })
    await closed
  })

  it('that is closing does not wait for ever', async () => {
    let isInHand = false
    const hand = () => {
      isInHand = true
      return new Promise<never>(() => {})
    }
    const [a, b] = [await start(), await start({ limits: { closeMs: 100 }, handlers: { hand } })]
    befriend(a, b)
    await areLinked(a, b)
    const answer = failure(a.edge.hand(b.agent.id, offerOf('stuck'), payloadOf(10)))
    await until(() => isInHand, 'it is in hand')
    await b.edge.close() // or the time of this test ends it
    expect(await answer).to.have.property('code', 'closed')
  })
})
