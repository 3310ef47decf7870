import { expect } from 'chai'
import { targetOfEntity } from '../../src/address.ts'
import { apply } from '../../src/apply.ts'
import type { Custody } from '../../src/custody/custody.ts'
import { silenceMs } from '../../src/custody/silence.ts'
import type { Step } from '../../src/effect.ts'
import type { Event } from '../../src/event.ts'
import { isOftenAway, seen } from '../../src/link/absence.ts'
import { silentOne } from '../../src/route/blame.ts'
import type { State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import {
  asks,
  b,
  bob,
  HOUR,
  key,
  left,
  link,
  MINUTE,
  me,
  now,
  owes,
  r,
  relayed,
  report,
  row,
  s,
  world,
} from './rows.ts'

const receipt = (by: string) => ({ event: 'accepted' as const, by, at: now, jws: `receipt of ${by}` })
const tried = (...agents: string[]) => agents.map((by) => ({ by, saidNo: false }))
const handed = (more: Partial<Custody> = {}): Custody =>
  row({ state: 'handed', next: r, tried: tried(r), trail: [receipt(r)], retryAt: now + 30 * MINUTE, ...more })
const at = (given: Custody, when: number, change: (state: State) => unknown = () => {}, event?: Event): Step => {
  const state = world(given)
  change(state)
  return step(state, event ?? { on: 'due', key: given.key }, when)
}
/** `s` knows a way, too: the recipient's agent is advised over it. */
const overS: Partial<Custody> = { advice: [s, b] }
const effects = (made: Step) => asks(made).filter((one) => one !== 'blame')

describe('custody: silence', () => {
  const away = now - HOUR
  const waits: [what: string, row: Custody, absences: number[], hours: number][] = [
    ['twice the deadline', handed(), [], 0.5],
    [
      'a quarter more for each hop further on',
      handed({ trail: [receipt(r), { ...report(r, 'forwarded') }] }),
      [],
      0.625,
    ],
    ['twice as long after no other path was found', handed({ attempts: 1 }), [], 1],
    ['and no more than 64 times', handed({ attempts: 50 }), [], 32],
    ['long for a neighbour that is often away', handed(), [away, away, away], 12],
  ]
  for (const [what, given, absences, hours] of waits)
    it(`is borne ${what}`, () => {
      const state = world(given)
      state.links.set(r, link(r, { absences }))
      expect(silenceMs(state, given, now)).to.equal(hours * HOUR)
    })

  it('is listened for from the receipt on, and from every word anew', () => {
    const handing = row({ state: 'handing', next: r, tried: tried(r) })
    const taken = at(handing, now, () => {}, { on: 'accepted', key, by: r, receipt: 'receipt' })
    expect(left(taken)?.retryAt).to.equal(now + 30 * MINUTE)
    const word = { on: 'reported' as const, from: r, key, reports: [report(r, 'forwarded', { next: b })] }
    expect(left(at(handed(), now + HOUR, () => {}, word))?.retryAt).to.equal(now + HOUR + 37.5 * MINUTE)
  })

  it('is listened for anew where the clock was set back: its old end is far off', () => {
    const ahead = handed({ retryAt: now + 48 * HOUR })
    expect(left(at(ahead, now))?.retryAt).to.equal(now + 30 * MINUTE)
    expect(left(at({ ...ahead, stalled: [r], awaits: 'who:x' }, now))?.retryAt).to.equal(now + 30 * MINUTE)
  })

  const cases: [what: string, row: Custody, minutes: number, state: string | undefined, effects: string[]][] = [
    ['before its time nothing is done', handed(overS), 29, undefined, []],
    ['another neighbour gets a copy', handed(overS), 30, 'handing', ['hand s']],
    ['without another way one is searched for, and the first is listened to', handed(), 30, 'handed', ['search']],
    [
      'a way found meanwhile is taken at once',
      handed({ ...overS, stalled: [r], awaits: 'who:x' }),
      1,
      'handing',
      ['hand s'],
    ],
    ['whoever has it gets no second copy', handed({ ...overS, stalled: [r, s], awaits: 'who:x' }), 1, undefined, []],
    [
      'nor whoever brought it',
      relayed({ ...handed(), ...overS, also: [s] }),
      30,
      'handed',
      ['settle s', 'settle s', 'search'],
    ],
  ]
  for (const [what, given, minutes, state, expected] of cases)
    it(what, () => {
      const made = at(given, now + minutes * MINUTE)
      expect([left(made)?.state, effects(made)]).to.deep.equal([state, expected])
    })

  it('is borne twice as long after each search that finds nothing', () => {
    const first = left(at(handed(), now + 30 * MINUTE)) ?? row()
    expect(first).to.deep.include({
      attempts: 1,
      retryAt: now + 90 * MINUTE,
      stalled: [r],
      awaits: `who:${targetOfEntity(bob)}`,
    })
    expect(left(at(first, now + 90 * MINUTE))).to.include({ attempts: 2, retryAt: now + 210 * MINUTE })
  })

  it('its sender is shown whom nothing was heard of; a relay keeps no word of its own', () => {
    const last = (made: Step) => left(made)?.trail.at(-1)
    const when = now + 30 * MINUTE
    expect(last(at(handed(), when))).to.deep.equal({ event: 'stalled', by: me, at: when, next: r, jws: '' })
    expect(
      last(at(relayed({ state: 'handed', next: r, tried: tried(r), trail: [receipt(r)], retryAt: when }), when)),
    ).to.deep.equal(receipt(r))
  })

  it('a relay says so upstream, once for each neighbour', () => {
    const mine = relayed({ state: 'handed', next: r, tried: tried(r), trail: [receipt(r)], retryAt: now })
    const first = at(mine, now)
    expect(owes(first)).to.deep.equal(['own stalled'])
    expect(owes(at(left(first) ?? mine, left(first)?.retryAt ?? 0))).to.deep.equal([])
  })

  it('a relay that can not hand on says so after one deadline: it is not silent', () => {
    const gone = (state: State) => state.links.set(r, link(r, { up: false }))
    const mine = relayed({ retryAt: now })
    expect(owes(at(mine, now + 15 * MINUTE - 1, gone))).to.deep.equal([])
    const late = at(mine, now + 15 * MINUTE, gone)
    expect([owes(late), left(late)?.isLate]).to.deep.equal([['own stalled'], true])
    const words = late.changes.flatMap((change) =>
      'put' in change && change.put === 'owed'
        ? change.row.items.map((item) => ('own' in item ? item.own.next : ''))
        : [],
    )
    expect(words, 'and whom it waits for').to.deep.equal([r])
    expect(owes(at(left(late) ?? mine, now + HOUR, gone)), 'once').to.deep.equal([])
  })

  it('and says back along the way that its link is down, unless the recipient’s own agent is behind it', () => {
    const gone = (state: State) => state.links.set(r, link(r, { up: false }))
    const late = at(relayed({ retryAt: now }), now + 15 * MINUTE, gone)
    const record = { route: [s, me, r, b], next: r, entity: bob, reason: 'down' }
    expect(late.effects).to.deep.include({ do: 'rerr', to: s, record })
    const near = at(relayed({ retryAt: now }), now + 15 * MINUTE, (state) => {
      state.routes.clear()
      state.links.set(b, link(b, { up: false }))
    })
    expect(near.effects.filter((effect) => effect.do === 'rerr')).to.deep.equal([])
    const handing = relayed({ state: 'handing', next: r, onward: [b], tried: tried(r), retryAt: now })
    const unpaid = { on: 'rejected' as const, key: handing.key, by: r, code: 'no-credit' as const }
    const refused = left(at(handing, now, () => {}, unpaid)) ?? handing
    const waits = at(refused, now + HOUR, (state) => state.routes.clear())
    expect(owes(waits), 'it waits for something else').to.deep.equal(['own stalled'])
    expect(waits.effects.filter((effect) => effect.do === 'rerr')).to.deep.equal([])
  })

  it('a way round a neighbour that is away is looked for after a deadline, and whenever the wait has doubled', () => {
    const state = world(row())
    state.links.set(r, link(r, { up: false }))
    const sought: number[] = []
    for (let minute = 0; minute <= 11 * 60; minute++) {
      const made = step(state, { on: 'due', key }, now + minute * MINUTE)
      for (const change of made.changes) apply(state, change)
      if (asks(made).includes('search')) sought.push(minute)
    }
    expect(sought).to.deep.equal([15, 30, 60, 120, 240, 480])
    const search = { do: 'search', target: targetOfEntity(bob), isAgain: true }
    const gone = (given: State) => given.links.set(r, link(r, { up: false }))
    expect(at(row(), now + HOUR, gone).effects).to.deep.include(search)
  })

  it('when the second way is none, the first is listened to again, and nothing is asked for in haste', () => {
    const given = handed({ state: 'handing', next: s, tried: tried(r, s), stalled: [r] })
    const no = at(given, now, () => {}, { on: 'rejected', key, by: s, code: 'no-route' })
    const back = at(left(no) ?? given, left(no)?.retryAt ?? 0)
    expect([left(back)?.state, left(back)?.next, effects(back)]).to.deep.equal(['handed', r, []])
    expect(left(back)?.retryAt).to.be.above(now + 30 * MINUTE)
  })

  it('a neighbour that was silent and says no gets it again when its time is over', () => {
    const given = handed({ stalled: [r], onward: [b] })
    const made = at(given, now, () => {}, { on: 'reported', from: r, key, reports: [report(r, 'expired')] })
    expect(left(made)?.state, 'nobody else may have it: that is the end').to.equal('done')
    const both = handed({ stalled: [r], tried: tried(r, s) })
    const one = left(at(both, now, () => {}, { on: 'reported', from: r, key, reports: [report(r, 'expired')] }))
    expect([one?.state, one?.stalled]).to.deep.equal(['waiting', []])
  })

  const asked = handed({ next: s, tried: tried(r, s), trail: [receipt(r), receipt(s)], stalled: [r] })
  const words: [
    what: string,
    row: Custody,
    said: 'forwarded' | 'stalled',
    next: string,
    stalled: string[] | undefined,
  ][] = [
    ['goes on with it has it again', asked, 'forwarded', r, undefined],
    ['waits itself does not, while another is listened to', asked, 'stalled', s, [r]],
    ['waits itself, and is listened to, is listened to still', handed({ stalled: [r] }), 'stalled', r, [r]],
    ['goes on with it is no word about others', handed({ stalled: [s, r] }), 'forwarded', r, [s]],
  ]
  for (const [what, was, said, next, stalled] of words)
    it(`a silent one that ${what}`, () => {
      const event = { on: 'reported' as const, from: r, key, reports: [report(r, said, { next: b })] }
      const heard = left(at(was, now + MINUTE, () => {}, event))
      expect([heard?.state, heard?.next, heard?.stalled]).to.deep.equal(['handed', next, stalled])
      expect(heard?.retryAt === was.retryAt, 'its time begins anew if it is listened to').to.equal(next === s)
    })

  it('a silent one that waited, and goes on with it now, has it again', () => {
    const reports = [report(r, 'stalled', { next: b }), report(r, 'forwarded', { next: b })]
    const heard = left(at(asked, now + MINUTE, () => {}, { on: 'reported', from: r, key, reports }))
    expect([heard?.next, heard?.stalled]).to.deep.equal([r, undefined])
  })

  it('an administrator that asks to try again has it handed to the silent one as well', () =>
    expect(asks(at(handed({ stalled: [r] }), now, () => {}, { on: 'retry', key }))).to.deep.equal(['hand r']))
})

describe('link: a neighbour that is often away', () => {
  it('was away for long three times within a week', () => {
    let one = link(r)
    for (const [i, minutes] of [20, 20, 10, 20].entries()) {
      const from = now + i * HOUR
      one = seen(seen(one, false, 15 * MINUTE, from), true, 15 * MINUTE, from + minutes * MINUTE)
      expect(isOftenAway(one, from + minutes * MINUTE)).to.equal(i === 3)
    }
    expect(isOftenAway(one, now + 7 * 24 * HOUR + 20 * MINUTE)).to.equal(false)
  })
})

describe('route: who was silent', () => {
  const x = 'x'
  const onward = (by: string, next: string) => ({
    event: 'forwarded' as const,
    by,
    next,
    at: now,
    jws: `${by} to ${next}`,
  })
  const stalled = (by: string) => ({ event: 'stalled' as const, by, at: now, jws: '' })
  const cases: [what: string, trail: Custody['trail'], proven: string[], silent: string | undefined][] = [
    ['the neighbour itself, that signed and said no more', [receipt(r)], [], r],
    ['whoever signed last', [receipt(r), onward(r, s)], ['r to s'], s],
    ['not whom a liar names without a receipt', [receipt(r), onward(r, s)], [], r],
    ['nobody, if the last one says that it waits', [receipt(r), stalled(r)], [], undefined],
    ['nobody, if that one gave it up', [receipt(r), { ...stalled(r), event: 'expired' }], [], undefined],
    ['somebody, even of those who hand it round', [receipt(r), onward(r, s), onward(s, r)], ['r to s', 's to r'], s],
  ]
  for (const [what, trail, proven, silent] of cases)
    it(what, () => {
      const names = proven.map((one) => one.replace('r', r).replace('s', s))
      expect(silentOne(trail, r, (one) => names.includes(one.jws))).to.equal(silent)
    })

  it('is avoided for an hour, then two, at most a day; many letters at once are one offence; a delivery forgives', () => {
    const state = world()
    const hours: number[] = []
    let when = now
    for (let i = 0; i < 7; i++) {
      for (let again = 0; again < 3; again++)
        for (const change of step(state, { on: 'silent', agent: x }, when).changes) apply(state, change)
      const until = state.blamed.get(x)?.until ?? 0
      hours.push((until - when) / HOUR)
      when = until
    }
    expect(hours).to.deep.equal([1, 2, 4, 8, 16, 24, 24])
    const given = handed({ trail: [receipt(r), onward(r, x)] })
    const delivered = {
      on: 'reported' as const,
      from: r,
      key,
      reports: [report(x, 'forwarded', { next: b }), report(b, 'delivered')],
    }
    const made = at(given, now, (world) => world.blamed.set(x, { agent: x, times: 1, until: now + HOUR }), delivered)
    expect(made.changes).to.deep.include({ note: { of: 'forgiven', agent: x } })
    const forget = step(state, { on: 'sweep' }, when + 7 * 24 * HOUR).changes
    expect(forget).to.deep.include({ note: { of: 'forgiven', agent: x } })
  })

  it('is not only who is silent: whoever was late with mail that arrived by another way is avoided as well', () => {
    const late = handed({ next: s, tried: tried(r, s), stalled: [r], trail: [receipt(r), receipt(s)] })
    const news = (from: string) => ({
      on: 'reported' as const,
      from,
      key,
      reports: [report(from, 'forwarded', { next: b }), report(b, 'delivered')],
    })
    const blamed = (made: Step) =>
      made.changes.flatMap((change) => ('note' in change && change.note.of === 'blame' ? [change.note.row.agent] : []))
    expect(blamed(at(late, now, () => {}, news(s)))).to.deep.equal([r])
    expect(blamed(at(late, now, () => {}, news(r))), 'not if it came through after all').to.deep.equal([])
  })

  it('a way over them comes last, but is better than none', () => {
    const blamed = (state: State) => state.blamed.set(r, { agent: r, times: 1, until: now + 1 })
    expect(asks(at(row(overS), now, blamed))).to.deep.equal(['hand s'])
    expect(asks(at(row(), now, blamed))).to.deep.equal(['hand r'])
  })
})
