import { expect } from 'chai'
import { targetOfAddress } from '../../src/address.ts'
import { apply } from '../../src/apply.ts'
import type { Step } from '../../src/effect.ts'
import type { Event } from '../../src/event.ts'
import { routeOf } from '../../src/route/cache.ts'
import type { Path } from '../../src/route/search.ts'
import type { State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import { b, bob, HOUR, link, MINUTE, me, now, r, s, stranger, world } from '../custody/rows.ts'

const target = targetOfAddress('eve@far.test')
const far = stranger
const run = (state: State, event: Event, when = now): Step => {
  const made = step(state, event, when)
  for (const change of made.changes) apply(state, change)
  return made
}
const search = (of: string, more: Partial<Extract<Event, { on: 'search' }>> = {}): Event => ({
  on: 'search',
  target: targetOfAddress(of),
  seed: of,
  ...more,
})
const does = (made: Step): string[] =>
  made.effects.map((effect) => {
    if (effect.do === 'searched') return effect.result
    return effect.do === 'tell' ? `${effect.message.t} ${effect.to[0]}` : effect.do
  })
const begun = (made: Step) => does(made).includes('WHO r')
const qidOf = (state: State): string => [...state.quests.values()][0] ?? ''
const pathTo = (state: State, hops: string[]): Path => ({
  record: { qid: qidOf(state), target, entity: bob, route: hops, card: 'f'.repeat(64), expires: now + HOUR },
  known: { entity: bob, address: 'eve@far.test', agent: far, expires: now + 1000 * HOUR },
  card: 'card',
  message: { t: 'PATH', path: 'path', hops: [], card: 'card' },
})
const searching = (more: Partial<Extract<Event, { on: 'search' }>> = {}) => {
  const state = world()
  state.known.clear()
  state.knownAt.clear()
  state.routes.clear()
  for (const agent of [b, far]) state.links.set(agent, link(agent))
  const made = run(state, search('eve@far.test', more))
  return { state, made }
}
const ways = (state: State) =>
  (state.routes.get(bob) ?? []).map((way) =>
    way.hops
      .slice(1)
      .map((hop) => hop[0])
      .join(''),
  )

describe('route: how often we ask', () => {
  it('a burst of mail to many addresses waits its turn: ten at once, then one every six seconds', () => {
    const state = world()
    const waits: number[] = []
    for (let i = 0; i < 30; i++) {
      const made = run(state, search(`${i}@far.test`))
      const later = made.effects.find((effect) => effect.do === 'ring')
      waits.push(begun(made) ? 0 : ((later?.do === 'ring' ? later.at : 0) - now) / 1000)
    }
    expect(waits.slice(0, 10)).to.deep.equal(Array(10).fill(0))
    expect(waits.slice(10)).to.deep.equal(Array.from({ length: 20 }, (_, i) => 6 * (i + 1)))
    const [, queued] = [...state.searches.values()].filter((one) => one.at === 'queued')
    expect(begun(run(state, { on: 'ring', qid: queued?.qid ?? '' }, now + 12_000))).to.equal(true)
    expect(does(run(state, search('15@far.test', { seed: 'another' }))), 'asked for again, it waits on').to.deep.equal(
      [],
    )
  })

  it('whoever would wait longer than ten minutes asks again later', () => {
    const state = world()
    for (let i = 0; i < 110; i++) run(state, search(`${i}@far.test`))
    expect(does(run(state, search('late@far.test')))).to.deep.equal(['undecided'])
    expect(begun(run(state, search('late@far.test'), now + 30 * MINUTE))).to.equal(true)
  })

  it('whoever asks after the clock was set back waits for none of the turns before', () => {
    const state = world()
    for (let i = 0; i < 110; i++) run(state, search(`${i}@far.test`))
    expect(begun(run(state, search('late@far.test'), now - HOUR))).to.equal(true)
  })

  it('what came to nothing before leaves half of the minute to what is new', () => {
    const state = world()
    const again = Array.from({ length: 9 }, (_, i) => begun(run(state, search(`${i}@far.test`, { isAgain: true }))))
    expect(again.filter(Boolean)).to.have.length(6)
    expect(begun(run(state, search('new@far.test')))).to.equal(true)
  })

  it('that nobody knows a target is believed for five minutes, or until a neighbour comes', () => {
    const unknown = () => {
      const { state } = searching()
      for (const from of [r, s, b, far]) run(state, { on: 'none', from, qid: qidOf(state), cut: false })
      expect(does(run(state, search('eve@far.test')))).to.deep.equal(['unknown'])
      expect(begun(step(state, search('eve@far.test', { isAgain: true }), now)), 'but mail that waits asks').to.equal(
        true,
      )
      return state
    }
    expect(begun(run(unknown(), search('eve@far.test'), now + 5 * MINUTE))).to.equal(true)
    const late = unknown()
    run(late, { on: 'sweep' }, now + 5 * MINUTE - 1)
    expect(late.missing.size).to.equal(1)
    run(late, { on: 'sweep' }, now + 5 * MINUTE)
    expect(late.missing.size).to.equal(0)
    const state = unknown()
    run(state, { on: 'up', agent: s })
    expect(begun(run(state, search('eve@far.test')))).to.equal(true)
  })

  it('a new neighbour is a new part of the web: whoever waits for a path looks again', () => {
    const made = run(world(), { on: 'linked', link: link(b) })
    expect(made.effects).to.deep.include({ do: 'wake', awaits: 'who:' })
  })

  it('who waits for a path looks again when a new neighbour connects, or the first after none', () => {
    const ofUp = (old: boolean, others: boolean, up = false) => {
      const state = world()
      for (const one of state.links.values()) one.up = others
      state.links.set(b, link(b, { up, since: old ? now - 11 * MINUTE : now }))
      return step(state, { on: 'up', agent: b }, now).effects.filter(({ do: what }) => what === 'seek').length
    }
    expect(ofUp(false, true)).to.equal(1)
    expect(ofUp(true, false)).to.equal(1)
    expect(ofUp(true, true)).to.equal(0)
    expect(ofUp(false, false, true), 'it was thought connected').to.equal(0)
  })

  it('neighbours that took it and were silent are not asked, so nobody may say that nobody knows it', () => {
    const { state, made } = searching({ without: [r, s] })
    expect(does(made)).to.deep.equal(['WHO b', 'WHO x', 'ring'])
    expect(begun(run(state, search('eve@far.test'))), 'another search than one over all').to.equal(true)
  })

  it('whoever found nothing before, or was led astray, wants no answer from memory', () => {
    const fresh = (more: Partial<Extract<Event, { on: 'search' }>>) =>
      searching(more).made.effects.map(
        (effect) => effect.do === 'tell' && effect.message.t === 'WHO' && effect.message.fresh,
      )
    expect(fresh({})).not.to.include(true)
    expect(fresh({ isAgain: true })).to.include(true)
    expect(fresh({ without: [r] })).to.include(true)
  })
})

describe('route: more than one way', () => {
  it('answers of the next second are kept if they share no link, three at most', () => {
    const { state } = searching()
    const take = (hops: string[], when: number) => {
      run(state, { on: 'path', from: hops[1] ?? '', path: pathTo(state, hops) }, when)
      return ways(state)
    }
    expect(take([me, r, far], now)).to.deep.equal(['rx'])
    expect(take([me, b, r, far], now + 500), 'shares its last link').to.deep.equal(['rx'])
    expect(take([me, s, far], now + 1000)).to.deep.equal(['rx', 'sx'])
    expect(take([me, far], now + 1001), 'too late').to.deep.equal(['rx', 'sx'])
  })

  it('three at most, though a new search finds a fourth', () => {
    const { state } = searching()
    const take = (hops: string[], when = now) =>
      run(state, { on: 'path', from: hops[1] ?? '', path: pathTo(state, hops) }, when)
    const hops = [r, s, b].map((agent) => [me, agent, far])
    for (const way of hops) take(way)
    expect(take([me, far]).effects, 'who waits has three').to.deep.equal([])
    expect(ways(state)).to.deep.equal(['rx', 'sx', 'bx'])
    run(state, { on: 'ring', qid: qidOf(state) }, now + 1000)
    run(state, search('eve@far.test', { seed: 'again' }), now + MINUTE)
    take([me, far], now + MINUTE)
    expect(ways(state)).to.deep.equal(['x', 'rx', 'sx'])
  })

  it('a way that is over, or leads to where they were before, makes room', () => {
    const { state } = searching()
    for (const [hops, expires] of [
      [[me, s, far], now],
      [[me, b, s], now + HOUR],
    ] as const)
      apply(state, { put: 'route', row: routeOf({ entity: bob, hops: [...hops], expires }) })
    run(state, { on: 'path', from: r, path: pathTo(state, [me, r, far]) })
    expect(ways(state)).to.deep.equal(['rx'])
  })

  it('of each neighbour one answer is heard', () => {
    const { state } = searching()
    for (const hops of [
      [me, r, far],
      [me, r, s, far],
    ])
      run(state, { on: 'path', from: r, path: pathTo(state, hops) })
    expect(ways(state)).to.deep.equal(['rx'])
    const two = searching().state
    run(two, { on: 'none', from: r, qid: qidOf(two), cut: true })
    run(two, { on: 'path', from: r, path: pathTo(two, [me, r, far]) })
    expect(ways(two)).to.deep.equal([])
  })

  it('then the search is over', () => {
    const { state } = searching()
    const qid = qidOf(state)
    const found = run(state, { on: 'path', from: r, path: pathTo(state, [me, r, far]) })
    const end = found.effects.find((effect) => effect.do === 'ring')
    expect(end).to.deep.include({ qid, at: now + 1000 })
    run(state, { on: 'ring', qid }, now + 999)
    expect(state.searches.get(qid)?.at).to.equal('asking')
    run(state, { on: 'ring', qid }, now + 1000)
    expect([state.searches.get(qid)?.at, state.quests.size]).to.deep.equal(['over', 0])
  })

  it('so it is though the clock was set back in its last second', () => {
    const { state } = searching()
    const qid = qidOf(state)
    run(state, { on: 'path', from: r, path: pathTo(state, [me, r, far]) })
    run(state, { on: 'ring', qid }, now + 1000 - HOUR)
    expect([state.searches.get(qid)?.at, state.quests.size]).to.deep.equal(['over', 0])
  })

  it('a way over somebody who was silent lately is kept, and the rings go on', () => {
    const { state } = searching()
    state.blamed.set(r, { agent: r, times: 1, until: now + HOUR })
    expect(does(run(state, { on: 'path', from: r, path: pathTo(state, [me, r, far]) }))).to.deep.equal(['wake', 'wake'])
    let last: Step = { changes: [], effects: [] }
    for (let ring = 1; ring < 5; ring++) run(state, { on: 'ring', qid: qidOf(state) })
    for (const from of [r, s, b, far]) last = run(state, { on: 'none', from, qid: qidOf(state), cut: false })
    expect([does(last), ways(state), state.missing.size]).to.deep.equal([['found'], ['rx'], 0])
  })

  it('a new search puts its way before the others, and those that share a link with it go', () => {
    const { state } = searching()
    run(state, { on: 'path', from: r, path: pathTo(state, [me, r, far]) })
    run(state, { on: 'path', from: s, path: pathTo(state, [me, s, far]) })
    run(state, { on: 'ring', qid: qidOf(state) }, now + 1000)
    run(state, search('eve@far.test', { seed: 'again' }), now + MINUTE)
    run(state, { on: 'path', from: b, path: pathTo(state, [me, b, r, far]) }, now + MINUTE)
    expect(ways(state)).to.deep.equal(['brx', 'sx'])
  })

  it('is held for ten thousand: whoever was not written to for the longest goes', () => {
    const { state } = searching()
    for (let i = 0; i < 10_000; i++)
      state.routes.set(`${i}`, [{ key: `${i}/a`, entity: `${i}`, hops: [me, r], expires: now + HOUR }])
    apply(state, { note: { of: 'use', entity: '0' } })
    run(state, { on: 'path', from: r, path: pathTo(state, [me, r, far]) })
    const held = () => ['0', '1', '2', bob].filter((entity) => state.routes.has(entity))
    expect([state.routes.size, held()]).to.deep.equal([10_000, ['0', '2', bob]])
    run(state, { on: 'path', from: s, path: pathTo(state, [me, s, far]) })
    expect(held(), 'another way to one of them').to.deep.equal(['0', '2', bob])
  })

  it('nobody goes while there is room', () => {
    const { state } = searching()
    state.routes.set('0', [{ key: '0/a', entity: '0', hops: [me, r], expires: now + HOUR }])
    run(state, { on: 'path', from: r, path: pathTo(state, [me, r, far]) })
    expect([...state.routes.keys()]).to.deep.equal(['0', bob])
  })
})
