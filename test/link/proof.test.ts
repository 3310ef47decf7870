/** LINK1 between real link edges, on loopback. */
import { expect } from 'chai'
import { encodeHead } from '../../gateway/link/frame.ts'
import { LinkFault } from '../../gateway/link/handlers.ts'
import { Refusal } from '../../src/refusal.ts'
import {
  agentsOfEach,
  areLinked,
  befriend,
  offerOf,
  payloadOf,
  type startAgent,
  type TestAgent,
  until,
} from './agents.ts'
import { answerTo, dialHttp2, end, prove, request } from './foe.ts'
import { copyOf } from './ratchets.ts'

const HOUR = 3_600_000

describe('the proof on a link', () => {
  const { agents, start } = agentsOfEach()
  const two = async (options: Parameters<typeof startAgent>[0] = {}) => {
    const [a, b] = [await start(options), await start(options)]
    befriend(a, b)
    await areLinked(a, b)
    return [a, b] as const
  }
  const alarmsOf = ({ kept }: TestAgent) => kept.alarms.map(({ what }) => what)
  const keyOf = (one: TestAgent, other: TestAgent) => one.kept.ratchets.get(other.agent.id)?.key

  it('comes before everything else', async () => {
    const [a, b] = await two()
    const thief = await dialHttp2(b.address, a.agent) // the agent's key alone
    for (const path of ['/hand', '/hands', '/records', '/offset']) {
      const call = request(thief.session, path)
      call.end(
        path.startsWith('/hand') ? encodeHead({ ...offerOf('x'), sha256: '0'.repeat(64), size: 0, from: 0 }) : '[]',
      )
      expect(await answerTo(call), path).to.have.property('refused', 'link-unproven')
    }
    end(thief.session)
    expect([b.hands, b.records]).to.deep.equal([[], []])
  })

  it('of whoever has the key and not the secret is an alarm, and what is live ends', async () => {
    const [a, b] = await two()
    const thief = await dialHttp2(b.address, a.agent)
    const error = await prove(thief, b.agent.id).catch((fault: unknown) => fault)
    expect(error).to.be.instanceOf(Refusal).with.property('code', 'link-diverged')
    end(thief.session)
    expect([alarmsOf(a), alarmsOf(b)]).to.deep.equal([[], ['diverged']])
    b.edge.refresh() // as the gateway does on an alarm
    await until(() => !b.edge.isUp(a.agent.id), 'the link is cut')
    await until(() => alarmsOf(a).length > 0, 'and a hears why when it dials anew')
    expect([a.edge.isUp(b.agent.id), b.edge.isUp(a.agent.id)]).to.deep.equal([false, false])
  })

  it('is judged before a live link makes it busy: a thief can not hide behind the one it holds open', async () => {
    const [a, b] = await two()
    const copy = copyOf(a.kept)
    await a.stop()
    agents.splice(agents.indexOf(a), 1)
    const thief = await start({ agent: a.agent, kept: copy })
    thief.neighbours.set(b.agent.id, { addresses: [b.address], standing: 'linked' })
    thief.edge.refresh()
    await areLinked(thief, b)
    const again = await dialHttp2(b.address, a.agent)
    const error = await prove(again, b.agent.id, a.kept).catch((fault: unknown) => fault)
    expect(error).to.be.instanceOf(Refusal).with.property('code', 'link-diverged')
    expect(alarmsOf(b)).to.deep.equal(['diverged'])
    end(again.session)
  })

  it('of the true one beside its own live link is busy, and no alarm', async () => {
    const [a, b] = await two()
    const again = await dialHttp2(b.address, a.agent)
    const error = await prove(again, b.agent.id, copyOf(a.kept)).catch((fault: unknown) => fault)
    expect(error).to.be.instanceOf(LinkFault).with.property('code', 'busy')
    end(again.session)
    expect([alarmsOf(a), alarmsOf(b), a.downs, b.downs]).to.deep.equal([[], [], [], []])
  })

  it('is given again and again on a link that lives, and nothing waits for it', async () => {
    const [a, b] = await two({ limits: { ratchetMs: 20 } })
    const seen = new Set<string>()
    for (let i = 0; seen.size < 5; i++) {
      seen.add(keyOf(a, b) ?? '')
      expect(await a.edge.hand(b.agent.id, offerOf(`${i}`), payloadOf(100))).to.have.property('accepted')
    }
    expect([alarmsOf(a), alarmsOf(b), a.downs, b.downs]).to.deep.equal([[], [], [], []])
  })

  it('holds through dials that cross and links that are cut, fifty times', async () => {
    const [a, b] = [await start(), await start()]
    befriend(a, b, 'both')
    for (let i = 0; i < 50; i++) {
      await until(() => a.edge.isUp(b.agent.id) || b.edge.isUp(a.agent.id), 'a link')
      const cut = i % 2 ? a : b
      const other = i % 2 ? b : a
      const known = cut.neighbours.get(other.agent.id) ?? expect.fail()
      cut.neighbours.delete(other.agent.id)
      cut.edge.refresh()
      cut.neighbours.set(other.agent.id, known)
      cut.edge.refresh()
    }
    await areLinked(a, b)
    expect([alarmsOf(a), alarmsOf(b)]).to.deep.equal([[], []])
    await until(() => keyOf(a, b) === keyOf(b, a), 'one secret')
  }).timeout(60_000)

  it('with a clock that was set is a warning, and the link is up', async () => {
    let aheadMs = 0
    const a = await start({ now: () => Date.now() + aheadMs })
    const b = await start()
    befriend(a, b)
    await areLinked(a, b)
    aheadMs = HOUR
    b.edge.refresh()
    const known = b.neighbours.get(a.agent.id) ?? expect.fail()
    b.neighbours.delete(a.agent.id)
    b.edge.refresh()
    await until(() => !a.edge.isUp(b.agent.id), 'the link is cut')
    b.neighbours.set(a.agent.id, known)
    await areLinked(a, b)
    expect([alarmsOf(a), alarmsOf(b)]).to.deep.equal([['clock-warning'], ['clock-warning']])
  })

  it('is begun anew with whoever says by a REKEY that it lost its state, as host and as guest', async () => {
    for (const who of ['guest', 'host'] as const) {
      const [a, b] = await two()
      const lost = who === 'guest' ? a : b
      const other = who === 'guest' ? b : a
      const was = lost.kept.ratchets.get(other.agent.id) ?? expect.fail()
      const { key: _key, ...rest } = was
      lost.kept.ratchets.set(other.agent.id, {
        ...rest,
        n: 0,
        times: [],
        initial: 'open',
        rekey: { epoch: 1, reason: 'restore' },
      })
      const known = b.neighbours.get(a.agent.id) ?? expect.fail()
      b.neighbours.delete(a.agent.id)
      b.edge.refresh()
      await until(() => !a.edge.isUp(b.agent.id), 'the link is cut')
      b.neighbours.set(a.agent.id, known)
      await areLinked(a, b)
      expect([alarmsOf(a), alarmsOf(b)]).to.deep.equal([[], []])
      expect(lost.kept.ratchets.get(other.agent.id)?.rekey, 'it is owed no more').to.equal(undefined)
    }
  })
})
