import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import type { Step } from '../../src/effect.ts'
import type { Event } from '../../src/event.ts'
import { addressesOf, REACH_LIFE_MS } from '../../src/reach/announce.ts'
import type { Reach, Said } from '../../src/reach/reach.ts'
import type { State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import { b, HOUR, link, me, now, r, s, stranger, world } from '../custody/rows.ts'

const said = (more: Partial<Said> = {}): Said => ({
  by: r,
  for: me,
  addresses: ['r.test:2740'],
  via: [me, s],
  seq: now,
  expires: now + HOUR,
  jws: `reach ${more.seq ?? now}`,
  ...more,
})
/** The state after some events, and what the last of them led to. */
const once = (state: State, events: Event[], at = now): Step => {
  let made: Step = { changes: [], effects: [] }
  for (const event of events) {
    made = step(state, event, at)
    for (const change of made.changes) apply(state, change)
  }
  return made
}
const heard = (more: Partial<Said> = {}, from = r): Event => ({ on: 'announced', from, said: said(more) })
const missed = (why: 'silent' | 'wrong-key' = 'silent', address = 'r.test:2740'): Event => ({
  on: 'missed',
  agent: r,
  address,
  why,
})
const outcome = ({ answer, effects }: Step): string[] =>
  answer?.say === 'refused'
    ? [answer.code]
    : effects.map((effect) => ('to' in effect && effect.to ? `${effect.do} ${effect.to[0]}` : effect.do))

describe('reach: what is announced', () => {
  const cases: [what: string, before: Event[], event: Event, outcome: string[]][] = [
    ['a neighbour says where it is', [], heard(), ['log r', 'redial']],
    ['the same again changes nothing', [heard()], heard(), []],
    ['a newer word replaces it', [heard()], heard({ seq: now + 1, addresses: [] }), ['log r', 'redial']],
    ['only a move is worth a line', [heard()], heard({ seq: now + 1 }), []],
    ['an older word is refused', [heard()], heard({ seq: now - 1 }), ['reach-outdated']],
    ['whoever brings it', [heard()], heard({ seq: now - 1, for: s }, s), ['reach-outdated']],
    [
      'a newer one by somebody who was asked',
      [heard()],
      heard({ seq: now + 1, addresses: [], for: s }, s),
      ['log r', 'redial'],
    ],
    ['its own word must be made for us', [], heard({ for: s }), ['agent-mismatch']],
    ['nobody else is listened to', [], heard({ by: stranger }), ['link-unknown']],
    ['what is over is refused', [], heard({ expires: now }), ['expired']],
    ['what never ends, too', [], heard({ expires: now + REACH_LIFE_MS + 25 * HOUR }), ['record-malformed']],
    ['a clock a day ahead is borne', [], heard({ expires: now + REACH_LIFE_MS + 23 * HOUR }), ['log r', 'redial']],
    ['nor a neighbour that was parted with', [{ on: 'unlinked', agent: r }], heard(), ['link-unknown']],
  ]
  for (const [what, before, event, expected] of cases)
    it(what, () => {
      const state = world()
      once(state, before)
      expect(outcome(once(state, [event]))).to.deep.equal(expected)
    })

  it('where it was met is no move', () => {
    const state = world()
    const link = state.links.get(r)
    if (link !== undefined) state.links.set(r, { ...link, addresses: said().addresses })
    expect(outcome(once(state, [heard()]))).to.deep.equal(['redial'])
    expect(outcome(once(state, [heard({ seq: now + 1, addresses: [] })]))).to.deep.equal(['log r', 'redial'])
  })

  it('the one made for us counts beside what another brought: by it we may ask others', () => {
    const state = world()
    const kept = (event: Event) => [once(state, [event]).changes.length, state.reaches.get(r)?.pass]
    expect(kept(heard({ for: s, jws: 'for s' }, s))).to.deep.equal([1, undefined])
    expect(kept(heard({ jws: 'for us' }))).to.deep.equal([1, 'for us'])
    expect(kept(heard({ jws: 'for us' }))).to.deep.equal([0, 'for us'])
    expect(kept(heard({ for: s, jws: 'for s' }, s))).to.deep.equal([0, 'for us'])
    expect(kept(heard({ seq: now + 1, for: s, jws: 'for s' }, s)), 'an older one is enough').to.deep.equal([
      1,
      'for us',
    ])
  })

  it('of those it was linked with the last 64 are remembered', () => {
    const state = world()
    const names = (from: number) => Array.from({ length: 60 }, (_, i) => `n${from + i}`)
    once(state, [heard({ via: names(0) }), heard({ seq: now + 1, via: names(60) })])
    expect(state.reaches.get(r)?.met).to.deep.equal([...names(60), ...names(0).slice(0, 4)])
  })

  it('who has no address is logged as one who only dials', () => {
    const logged = (addresses: string[]) =>
      once(world(), [heard(), heard({ seq: now + 1, addresses })]).effects.flatMap((effect) =>
        effect.do === 'log' ? [effect.detail] : [],
      )
    expect(logged(['a.test:1', 'b.test:2'])).to.deep.equal(['a.test:1 b.test:2'])
    expect(logged([])).to.deep.equal(['it only dials'])
  })

  it('parting with a neighbour forgets where it is', () => {
    const state = world()
    once(state, [heard(), { on: 'unlinked', agent: r }])
    expect([...state.reaches.keys()]).to.deep.equal([])
  })

  it('our own goes to all who are connected, names them, and counts upward whatever the clock does', () => {
    const state = world()
    state.links.set(b, link(b, { up: false }))
    const announce: Event = { on: 'announce', addresses: ['me.test:2740'] }
    expect(outcome(once(state, [announce]))).to.deep.equal(['announce r', 'announce s'])
    const first = state.reaches.get(me)
    expect(first?.via.toSorted()).to.deep.equal([r, s].toSorted())
    expect(first?.expires, 'it lives two days').to.equal(now + 48 * HOUR)
    once(state, [announce], now - HOUR)
    expect(state.reaches.get(me)?.seq).to.equal(now + 1)
  })

  it('of many neighbours it names others each time', () => {
    const state = world()
    for (let i = 0; i < 40; i++) state.links.set(`n${i}`, link(`n${i}`))
    const named = new Set<string>()
    for (let i = 0; i < 12; i++) {
      once(state, [{ on: 'announce', addresses: [] }], now + i * 7)
      for (const one of state.reaches.get(me)?.via ?? []) named.add(one)
    }
    expect(named.size).to.equal(42)
    expect(state.reaches.get(me)?.via).to.have.length(32)
  })

  it('a neighbour that connects is told at once', () => {
    expect(outcome(once(world(), [{ on: 'up', agent: r }]))).to.include('announce r')
  })
})

describe('reach: who is not found', () => {
  const away = (): State => {
    const state = world()
    once(state, [heard(), { on: 'down', agent: r }])
    return state
  }

  it('is asked for where it was last linked, with the announcement it made for us', () => {
    const { effects } = once(away(), [missed()])
    expect(effects).to.deep.equal([
      { do: 'where', agent: r, to: s, pass: said().jws },
      { do: 'look-up', agent: r },
    ])
  })

  it('after five seconds again, then after ten, at last every ten minutes; another address makes no difference', () => {
    const state = away()
    expect(outcome(once(state, [missed(), missed(), missed('silent', 'old.test:1')]))).to.deep.equal([])
    expect(outcome(once(state, [missed()], now + 4999))).to.deep.equal([])
    const asked: number[] = []
    for (let at = now; at < now + HOUR; at += 1000)
      if (outcome(once(state, [missed()], at)).length > 0) asked.push((at - now) / 1000)
    expect(asked).to.deep.equal([5, 15, 35, 75, 155, 315, 635, 1235, 1835, 2435, 3035])
  })

  it('an address of another key is left at once, and not again and again', () => {
    const state = away()
    expect(outcome(once(state, [missed('wrong-key')]))).to.deep.equal(['where s', 'look-up', 'redial'])
    expect(once(state, [missed('wrong-key')])).to.deep.equal({ changes: [], effects: [] })
    expect(outcome(once(state, [missed('wrong-key', 'old.test:1')]))).to.deep.equal(['redial'])
    expect(outcome(once(state, [missed('silent')])), 'whoever it was is gone').to.deep.equal([])
    expect(state.reaches.get(r)?.bad).to.deep.equal([
      { address: 'old.test:1', since: now, why: 'wrong-key' },
      { address: 'r.test:2740', since: now, why: 'silent' },
    ])
    expect(outcome(once(state, [missed('wrong-key', 'old.test:1')], now + HOUR))).to.include('redial')
  })

  it('others each time, where many know both', () => {
    const state = world()
    const names = Array.from({ length: 5 }, (_, i) => `n${i}`)
    for (const one of names) state.links.set(one, link(one))
    once(state, [heard({ via: names }), { on: 'down', agent: r }])
    const asked = [0, 1].map((hour) =>
      once(state, [missed()], now + hour * HOUR).effects.flatMap((effect) =>
        effect.do === 'where' ? [effect.to] : [],
      ),
    )
    expect(asked.map(({ length }) => length)).to.deep.equal([3, 3])
    expect([...new Set(asked.flat())].toSorted()).to.deep.equal(names)
  })

  it('from its next announcement on it is asked for at once again', () => {
    const state = away()
    once(state, [missed(), heard({ seq: now + 1 })])
    expect(outcome(once(state, [missed()]))).to.deep.equal(['where s', 'look-up'])
  })

  it('nobody is asked who would want to see what it has made for us, where it has made nothing', () => {
    const state = world()
    once(state, [heard({ for: s }, s), { on: 'down', agent: r }])
    expect(outcome(once(state, [missed()]))).to.deep.equal(['look-up'])
  })

  it('only connected neighbours are asked, and none of whom it did not speak', () => {
    const state = away()
    once(state, [{ on: 'down', agent: s }])
    state.links.set(b, link(b))
    expect(outcome(once(state, [missed()]))).to.deep.equal(['look-up'])
  })

  it('somebody who named us in an earlier announcement is still asked', () => {
    const state = away()
    once(state, [heard({ seq: now + 1, via: [] })])
    expect(outcome(once(state, [missed()]))).to.deep.equal(['where s', 'look-up'])
  })

  it('a neighbour that is linked with it from now on is asked at once', () => {
    const state = away()
    const speaks = (via: string[], seq: number): Event => heard({ by: s, via, seq }, s)
    expect(outcome(once(state, [speaks([me], now)]))).to.not.include('where s')
    expect(outcome(once(state, [speaks([me, r], now + 1)]))).to.include('where s')
    expect(outcome(once(state, [speaks([r, me], now + 2)])), 'it was, before').to.not.include('where s')
    expect(outcome(once(state, [{ on: 'up', agent: r }, speaks([], now + 3), speaks([r], now + 4)]))).to.not.include(
      'where s',
    )
  })

  it('one of whom the lost neighbour never spoke is shown nothing by naming it', () => {
    const state = away()
    state.links.set(b, link(b))
    expect(outcome(once(state, [heard({ by: b, via: [r] }, b)]))).to.deep.equal(['log b', 'redial'])
  })

  it('nobody asks for one that is connected, or is no neighbour', () => {
    expect(outcome(once(world(), [heard(), missed()]))).to.deep.equal([])
    expect(once(away(), [{ on: 'unlinked', agent: r }, missed()]).changes).to.deep.equal([])
  })
})

describe('reach: who asks', () => {
  const newer = () => {
    const state = world()
    once(state, [heard({ seq: now + 5 })])
    return state
  }
  const ask = (pass: Partial<Said>, from = s): Event => ({ on: 'where', from, pass: said({ for: s, ...pass }) })
  const cases: [what: string, event: Event, outcome: string[], at?: number][] = [
    ['hears what is newer than what they show', ask({}), ['tell s']],
    ['hears nothing if they know the newest', ask({ seq: now + 5 }), []],
    ['must show what was made for them: a stolen one opens nothing', ask({ for: b }), ['agent-mismatch']],
    ['and not one of long ago', ask({ seq: now - 31 * 24 * HOUR }), ['expired']],
    ['learns nothing about those who are no neighbours here', ask({ by: stranger }), []],
    ['is not told what is over', ask({}), [], now + 2 * HOUR],
  ]
  for (const [what, event, expected, at] of cases)
    it(what, () => expect(outcome(once(newer(), [event], at))).to.deep.equal(expected))
})

describe('reach: where to dial', () => {
  const met = { agent: r, addresses: ['old.test:1'] }
  const kept = (more: Partial<Reach> = {}): Reach => ({
    agent: r,
    addresses: ['new.test:2'],
    via: [],
    seq: now,
    expires: now,
    record: 'jws',
    met: [],
    bad: [],
    ...more,
  })
  const bad = (why: 'silent' | 'wrong-key', since = now) => [{ address: 'new.test:2', since, why }]
  const cases: [what: string, reach: Reach | undefined, addresses: string[]][] = [
    ['where we met, while it has said nothing', undefined, ['old.test:1']],
    ['where it says it is, and then where we met', kept(), ['new.test:2', 'old.test:1']],
    ['nowhere, if it says that it only dials', kept({ addresses: [] }), []],
    ['silence is no reason to leave an address alone', kept({ bad: bad('silent') }), ['new.test:2', 'old.test:1']],
    ['another key there is, for an hour', kept({ bad: bad('wrong-key') }), ['old.test:1']],
    ['and not longer', kept({ bad: bad('wrong-key', now - HOUR) }), ['new.test:2', 'old.test:1']],
  ]
  for (const [what, reach, expected] of cases)
    it(what, () => {
      const state = world()
      state.links.set(r, link(r, met))
      if (reach) state.reaches.set(r, reach)
      expect(addressesOf(state, r, now)).to.deep.equal(expected)
    })

  it('what is announced anew is tried anew', () => {
    const state = world()
    once(state, [heard(), { on: 'down', agent: r }, missed('wrong-key')])
    expect(addressesOf(state, r, now)).to.deep.equal([])
    expect(outcome(once(state, [heard({ seq: now + 1 }, s)]))).to.deep.equal(['redial'])
    expect(addressesOf(state, r, now)).to.deep.equal(['r.test:2740'])
  })
})
