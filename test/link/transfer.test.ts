import { createHash } from 'node:crypto'
import { closeSync } from 'node:fs'
import { readdir, readFile, readlink, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { LinkFault } from '../../gateway/link/handlers.ts'
import { linkLimits } from '../../gateway/link/limits.ts'
import { openParts } from '../../gateway/link/part.ts'
import { sleep } from '../../scripts/neighbourhood.ts'
import { agentsOfEach, areLinked, befriend, offerOf, payloadOf, startAgent, type TestAgent, until } from './agents.ts'
import { type Line, openLine } from './line.ts'

const MB = 2 ** 20

describe('a large payload', () => {
  const lines: Line[] = []
  afterEach(() => {
    for (const line of lines.splice(0)) line.close()
  })
  const { start } = agentsOfEach()
  /** a dials b over a line that can be cut, which a may hear by a ping only; this process may stand still for a while. */
  const lined = async (
    options: Parameters<typeof startAgent>[0] = { limits: { pingEveryMs: 500, pingTimeoutMs: 3000 } },
  ) => {
    const [a, b] = [await start(options), await start(options)]
    const line = await openLine(b.address)
    lines.push(line)
    b.neighbours.set(a.agent.id, { addresses: [], standing: 'linked' })
    a.neighbours.set(b.agent.id, { addresses: [line.address], standing: 'linked' })
    a.edge.refresh()
    await areLinked(a, b)
    return { a, b, line }
  }
  const partsOf = (agent: TestAgent) => readdir(join(agent.home, 'blob', 'part'))
  const isSame = async (agent: TestAgent, bytes: Buffer): Promise<boolean> => {
    const body = agent.hands.at(-1)?.body
    return body !== undefined && 'file' in body && (await readFile(join(agent.home, 'blob', body.file))).equals(bytes)
  }

  it('goes on after a cut where it was: the second attempt sends only the rest', async () => {
    const { a, b, line } = await lined()
    const payload = payloadOf(50 * MB)
    line.cutAfter(30 * MB)
    const first = await a.edge.hand(b.agent.id, offerOf('big'), payload).catch((error: unknown) => error)
    expect(first).to.have.property('code', 'closed')
    expect(b.hands).to.deep.equal([])

    await areLinked(a, b)
    const before = line.carried()
    expect(await a.edge.hand(b.agent.id, offerOf('big'), payload)).to.deep.equal({ accepted: 'receipt for big' })
    expect(await isSame(b, payload.bytes)).to.equal(true)

    const [, resumed = 0] = payload.opened
    expect(payload.opened[0]).to.equal(0)
    // What the line had carried is there, but for what was still in buffers on the way.
    expect(resumed).to.be.within(20 * MB, 30 * MB)
    expect(line.carried() - before).to.be.within(50 * MB - resumed, (50 * MB - resumed) * 1.01)
    expect(await b.counted('linkBytes', { direction: 'in' })).to.equal(50 * MB)
    expect(await partsOf(b)).to.deep.equal([])
  })

  it('goes on after the receiver was restarted, too', async () => {
    const { a, b, line } = await lined()
    const payload = payloadOf(20 * MB)
    line.cutAfter(15 * MB)
    await a.edge.hand(b.agent.id, offerOf('big'), payload).catch(() => {})
    await b.edge.close()
    const again = await start({ agent: b.agent, home: b.home, port: b.edge.address.port, kept: b.kept })
    again.neighbours.set(a.agent.id, { addresses: [], standing: 'linked' })
    await areLinked(a, again)
    await a.edge.hand(b.agent.id, offerOf('big'), payload)
    expect(payload.opened[1]).to.be.greaterThan(8 * MB)
    expect(await isSame(again, payload.bytes)).to.equal(true)
  })

  it('of which the kept part was damaged is sent again from its beginning, in the same call', async () => {
    const { a, b, line } = await lined()
    const payload = payloadOf(10 * MB)
    line.cutAfter(6 * MB)
    await a.edge.hand(b.agent.id, offerOf('big'), payload).catch(() => {})
    await areLinked(a, b)
    const [name = ''] = await partsOf(b)
    const path = join(b.home, 'blob', 'part', name)
    await writeFile(path, Buffer.alloc((await stat(path)).size)) // as a power cut may leave it
    expect(await a.edge.hand(b.agent.id, offerOf('big'), payload)).to.deep.equal({ accepted: 'receipt for big' })
    expect(payload.opened).to.have.length(3)
    expect(payload.opened[2]).to.equal(0)
    expect(await isSame(b, payload.bytes)).to.equal(true)
  })

  it('does not make small records wait: of 80 MB less than 2 go by while one is sent and answered', async () => {
    const { a, b, line } = await lined({})
    const payload = payloadOf(80 * MB)
    let isUnderWay = true
    const large = a.edge.hand(b.agent.id, offerOf('big'), payload).finally(() => {
      isUnderWay = false
    })
    const wentBy: number[] = []
    while (isUnderWay) {
      const before = line.carried()
      await a.edge.send(b.agent.id, ['a small record'])
      wentBy.push(line.carried() - before)
    }
    await large
    expect(wentBy.length).to.be.greaterThan(50)
    expect(Math.max(...wentBy)).to.be.below(2 * MB)
  })

  it('waits its turn: no more than two are under way at once', async () => {
    const { a, b } = await lined({})
    const payloads = Array.from({ length: 6 }, () => payloadOf(5 * MB))
    let most = 0
    const watch = setInterval(() => {
      most = Math.max(most, payloads.filter(({ opened }) => opened.length > 0).length - b.hands.length)
    }, 1)
    await Promise.all(payloads.map((payload, i) => a.edge.hand(b.agent.id, offerOf(`${i}`), payload)))
    clearInterval(watch)
    expect(most).to.be.within(1, linkLimits.largeHands)
    expect(b.hands).to.have.length(6)
  })

  it('that the neighbour does not take is refused without a byte of it', async () => {
    const { a, b } = await lined({ limits: { payloadBytes: MB } })
    const payload = payloadOf(2 * MB)
    expect(await a.edge.hand(b.agent.id, offerOf('big'), payload)).to.have.property('refused', 'payload-too-large')
    expect(payload.opened).to.deep.equal([])
  })

  it('may take the receiver longer than any time limit, as long as he shows life', async () => {
    const slow = { idleMs: 700, lifeSignMs: 50 } // both ends are in this process, which may stand still for a while
    const a = await start({ limits: slow })
    const b = await start({
      limits: slow,
      handlers: { hand: () => new Promise((resolve) => setTimeout(() => resolve({ accepted: 'at last' }), 1500)) },
    })
    befriend(a, b)
    await areLinked(a, b)
    expect(await a.edge.hand(b.agent.id, offerOf('slow'), payloadOf(MB))).to.deep.equal({ accepted: 'at last' })
    expect(await a.edge.hand(b.agent.id, offerOf('slow'), payloadOf(10))).to.deep.equal({ accepted: 'at last' })
  })

  it('may take him so long, but not a small one or a record: who shows life for ever would keep them for ever', async () => {
    const slow = { idleMs: 10_000, lifeSignMs: 50, answerMs: 700 }
    const never = async () => new Promise<never>(() => {})
    const [a, b] = [
      await start({ limits: slow }),
      await start({ limits: slow, handlers: { hand: never, records: never } }),
    ]
    befriend(a, b)
    await areLinked(a, b)
    const said = (work: Promise<unknown>) => work.catch((error: LinkFault) => error.code)
    const large = said(a.edge.hand(b.agent.id, offerOf('large'), payloadOf(MB)))
    const small = [a.edge.hand(b.agent.id, offerOf('small'), payloadOf(10)), a.edge.send(b.agent.id, ['record'])]
    expect(await Promise.all(small.map(said))).to.deep.equal(['timeout', 'timeout'])
    expect(await Promise.race([large, sleep(500)])).to.equal(undefined)
  })

  it('of ours that is shorter than it should be is our fault, and nobody else hears of it', async () => {
    const { a, b } = await lined()
    const payload = payloadOf(MB)
    const error = await a.edge
      .hand(b.agent.id, offerOf('short'), { ...payload, size: 2 * MB })
      .catch((caught: unknown) => String(caught))
    expect(error).to.include('our own payload')
    await until(async () => b.hands.length === 0 && (await b.counted('refusals')) === 0, 'b refused nothing')
    expect(await a.edge.send(b.agent.id, ['still linked'])).to.deep.equal([{ ok: true }])
  })
})

describe('unfinished payloads', () => {
  const sum = (name: string) => ({ sha256: createHash('sha256').update(name).digest('hex'), size: MB })
  const from = 'a'.repeat(52)

  it('are kept up to a number for each neighbour, the newest of them, and for a time', async () => {
    const agent = await startAgent()
    const parts = await openParts(agent.home, { ...linkLimits, partsPerNeighbour: 3, partKeepMs: 1000 })
    const folder = join(agent.home, 'blob', 'part')
    for (const [i, name] of ['one', 'two', 'three', 'four', 'five'].entries()) {
      const part = await parts.take(from, sum(name), 0)
      if ('retry' in part) return expect.fail('nothing to retry')
      await part.write(Buffer.alloc(1000))
      await part.keep()
      await utimes(join(folder, `${from}-${sum(name).sha256}`), new Date(i * 1000), new Date(i * 1000))
    }
    expect(await readdir(folder)).to.have.members(
      ['three', 'four', 'five'].map((name) => `${from}-${sum(name).sha256}`),
    )
    expect(await parts.offset(from, sum('five'))).to.equal(1000)
    expect(await parts.offset('b'.repeat(52), sum('five')), 'another neighbour has none').to.equal(0)
    await parts.sweep(4500)
    expect(await readdir(folder)).to.deep.equal([`${from}-${sum('five').sha256}`])
    await agent.stop()
    return undefined
  })

  it('are open once: who comes second waits for the first, and finds what it left', async () => {
    const agent = await startAgent()
    const parts = await openParts(agent.home, linkLimits)
    const first = await parts.take(from, sum('one'), 0)
    const second = parts.take(from, sum('one'), 500)
    if ('retry' in first) return expect.fail('nothing to retry')
    await first.write(Buffer.alloc(700))
    await first.keep()
    const part = await second
    expect(part).to.have.property('offset', 500)
    if ('keep' in part) await part.keep()
    expect(await parts.take(from, sum('one'), 900)).to.deep.equal({ retry: 500 })
    await agent.stop()
    return undefined
  })

  it('are let go of, also where the disk fails at their end', async () => {
    const agent = await startAgent()
    const parts = await openParts(agent.home, linkLimits)
    const first = await parts.take(from, sum('one'), 0)
    if ('retry' in first) return expect.fail('nothing to retry')
    await first.write(Buffer.alloc(700))
    await closeBehindItsBack(join(agent.home, 'blob', 'part', `${from}-${sum('one').sha256}`))
    const error = await first.keep().catch((error: NodeJS.ErrnoException) => error.code)
    expect(error).to.equal('EBADF')
    expect(await parts.take(from, sum('one'), 900)).to.deep.equal({ retry: 700 })
    await agent.stop()
    return undefined
  })
})

/** So that whoever has the file open can't close it. */
const closeBehindItsBack = async (path: string): Promise<void> => {
  const folder = '/proc/self/fd'
  for (const fd of await readdir(folder))
    if ((await readlink(join(folder, fd)).catch(() => '')) === path) closeSync(Number(fd))
}
