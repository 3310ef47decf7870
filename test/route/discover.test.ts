import { expect } from 'chai'
import fc from 'fast-check'
import { targetOfAddress, targetOfEntity } from '../../src/address.ts'
import { apply } from '../../src/apply.ts'
import type { Step } from '../../src/effect.ts'
import { ringWaitMs } from '../../src/route/ask.ts'
import { routeOf } from '../../src/route/cache.ts'
import type { Known, Path, Search } from '../../src/route/search.ts'
import { emptyState, type State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import { MAX_HOPS, type Who } from '../../src/wire/record.ts'
import { ann, b, bob, HOUR, link, me, now, r, s, stranger, world } from '../custody/rows.ts'

const target = targetOfAddress('eve@far.test')
const seed = '0'.repeat(32)
const eve = bob
const far = b
const qidOf = (step: Step): string => {
  const put = step.changes.findLast(
    (change) => 'put' in change && change.put === 'search' && change.row.at === 'asking',
  )
  return put && 'put' in put && put.put === 'search' ? put.row.qid : ''
}
/** Told to whom, what: `WHO r`, `NONE r cut`; and the other effects by name. */
const said = (made: Step): string[] =>
  made.effects.map((effect) => {
    if (effect.do === 'searched') return effect.result
    if (effect.do === 'answer' || effect.do === 'pass') return `${effect.do} ${effect.to[0]}`
    if (effect.do !== 'tell') return effect.do
    const { t } = effect.message
    const more = effect.message.t === 'NONE' ? (effect.message.cut ? ' cut' : ' end') : ''
    return `${t} ${effect.to[0]}${more}`
  })
/** The state after some events, and what the last of them led to. */
const once = (state: State, ...events: Parameters<typeof step>[1][]): Step => {
  let made: Step = { changes: [], effects: [] }
  for (const event of events) {
    made = step(state, event, now)
    for (const change of made.changes) apply(state, change)
  }
  return made
}
const searching = (state = world()) => {
  const made = once(state, { on: 'search', target, seed })
  return { state, qid: qidOf(made), made }
}
const pathTo = (qid: string, route: string[], more: Partial<Path['record']> = {}): Path => ({
  record: { qid, target, entity: eve, route, card: 'f'.repeat(64), expires: now + HOUR, ...more },
  known: { entity: eve, address: 'eve@far.test', agent: far, expires: now + 1000 * HOUR },
  card: 'card',
  message: { t: 'PATH', path: 'path', hops: [], card: 'card' },
})

describe('route: the asker', () => {
  it('asks every neighbour that is up, and sets the ring its time', () => {
    const { made } = searching()
    expect(said(made)).to.deep.equal(['WHO r', 'WHO s', 'ring'])
    expect(made.effects.at(-1)).to.deep.include({ at: now + ringWaitMs(1) })
  })

  it('joins a search that is under way', () =>
    expect(said(once(searching().state, { on: 'search', target, seed: '1'.repeat(32) }))).to.deep.equal([]))

  it('without neighbours nobody knows it; with neighbours that are away nothing is decided', () => {
    expect(said(once(emptyState(me, 'me.test'), { on: 'search', target, seed }))).to.deep.equal(['unknown'])
    const away = world()
    for (const agent of [r, s]) away.links.set(agent, link(agent, { up: false }))
    expect(said(once(away, { on: 'search', target, seed }))).to.deep.equal(['undecided'])
  })

  const none = (from: string, cut: boolean) => (qid: string) => ({ on: 'none' as const, from, qid, cut })
  const ring = () => (qid: string) => ({ on: 'ring' as const, qid })
  const ends: [what: string, events: ((qid: string) => Parameters<typeof step>[1])[], said: string[]][] = [
    ['one branch is exhausted: the others are waited for', [none(r, false)], []],
    ['all are, and nothing was cut: unknown', [none(r, false), none(s, false)], ['unknown']],
    ['all are, and one was cut: the next ring', [none(r, true), none(s, false)], ['WHO r', 'WHO s', 'ring']],
    ['its time is up: the next ring', [none(r, false), ring()], ['WHO r', 'WHO s', 'ring']],
    ['a second word of the same neighbour counts for nothing', [none(r, false), none(r, true)], []],
    ['nor does one of somebody who was not asked', [none(stranger, true), none(b, true)], []],
    ['nor the time of a ring that is over', [none(r, false), none(s, false), ring()], []],
  ]
  for (const [what, events, expected] of ends)
    it(what, () => {
      const { state, qid } = searching()
      expect(said(once(state, ...events.map((event) => event(qid))))).to.deep.equal(expected)
    })

  it('five rings, each wider and longer, and then it is undecided', () => {
    const { state, made } = searching()
    let last = made
    const ttls: number[] = []
    const waits: number[] = []
    for (let ring = 1; ring <= 5; ring++) {
      const [who] = last.effects.flatMap((effect) =>
        effect.do === 'tell' && effect.message.t === 'WHO' ? [effect.message] : [],
      )
      ttls.push(who?.ttl ?? 0)
      waits.push(who?.withinMs ?? 0)
      last = once(state, { on: 'ring', qid: qidOf(last) })
    }
    expect(ttls).to.deep.equal([1, 2, 3, 4, 5])
    expect(waits).to.deep.equal([4000, 8000, 16_000, 32_000, 64_000])
    expect([said(last), state.missing.size], 'and nobody takes it for unknown').to.deep.equal([['undecided'], 0])
  })

  it('takes the path that was asked for, and wakes who waits for it', () => {
    const { state, qid } = searching()
    const made = once(state, { on: 'path', from: r, path: pathTo(qid, [me, r, far]) })
    expect(said(made)).to.deep.equal(['found', 'wake', 'wake', 'ring'])
    expect(state.routes.get(eve)?.[0]?.hops).to.deep.equal([me, r, far])
    expect(state.knownAt.get('eve@far.test')).to.equal(eve)
    expect(said(once(state, { on: 'path', from: s, path: pathTo(qid, [me, s, far]) })), 'another way').to.deep.equal([
      'wake',
      'wake',
    ])
  })

  const refused: [what: string, from: string, path: (qid: string) => Path][] = [
    ['for a query it never asked', r, () => pathTo('f'.repeat(32), [me, r, far])],
    ['for another target', r, (qid) => pathTo(qid, [me, r, far], { target: targetOfEntity(ann) })],
    ['that came by another neighbour than it says', s, (qid) => pathTo(qid, [me, r, far])],
    ['that does not start here', r, (qid) => pathTo(qid, [s, me, r, far])],
    ['that does not lead here at all', r, (qid) => pathTo(qid, [s, r, far])],
    ['that is over', r, (qid) => pathTo(qid, [me, r, far], { expires: now })],
    ['of somebody it did not ask', b, (qid) => pathTo(qid, [me, b])],
  ]
  for (const [what, from, path] of refused)
    it(`takes no path ${what}, and then none of that neighbour`, () => {
      const { state, qid } = searching()
      const then = { on: 'path' as const, from, path: pathTo(qid, [me, from, far]) }
      expect(said(once(state, { on: 'path', from, path: path(qid) }))).to.deep.equal([])
      expect(said(once(state, then)).includes('found')).to.equal(what === 'for a query it never asked')
    })

  it('goes on to the next ring where nobody has an answer that holds', () => {
    const { state, qid } = searching()
    const over = (from: string) => ({
      on: 'path' as const,
      from,
      path: pathTo(qid, [me, from, far], { expires: now }),
    })
    expect(said(once(state, over(r), over(s)))).to.deep.equal(['WHO r', 'WHO s', 'ring'])
  })

  it('takes no path over a link that was revoked meanwhile', () => {
    const { state, qid } = searching()
    const made = once(state, { on: 'unlinked', agent: r }, { on: 'path', from: r, path: pathTo(qid, [me, r, far]) })
    expect(said(made)).to.deep.equal([])
  })

  it('keeps the key it knows for an address, and the claim of another beside it', () => {
    const state = world()
    const holder: Known = { entity: stranger, address: 'eve@far.test', agent: s, expires: now + HOUR }
    apply(state, { put: 'known', row: holder, card: 'theirs' })
    const claim = () => {
      const path = { ...pathTo(searching(state).qid, [me, r, far]), kept: 'theirs' }
      return once(state, { on: 'path', from: r, path })
    }
    const first = claim()
    expect(said(first)).to.deep.equal(['log', 'wake', 'wake', 'undecided'])
    const row = { ...holder, rival: { entity: eve, agent: far, at: now } }
    expect(first.changes).to.deep.include({ put: 'known', row, card: 'theirs' })
    expect([state.knownAt.get('eve@far.test'), state.routes.has(stranger)]).to.deep.equal([stranger, false])
    for (const id of state.searches.keys()) state.searches.delete(id)
    expect(said(claim()), 'the same claim again is no news').to.deep.equal(['wake', 'wake', 'undecided'])
  })

  it('shows others the signatures of what it found itself, and of nothing it had from memory', () => {
    const kept = (more: Partial<Path['message']>) => {
      const { state, qid } = searching()
      const path = pathTo(qid, [me, r, far])
      const made = once(state, { on: 'path', from: r, path: { ...path, message: { ...path.message, ...more } } })
      const put = made.changes.find((change) => 'put' in change && change.put === 'route')
      return put && 'put' in put && put.put === 'route' ? [put.row.isProven, put.proof] : []
    }
    const { message } = pathTo('', [])
    expect(kept({})).to.deep.equal([true, JSON.stringify(message)])
    expect(kept({ cached: 'cached' })).to.deep.equal([undefined, undefined])
  })

  it('knows of no claim any more once the key it knows has answered', () => {
    const state = world()
    const rival = { entity: stranger, agent: s, at: now }
    apply(state, { put: 'known', row: { ...pathTo('', []).known, rival }, card: 'card' })
    once(state, { on: 'path', from: r, path: pathTo(searching(state).qid, [me, r, far]) })
    expect(state.known.get(eve)?.rival).to.equal(undefined)
  })

  const seqs: [
    what: string,
    before: Partial<Known>,
    seq: number,
    known: [agent: string, seq: number],
    route: boolean,
  ][] = [
    ['a higher seq replaces the known one', { agent: s, seq: 7 }, 8, [far, 8], true],
    ['a lower seq of another agent replaces nothing', { agent: s, seq: 9 }, 8, [s, 9], false],
    ['a lower seq of the same agent is a way all the same', { agent: far, seq: 9 }, 8, [far, 9], true],
    ['any seq is news beside none', { agent: s }, 8, [far, 8], true],
  ]
  for (const [what, before, seq, [agent, kept], isTaken] of seqs)
    it(what, () => {
      const state = world()
      const row: Known = { entity: eve, address: 'eve@far.test', agent: far, expires: now + HOUR, ...before }
      apply(state, { put: 'known', row, card: 'before' })
      state.routes.clear()
      const { qid } = searching(state)
      const path = pathTo(qid, [me, r, far])
      once(state, { on: 'path', from: r, path: { ...path, known: { ...path.known, seq } } })
      expect(state.known.get(eve)).to.deep.include({ agent, seq: kept })
      expect(state.routes.has(eve)).to.equal(isTaken)
    })

  it('takes a good answer after an outdated one, to the same question', () => {
    const state = world()
    apply(state, { put: 'known', row: { ...pathTo('', []).known, agent: far, seq: 5 }, card: 'card' })
    const { qid } = searching(state)
    const old = pathTo(qid, [me, s, stranger])
    const good = pathTo(qid, [me, r, far])
    const made = once(
      state,
      { on: 'path', from: s, path: { ...old, known: { ...old.known, agent: stranger, seq: 4 } } },
      { on: 'path', from: r, path: { ...good, known: { ...good.known, seq: 5 } } },
    )
    expect(said(made)).to.deep.equal(['found', 'wake', 'wake', 'ring'])
  })

  it('uses a route for a day, whatever its target promised', () => {
    const { state, qid } = searching()
    once(state, { on: 'path', from: r, path: pathTo(qid, [me, r, far], { expires: now + 1000 * HOUR }) })
    expect(state.routes.get(eve)?.[0]?.expires).to.equal(now + 24 * HOUR)
  })

  const move = fc.tuple(fc.constantFrom(r, s, b), fc.constantFrom('none', 'cut', 'ring'))
  it('always ends, whatever neighbours say and in whatever order', () =>
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40, size: 'max' }), (moves) => {
        const { state, made } = searching()
        let qid = qidOf(made)
        const results: string[] = []
        const hear = (event: Parameters<typeof step>[1]) => {
          const next = once(state, event)
          qid = qidOf(next) || qid
          results.push(...said(next).filter((one) => one === 'unknown' || one === 'undecided'))
        }
        for (const [from, what] of moves)
          hear(what === 'ring' ? { on: 'ring', qid } : { on: 'none', from, qid, cut: what === 'cut' })
        for (let i = 0; i < 5; i++) hear({ on: 'ring', qid })
        expect(results).to.have.length(1)
        expect([...state.searches.values()].every((one) => one.at === 'over')).to.equal(true)
      }),
    ))
})

describe('route: the relay', () => {
  const who = (more: Partial<Who> = {}): Who => ({
    t: 'WHO',
    qid: 'a'.repeat(32),
    target,
    ttl: 3,
    hops: [s],
    withinMs: 4000,
    ...more,
  })
  const asked = (more: Partial<Who> = {}, change: (state: State) => unknown = () => {}, from = s): Step => {
    const state = world()
    change(state)
    return step(state, { on: 'who', from, who: who(more) }, now)
  }
  const answers: [what: string, made: () => Step, said: string[]][] = [
    ['asks its other neighbours', () => asked(), ['WHO r']],
    ['answers for whom it represents', () => asked({ target: targetOfAddress('ann@me.test') }), ['answer s']],
    ['and does so at the end of the ttl', () => asked({ target: targetOfEntity(ann), ttl: 1 }), ['answer s']],
    ['says "cut" where the ttl ends', () => asked({ ttl: 1 }), ['NONE s cut']],
    ['says "end" where the web ends', () => asked({ ttl: 1 }, (state) => state.links.delete(r)), ['NONE s end']],
    [
      'says "cut" where a neighbour is away',
      () => asked({}, (state) => state.links.set(r, link(r, { up: false }))),
      ['NONE s cut'],
    ],
    ['asks nobody who was on the way', () => asked({ hops: [r, s] }), ['NONE s end']],
    ['says "end" to a query that went in a circle', () => asked({ hops: [me, s] }), ['NONE s end']],
    ['says "cut" to one that comes too late', () => asked({ withinMs: 100 }), ['NONE s cut']],
    ['says "cut" to one whose last hop is not who brings it', () => asked({ hops: [r] }), ['NONE s cut']],
    [
      'says "cut" to one that has gone too far',
      () => asked({ hops: [...Array(MAX_HOPS - 1).fill('x'), s] }),
      ['NONE s cut'],
    ],
    ['says nothing to a stranger', () => asked({ hops: [stranger] }, () => {}, stranger), []],
    [
      'says nothing to whom it has revoked',
      () => asked({}, (state) => state.links.set(s, link(s, { state: 'revoked' }))),
      [],
    ],
  ]
  /** The neighbour b, which represents whom the query seeks, as far as is known here. */
  const near = (more: Partial<Who> = {}, known: Partial<Known> = {}, isUp = true): Step =>
    asked({ target: targetOfAddress('bob@b.test'), ...more }, (state) => {
      state.links.set(b, link(b, { up: isUp }))
      const row = { entity: bob, address: 'bob@b.test', agent: b, expires: now + HOUR, ...known }
      apply(state, { put: 'known', row, card: 'card' })
    })
  answers.push(
    ['asks the neighbour known to represent them alone', () => near(), ['WHO b']],
    ['by their entity as well', () => near({ target: targetOfEntity(bob) }), ['WHO b']],
    ['also where the ttl ends', () => near({ ttl: 1 }), ['WHO b']],
    ['and others too, after a search that came to nothing', () => near({ fresh: true }), ['WHO b', 'WHO r']],
    ['but not where the ttl ends', () => near({ fresh: true, ttl: 1 }), ['WHO b']],
    ['not by a card that has expired', () => near({ ttl: 1 }, { expires: now }), ['NONE s cut']],
    [
      'not by an address that two claim',
      () => near({ ttl: 1 }, { rival: { entity: ann, agent: r, at: now } }),
      ['NONE s cut'],
    ],
    [
      'not by an address that they have left',
      () =>
        asked({ target: targetOfAddress('old@b.test'), ttl: 1 }, (state) => {
          state.links.set(b, link(b))
          for (const address of ['old@b.test', 'bob@b.test'])
            apply(state, { put: 'known', row: { entity: bob, address, agent: b, expires: now + HOUR }, card: 'card' })
        }),
      ['NONE s cut'],
    ],
    ['not if it is away', () => near({ ttl: 1 }, {}, false), ['NONE s cut']],
    ['not if it was on the way', () => near({ ttl: 1, hops: [b, s] }), ['NONE s cut']],
    ['not if they live with no neighbour', () => near({ ttl: 1 }, { agent: stranger }), ['NONE s cut']],
  )
  for (const [what, made, expected] of answers) it(what, () => expect(said(made())).to.deep.equal(expected))

  const relaying = (neighbours: string[] = [r]) => {
    const state = world()
    for (const agent of neighbours) state.links.set(agent, link(agent))
    once(state, { on: 'who', from: s, who: who() })
    return state
  }
  const qid = 'a'.repeat(32)
  const none = (from: string, cut: boolean) => ({ on: 'none' as const, from, qid, cut })

  it('lowers the ttl and the time that is left, and adds itself', () => {
    const [effect] = asked().effects
    expect(effect).to.deep.equal({ do: 'tell', to: r, message: { ...who(), ttl: 2, hops: [s, me], withinMs: 3900 } })
  })

  it('does so by its own clock, however far that of the asker is from it', () => {
    for (const hours of [-1000, 1000])
      expect(said(step(world(), { on: 'who', from: s, who: who() }, now + hours * HOUR))).to.deep.equal(['WHO r'])
  })

  it('has only so many queries in mind: beyond that it says "cut"', () => {
    const state = world()
    for (let i = 0; i < 50_000; i++) state.searches.set(`${i}`, { at: 'over', qid: `${i}`, target, until: now + 1 })
    expect(said(once(state, { on: 'who', from: s, who: who() }))).to.deep.equal(['NONE s cut'])
  })

  it('says "cut" when its neighbour has had all that a neighbour may', () => {
    const state = world()
    const query = (i: number) => ({ on: 'who' as const, from: s, who: who({ qid: `${i}`, target: `${i}` }) })
    const answers = Array.from({ length: 30 }, (_, i) => said(once(state, query(i)))[0])
    expect(answers).to.deep.equal([...Array(10).fill('WHO r'), ...Array(20).fill('NONE s cut')])
  })

  for (const rings of [5, MAX_HOPS])
    it(`lets one neighbour fill but a small part of that, however it floods with ${rings} rings a search`, () => {
      const state = world()
      let places = 0
      for (let i = 0; i < 20_000; i++) {
        const at = now + i * 30 // for ten minutes
        const search = Math.floor(i / rings)
        const qid = i.toString(16).padStart(32, '0')
        const query = who({ qid, ttl: 1 + (i % rings), hops: [`asker ${search % 7}`, s] })
        const target = search % 2 === 0 ? targetOfEntity(ann) : targetOfAddress(`${search}@far.test`)
        for (const change of step(state, { on: 'who', from: s, who: { ...query, target } }, at).changes)
          apply(state, change)
        places = Math.max(places, state.searches.size)
      }
      expect(places).to.be.within(100, 700)
    })

  it('keeps no more than the name of a query that nobody waits for any more', () => {
    const state = relaying()
    expect(step(state, { on: 'sweep' }, now + 3999).changes).to.deep.equal([])
    const late = step(state, { on: 'sweep' }, now + 4000).changes
    expect(late).to.deep.equal([{ put: 'search', row: { at: 'over', qid, target, until: now + 600_000, ttl: 3 } }])
  })

  it('answers a repeat at once: the first copy covers that part of the web', () =>
    expect(said(once(relaying(), { on: 'who', from: r, who: who({ hops: [r] }) }))).to.deep.equal(['NONE r end']))

  it('says that its part is exhausted when all have said so, and whether it was cut', () => {
    expect(said(once(relaying([r, b]), none(r, false)))).to.deep.equal([])
    expect(said(once(relaying([r, b]), none(r, false), none(b, false)))).to.deep.equal(['NONE s end'])
    expect(said(once(relaying([r, b]), none(r, true), none(b, false)))).to.deep.equal(['NONE s cut'])
    expect(said(once(relaying([r, b]), none(r, false), none(r, false))), 'one voice each').to.deep.equal([])
  })

  it('sends a repeat on that may go further, in the place of the first, whose asker is told that it is covered', () => {
    const state = relaying()
    state.links.set(b, link(b))
    const further = { on: 'who' as const, from: b, who: who({ hops: [b], ttl: 4 }) }
    expect(said(once(state, further)).sort()).to.deep.equal(['NONE s end', 'WHO r', 'WHO s'])
    expect(said(once(state, further)), 'and that again is a repeat').to.deep.equal(['NONE b end'])
    const old = { on: 'path' as const, from: s, path: pathTo(qid, [s, me, s, far]) }
    expect(said(once(state, old)), 'what answers the first copy answers nobody').to.deep.equal([])
    expect(said(once(state, { on: 'path', from: r, path: pathTo(qid, [b, me, r, far]) }))).to.deep.equal(['pass b'])
  })

  it('so it does after the first came to nothing, but not after it was answered', () => {
    const further = { on: 'who' as const, from: r, who: who({ hops: [r], ttl: 4 }) }
    const repeat = { on: 'who' as const, from: r, who: who({ hops: [r] }) }
    expect(said(once(relaying(), none(r, true), further))).to.deep.equal(['WHO s'])
    expect(said(once(relaying(), none(r, true), repeat))).to.deep.equal(['NONE r end'])
    const path = { on: 'path' as const, from: r, path: pathTo(qid, [s, me, r, far]) }
    expect(said(once(relaying(), path, further))).to.deep.equal(['NONE r end'])
  })

  it('sends no query on that bears the name of one of its own', () => {
    const { state, qid } = searching()
    expect(said(once(state, { on: 'who', from: s, who: who({ qid }) }))).to.deep.equal(['NONE s end'])
    expect(state.searches.get(qid)?.at).to.equal('asking')
  })

  it('as the target answers up to three neighbours, each once: they are as many ways', () => {
    const state = world()
    const copy = (from: string) => ({
      on: 'who' as const,
      from,
      who: who({ target: targetOfEntity(ann), hops: [from] }),
    })
    for (const agent of ['t', 'u']) state.links.set(agent, link(agent))
    const answers = [s, r, s, 't', 'u'].map((from) => said(once(state, copy(from)))[0])
    expect(answers).to.deep.equal(['answer s', 'answer r', 'NONE s end', 'answer t', 'NONE u end'])
  })

  describe('answers from memory', () => {
    const way = { entity: eve, hops: [me, r, far], expires: now + 1, isProven: true as const }
    const known: Known = { entity: eve, address: 'eve@far.test', agent: far, expires: now + HOUR }
    const remembering = (state: State, more: object = {}) => {
      apply(state, { put: 'known', row: known, card: 'card' })
      apply(state, { put: 'route', row: routeOf({ ...way, ...more }) })
    }
    const cases: [what: string, who: Partial<Who>, change: (state: State) => unknown, said: string[]][] = [
      ['instead of asking on', {}, remembering, ['recall']],
      ['also where the ttl ends', { ttl: 1 }, remembering, ['recall']],
      ['but not whoever wants a fresh one', { fresh: true }, remembering, ['WHO r']],
      ['nor what is over', {}, (state) => remembering(state, { expires: now }), ['WHO r']],
      ['nor what it learned from memory itself', {}, (state) => remembering(state, { isProven: undefined }), ['WHO r']],
      ['nor a way over somebody on the query’s', { hops: [far, s] }, remembering, ['WHO r']],
      ['nor one that goes back', {}, (state) => remembering(state, { hops: [me, s, far] }), ['WHO r']],
      ['with as many hops as there may be', { hops: [...Array(MAX_HOPS - 4).fill('x'), s] }, remembering, ['recall']],
      ['nor a way too long for both', { hops: [...Array(MAX_HOPS - 3).fill('x'), s] }, remembering, ['WHO r']],
      [
        'nor one whose first link is down',
        {},
        (state) => {
          remembering(state)
          state.links.set(r, link(r, { up: false }))
        },
        ['NONE s cut'],
      ],
      [
        'nor one over somebody who was silent',
        {},
        (state) => {
          remembering(state)
          state.blamed.set(far, { agent: far, times: 1, until: now + 1 })
        },
        ['WHO r'],
      ],
      [
        'nor one to where they were before',
        {},
        (state) => {
          remembering(state)
          apply(state, { put: 'known', row: { ...known, agent: stranger, seq: 2 }, card: 'newer' })
        },
        ['WHO r'],
      ],
      [
        'nor for an address that two claim',
        {},
        (state) => {
          remembering(state)
          const rival = { entity: stranger, agent: s, at: now }
          apply(state, { put: 'known', row: { ...known, rival }, card: 'card' })
        },
        ['WHO r'],
      ],
    ]
    for (const [what, query, change, expected] of cases)
      it(what, () =>
        expect(
          said(
            asked(query, (state) => {
              state.known.clear()
              state.knownAt.clear()
              change(state)
            }),
          ),
        ).to.deep.equal(expected),
      )
  })

  it('signs and passes on an answer, to whoever asked it', () => {
    const path = pathTo(qid, [s, me, r, far])
    expect(said(once(relaying(), { on: 'path', from: r, path }))).to.deep.equal(['pass s'])
    expect(said(once(relaying(), { on: 'path', from: r, path }, { on: 'path', from: r, path })), 'once').to.deep.equal(
      [],
    )
  })

  it('passes nothing back over a link that was revoked meanwhile', () => {
    const path = { on: 'path' as const, from: r, path: pathTo(qid, [s, me, r, far]) }
    expect(said(once(relaying(), { on: 'unlinked', agent: s }, path))).to.deep.equal([])
  })

  const invented: [what: string, from: string, route: string[]][] = [
    ['whose next hop is another than who brings it', r, [s, me, b, far]],
    ['whose last hop is another than who asked', r, [b, me, r, far]],
    ['on which it does not stand', r, [s, r, far]],
    ['that starts here, though another asked', r, [me, r, far]],
  ]
  for (const [what, from, route] of invented)
    it(`passes on no route ${what}`, () =>
      expect(said(once(relaying([r, b]), { on: 'path', from, path: pathTo(qid, route) }))).to.deep.equal([]))

  it('asks at most 64 neighbours, not always the same, and says that it was cut', () => {
    const first = (id: string, more: Partial<Who> = {}): string[] => {
      const state = world()
      for (const agent of [b, ...Array.from({ length: 120 }, (_, i) => `n${i}`)]) state.links.set(agent, link(agent))
      const made = step(state, { on: 'who', from: s, who: who({ qid: id, ...more }) }, now)
      const put = made.changes.find((change) => 'put' in change && change.put === 'search')
      expect(
        put && 'put' in put && put.put === 'search' && (put.row as Extract<Search, { at: 'relaying' }>).cut,
      ).to.equal(true)
      return made.effects.flatMap((effect) => (effect.do === 'tell' ? [effect.to] : []))
    }
    expect(first('a'.repeat(32))).to.have.length(64)
    expect(first('a'.repeat(32), { target: targetOfEntity(bob), fresh: true })).to.have.length(64)
    expect(first('a'.repeat(32))).to.deep.equal(first('a'.repeat(32)))
    expect(first('a'.repeat(32))).to.not.deep.equal(first('b'.repeat(32)))
  })

  it('forgets a route when its day is over, and no other', () => {
    const state = world()
    const over = routeOf({ entity: stranger, hops: [me, s], expires: now })
    state.routes.set(stranger, [over])
    expect(step(state, { on: 'sweep' }, now).changes).to.deep.equal([
      { drop: 'route', key: over.key, entity: stranger },
    ])
  })

  it('forgets queries after ten minutes, not before', () => {
    const state = relaying()
    for (const change of step(state, { on: 'sweep' }, now + 599_999).changes) apply(state, change)
    expect([...state.searches.keys()]).to.deep.equal([qid])
    expect(step(state, { on: 'sweep' }, now + 600_000).changes).to.deep.equal([{ drop: 'search', qid }])
  })

  it('so it does with what it answered itself, and with its own', () => {
    const { state } = searching()
    once(state, { on: 'who', from: s, who: who({ target: targetOfEntity(ann) }) })
    for (const change of step(state, { on: 'sweep' }, now + 599_999).changes) apply(state, change)
    expect([...state.searches.values()].map(({ at }) => at)).to.deep.equal(['asking', 'over'])
    for (const change of step(state, { on: 'sweep' }, now + 600_000).changes) apply(state, change)
    expect(state.searches.size).to.equal(0)
  })
})
