/**
 * Searches under attack: floods of queries, ways that broke and ways that somebody only says are broken,
 * answers from memory that are good, and that are stale.
 */
import { expect } from 'chai'
import { targetOfAddress } from '../../src/address.ts'
import { decodeMessage, encodeMessage, type Message } from '../../src/wire/record.ts'
import type { Agent } from './agent.ts'
import { dropCalls, moveIn, pass, revoke } from './scene.ts'
import { at, entityOf, found, HOUR, MINUTE, type Village, write } from './village.ts'

const villageOf = (count: number, links: [number, number][], seed = 1) => {
  const village = found(seed, count, links)
  pass(village, 1000)
  return {
    village,
    agents: Array.from({ length: count }, (_, i) => at(village, i)) as [Agent, Agent, Agent, Agent, Agent],
  }
}

/** What goes over the links, by whom, of one kind. */
const watch = (village: Village, kind: Message['t']) => {
  const seen: { from: string; to: string; message: Message }[] = []
  dropCalls(village, (from, to, call) => {
    if ('records' in call)
      for (const message of call.records.map(decodeMessage)) if (message.t === kind) seen.push({ from, to, message })
    return false
  })
  return seen
}

const say = (village: Village, from: Agent, to: Agent, ...messages: Message[]): void => {
  village.carrier.call(from.id, to.id, { records: messages.map(encodeMessage) }, () => {})
}

describe('the village searches', () => {
  it('a flood of queries stays with who floods: those behind the same neighbour are heard, the rest is spared', () => {
    // The flooder F and the honest H live behind N; T is two hops further on.
    const { village, agents } = villageOf(5, [
      [0, 2],
      [1, 2],
      [2, 3],
      [3, 4],
    ])
    const [f, h, n, r, t] = agents
    const queries = watch(village, 'WHO')
    const flood = (i: number) => {
      const { random } = village
      const more = { target: targetOfAddress(`${i}@nowhere.test`), ttl: 5, hops: [f.id], withinMs: 60_000 }
      say(village, f, n, { t: 'WHO', qid: random.id(), ...more })
    }
    for (let i = 0; i < 6000; i++) village.clock.in(i * 10, () => flood(i)) // a hundred a second, for a minute
    village.clock.in(30_000, () => write(village, h, [{ address: 'p@4.test' }]))
    pass(village, 2 * MINUTE)
    expect(t.mail.map((letter) => letter.text)).to.deep.equal([village.written[0]?.text])
    const beyond = queries.filter(({ from, to }) => from === n.id && to === r.id)
    expect(beyond.length, 'of six thousand').to.be.below(60)
    expect(n.state.searches.size).to.be.below(60)
  })

  it('a flooder that claims to ask for many takes no more than its own neighbour’s share', () => {
    const { village, agents } = villageOf(4, [
      [0, 1],
      [1, 2],
      [1, 3],
    ])
    const [f, n, r, h] = agents
    const queries = watch(village, 'WHO')
    for (let i = 0; i < 3000; i++)
      village.clock.in(i * 20, () => {
        const hops = [entityOf(`${i}`), f.id]
        const more = { target: targetOfAddress(`${i}@nowhere.test`), ttl: 4, hops, withinMs: 60_000 }
        say(village, f, n, { t: 'WHO', qid: village.random.id(), ...more })
      })
    village.clock.in(30_000, () => write(village, h, [{ address: 'p@2.test' }]))
    pass(village, 2 * MINUTE)
    expect(r.mail).to.have.length(1)
    expect(queries.filter(({ from, to }) => from === n.id && to === r.id).length).to.be.below(60)
  })

  it('a query that lies about its way goes no further: round in a circle, or in the name of another neighbour', () => {
    const { village, agents } = villageOf(4, [
      [0, 1],
      [1, 2],
      [1, 3],
    ])
    const [f, n, , h] = agents
    const queries = watch(village, 'WHO')
    const more = { target: targetOfAddress('p@2.test'), ttl: 4, withinMs: 60_000 }
    for (const hops of [[h, n, f], [n, f], [f, h], [h]])
      say(village, f, n, { t: 'WHO', qid: village.random.id(), hops: hops.map(({ id }) => id), ...more })
    pass(village, MINUTE)
    expect(queries.filter(({ from }) => from === n.id)).to.deep.equal([])
    say(village, f, n, { t: 'WHO', qid: village.random.id(), hops: [h.id, f.id], ...more })
    pass(village, MINUTE)
    expect(queries.filter(({ from }) => from === n.id).length, 'an honest one does').to.be.at.least(1)
  })

  it('a query goes over each link a time or two, not along every path, where all know all', () => {
    const count = 7
    const { village, agents } = villageOf(
      count,
      Array.from({ length: count }, (_, i) => Array.from({ length: i }, (__, j): [number, number] => [j, i])).flat(),
    )
    const queries = watch(village, 'WHO')
    agents[0].raise({ on: 'search', target: targetOfAddress('nobody@nowhere.test'), seed: village.random.id() })
    pass(village, 5 * MINUTE)
    const rings = new Map<string, number>()
    for (const { message } of queries)
      if (message.t === 'WHO') rings.set(message.qid, (rings.get(message.qid) ?? 0) + 1)
    expect(rings.size).to.be.at.least(2)
    // 42 ways over 21 links; one that may go further than the copy before it is sent on in its place. By all paths: 1956.
    for (const sent of rings.values()) expect(sent).to.be.at.most(2 * 42)
  })

  it('a burst of mail to many strangers waits its turn, and all of it arrives', () => {
    const { village, agents } = villageOf(3, [
      [0, 1],
      [1, 2],
    ])
    const [a, , b] = agents
    for (let i = 0; i < 40; i++) moveIn(village, b, `many${i}@2.test`)
    write(
      village,
      a,
      Array.from({ length: 40 }, (_, i) => ({ address: `many${i}@2.test` })),
    )
    pass(village, 5000)
    expect(b.mail.length, 'the first ten at once').to.be.within(8, 12)
    pass(village, 10 * MINUTE)
    expect(b.mail).to.have.length(40)
  })

  it('a relay answers from memory, and mail goes that way', () => {
    // C – R – Y – T: R has written to T before.
    const { village, agents } = villageOf(4, [
      [0, 1],
      [1, 2],
      [2, 3],
    ])
    const [c, r, y, t] = agents
    write(village, r, [{ address: 'p@3.test' }])
    pass(village, MINUTE)
    const queries = watch(village, 'WHO')
    write(village, c, [{ address: 'p@3.test' }])
    pass(village, MINUTE)
    expect(queries.map(({ from, to }) => [from, to])).to.deep.equal([[c.id, r.id]])
    expect(c.state.routes.get(entityOf('p@3.test'))?.map(({ hops }) => hops)).to.deep.equal([[c.id, r.id, y.id, t.id]])
    expect(t.mail).to.have.length(2)
  })

  it('memory that is stale costs the time of a silence, not the message', () => {
    // C – R – Y – T, and C – S – T: Y is no neighbour of T's any more, and R does not know.
    const { village, agents } = villageOf(5, [
      [0, 1],
      [1, 2],
      [2, 3],
      [0, 4],
      [4, 3],
    ])
    const [c, r, y, t, s] = agents
    for (const other of [c, t]) village.carrier.turn(s.id, other.id, false)
    write(village, r, [{ address: 'p@3.test' }])
    pass(village, MINUTE)
    revoke(village, y, t)
    village.carrier.turn(s.id, c.id, true)
    pass(village, 1000)
    write(village, c, [{ address: 'p@3.test' }])
    pass(village, MINUTE)
    expect(c.state.known.get(entityOf('p@3.test'))?.agent, 'learned from memory').to.equal(t.id)
    village.carrier.turn(s.id, t.id, true)
    pass(village, HOUR)
    expect(t.mail).to.have.length(2)
  })

  it('a broken way is told back along it, and the next letter takes another at once', () => {
    // A – R – Y – B and A – S – B; Y parts with B while R has a letter for it.
    const { village, agents } = villageOf(5, [
      [0, 1],
      [1, 2],
      [2, 3],
      [0, 4],
      [4, 3],
    ])
    const [a, r, y, b, s] = agents
    village.carrier.turn(s.id, b.id, false)
    write(village, a, [{ address: 'p@3.test' }])
    pass(village, MINUTE)
    const entity = entityOf('p@3.test')
    expect(a.state.routes.get(entity)?.map(({ hops }) => hops)).to.deep.equal([[a.id, r.id, y.id, b.id]])
    revoke(village, y, b)
    village.carrier.turn(s.id, b.id, true)
    pass(village, 1000)
    const failures = watch(village, 'RERR')
    write(village, a, [{ address: 'p@3.test' }])
    pass(village, MINUTE)
    expect(failures.map(({ from, to }) => [from, to])).to.deep.equal([
      [y.id, r.id],
      [r.id, a.id],
    ])
    expect(a.state.routes.get(entity)?.some(({ hops }) => hops.includes(y.id)) ?? false).to.equal(false)
    write(village, a, [{ address: 'p@3.test' }])
    pass(village, MINUTE)
    expect(b.mail.map((letter) => letter.text)).to.include(village.written[2]?.text)
    pass(village, HOUR)
    expect(b.mail).to.have.length(3)
  })

  it('nobody can break a way by saying so', () => {
    // A – R – B, and X beside them, a neighbour of both A and R.
    const { village, agents } = villageOf(4, [
      [0, 1],
      [1, 2],
      [3, 0],
      [3, 1],
    ])
    const [a, r, b, x] = agents
    write(village, a, [{ address: 'p@2.test' }])
    pass(village, MINUTE)
    const entity = entityOf('p@2.test')
    const before = a.state.routes.get(entity)
    const rerr = (by: Agent, route: Agent[], next: Agent, at = village.clock.now) =>
      village.notary.sign(by.id, 'RERR', {
        route: route.map(({ id }) => id),
        next: next.id,
        entity,
        reason: 'revoked',
        at,
      })
    const lies = [rerr(x, [a, r, b], b), rerr(x, [a, x, b], b), rerr(x, [a, x, r, b], r), rerr(x, [a, r, x, b], b)]
    const stolen = rerr(r, [a, r, b], b).replace(r.id, x.id)
    say(village, x, a, ...lies.map((lie): Message => ({ t: 'RERR', rerr: lie })), { t: 'RERR', rerr: stolen })
    pass(village, 1000)
    const genuine = rerr(r, [a, r, b], b)
    say(village, x, a, { t: 'RERR', rerr: genuine }) // however X came by it, R has not said so to A
    say(village, r, a, { t: 'RERR', rerr: rerr(r, [a, r, b], b, village.clock.now - 61 * MINUTE) }) // kept from another day
    pass(village, 1000)
    expect(a.state.routes.get(entity)).to.deep.equal(before)
    say(village, r, a, { t: 'RERR', rerr: genuine })
    pass(village, 1000)
    expect(a.state.routes.get(entity), 'but R about its own next link').to.equal(undefined)
  })
})
