import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import { AVOID_MS, backoffMs, type Custody, dueAt, HAND_GUARD_MS, lastMoment } from '../../src/custody/custody.ts'
import { handedTo, wishOf } from '../../src/custody/handing.ts'
import type { Step } from '../../src/effect.ts'
import type { Event } from '../../src/event.ts'
import type { RefusalCode } from '../../src/refusal.ts'
import { routeOf } from '../../src/route/cache.ts'
import type { State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import {
  asks,
  b,
  bob,
  delivered,
  envelopeId,
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

const handing = (more: Partial<Custody> = {}): Custody =>
  row({ state: 'handing', next: r, onward: [b], tried: [{ by: r, saidNo: false }], retryAt: now + HOUR, ...more })
const at = (given: Custody, event: Event, change: (state: State) => void = () => {}, when = now): Step => {
  const state = world(given)
  change(state)
  return step(state, event, when)
}
const receipt: Custody['trail'][number] = { event: 'accepted', by: r, at: now, jws: 'receipt' }
const stateOf = (made: Step): string | undefined => left(made)?.state

describe('custody: from one holder to the next', () => {
  const moves: [what: string, from: Custody, event: Event, to: string | undefined, asks: string[]][] = [
    ['a waiting envelope goes the known way', row(), { on: 'due', key }, 'handing', ['hand r']],
    ['a receipt is custody', handing(), { on: 'accepted', key, by: r, receipt: 'receipt' }, 'handed', []],
    [
      'a receipt after the time-out is one, too',
      handing({ state: 'waiting' }),
      { on: 'accepted', key, by: r, receipt: 'x' },
      'handed',
      [],
    ],
    [
      'so is one of a neighbour asked before',
      handing({ next: s }),
      { on: 'accepted', key, by: r, receipt: 'x' },
      'handed',
      [],
    ],
    [
      'a second receipt says nothing new',
      handing({ state: 'handed' }),
      { on: 'accepted', key, by: r, receipt: 'x' },
      undefined,
      [],
    ],
    ['a broken link makes it wait', handing(), { on: 'unreachable', key, by: r, why: '' }, 'waiting', []],
    ['of another link it says nothing', handing(), { on: 'unreachable', key, by: s, why: '' }, undefined, []],
    ['a refusal makes it wait', handing(), { on: 'rejected', key, by: r, code: 'no-route' }, 'waiting', []],
    [
      'a refusal after the receipt says nothing',
      handing({ state: 'handed', trail: [receipt] }),
      { on: 'rejected', key, by: r, code: 'no-route' },
      undefined,
      [],
    ],
    [
      'nor after what came of it',
      handing({ state: 'handed', trail: [receipt, report(r, 'forwarded', { next: b })] }),
      { on: 'rejected', key, by: r, code: 'no-route' },
      undefined,
      [],
    ],
    [
      'nor does one of a neighbour that was not asked',
      handing({ state: 'handed' }),
      { on: 'rejected', key, by: s, code: 'no-route' },
      undefined,
      [],
    ],
    [
      'nor a second one',
      handing({ tried: [...handing().tried, { by: s, saidNo: true }] }),
      { on: 'rejected', key, by: s, code: 'no-route' },
      undefined,
      [],
    ],
    [
      'a final refusal of the recipient’s agent ends it',
      handing({ onward: [] }),
      { on: 'rejected', key, by: r, code: 'seal-broken' },
      'done',
      [],
    ],
    [
      'so does the word that the recipient has left',
      handing({ onward: [] }),
      { on: 'rejected', key, by: r, code: 'mailbox-missing' },
      'done',
      [],
    ],
    [
      'one of a relay ends that way alone',
      handing(),
      { on: 'rejected', key, by: r, code: 'payload-too-large' },
      'waiting',
      [],
    ],
    [
      'one of the last relay there is ends it',
      handing({ avoid: [{ by: s, until: now + 12 * HOUR }] }),
      { on: 'rejected', key, by: r, code: 'payload-too-large' },
      'done',
      [],
    ],
    [
      'not while the other is only left alone for a while',
      handing({
        avoid: [
          { by: s, until: now + HOUR },
          { by: b, until: now + 12 * HOUR },
        ],
      }),
      { on: 'rejected', key, by: r, code: 'payload-too-large' },
      'waiting',
      [],
    ],
    ['after a crash it is handed again', handing(), { on: 'due', key }, 'handing', ['hand r']],
    [
      'an envelope that is handed waits for reports alone',
      handing({ state: 'handed', retryAt: now + 60_000 }),
      { on: 'due', key },
      undefined,
      [],
    ],
    ['an unknown envelope is nobody’s', row(), { on: 'due', key: 'other' }, undefined, []],
  ]
  for (const [what, from, event, to, effects] of moves)
    it(what, () => {
      const made = at(from, event)
      expect([stateOf(made), asks(made)]).to.deep.equal([to, effects])
    })

  const retries: [what: string, from: Custody, when: number, said: string, asks: string[]][] = [
    ['what waits goes at once', row({ state: 'waiting', retryAt: now + HOUR }), now, 'done', ['hand r']],
    ['so does what was handed on: it may be lost there', handing({ state: 'handed' }), now, 'done', ['hand r']],
    [
      'a neighbour that was avoided counts again',
      row({ avoid: [{ by: r, until: now + HOUR }] }),
      now,
      'done',
      ['hand r'],
    ],
    ['what is over is not handed on', handing({ state: 'handed' }), now + 12 * HOUR, 'expired', []],
    ['what is done is done', row({ state: 'done' }), now, 'entity-unknown', []],
  ]
  for (const [what, from, when, said, effects] of retries)
    it(`an administrator asks to try again: ${what}`, () => {
      const made = at(from, { on: 'retry', key }, () => {}, when)
      expect([made.answer?.say === 'refused' ? made.answer.code : made.answer?.say, asks(made)]).to.deep.equal([
        said,
        effects,
      ])
    })

  it('a receipt is noted beside those of others, and the sender sees it, or whoever handed it over hears', () => {
    const signed: Event = { on: 'accepted', key, by: r, receipt: 'x' }
    const other = { by: s, saidNo: true }
    const mine = at(handing({ tried: [other, { by: r, saidNo: true }], attempts: 3 }), signed)
    expect(left(mine)).to.deep.include({ tried: [other, { by: r, saidNo: false }], attempts: 0 })
    expect(mine.changes).to.deep.include({ outgoing: 'letter 1', account: 1, stage: 'InCustody' })
    const theirs = relayed({ key, state: 'handing', next: r, tried: [{ by: r, saidNo: false }] })
    expect(owes(at(theirs, signed))).to.deep.equal(['own forwarded'])
  })

  it('a neighbour left alone is so besides others, until their time is over', () => {
    const [over, still] = [now, now + HOUR].map((until) => ({ by: s, until, at: now }))
    const before = { by: r, until: now + 1, at: now }
    const no = at(handing({ avoid: [before, over, still].flatMap((one) => one ?? []) }), {
      on: 'rejected',
      key,
      by: r,
      code: 'no-route',
    })
    expect(left(no)?.avoid).to.deep.equal([still, { by: r, until: now + AVOID_MS, at: now }])
  })

  it('handed once more, its receipt is as good as the first, and its reports are heard as ever', () => {
    const receipt = { event: 'accepted' as const, by: r, at: now, jws: 'first' }
    const onward = { event: 'forwarded' as const, by: r, at: now, next: b, jws: 'forwarded' }
    const state = world(handing({ state: 'handed', trail: [receipt, onward] }))
    const events: Event[] = [
      { on: 'retry', key },
      { on: 'accepted', key, by: r, receipt: 'second' },
    ]
    for (const event of events) for (const change of step(state, event, now).changes) apply(state, change)
    expect(state.custody.get(key)?.trail.map(({ jws }) => jws)).to.deep.equal(['second', 'forwarded'])
    const reports = [report(b, 'delivered')]
    expect(stateOf(step(state, { on: 'reported', from: r, key, reports }, now))).to.equal('done')
  })

  it('signed for by another since, it is whose receipt came last', () => {
    const signed = (by: string, jws: string) => ({ event: 'accepted' as const, by, at: now, jws })
    const state = world(handing({ trail: [signed(r, 'first'), signed(s, 'of another')] }))
    const made = left(step(state, { on: 'accepted', key, by: r, receipt: 'second' }, now))
    expect(made?.trail.map(({ jws }) => jws)).to.deep.equal(['of another', 'second'])
  })

  it('names the rest of the way as advice, and remembers whom it was handed to', () => {
    const made = left(at(row({ tried: [{ by: s, saidNo: true }] }), { on: 'due', key }))
    expect(made).to.deep.include({ next: r, onward: [b], retryAt: now + HAND_GUARD_MS })
    expect(made?.tried).to.deep.equal([
      { by: s, saidNo: true },
      { by: r, saidNo: false },
    ])
  })

  const codes: [code: RefusalCode, avoided: boolean, saidNo: boolean][] = [
    ['no-route', true, true],
    ['path-loops', true, true],
    ['chain-broken', true, true],
    ['mailbox-full', false, true],
    ['disk-full', false, true],
    ['stopping', false, true],
    ['rate-limited', false, true],
    ['envelope-expired', false, false], // an earlier copy may have come in time
  ]
  for (const [code, avoided, saidNo] of codes)
    it(`after ${code} the neighbour is ${avoided ? 'left alone for a while' : 'tried again later'}`, () => {
      const made = left(at(handing(), { on: 'rejected', key, by: r, code }))
      expect(made?.avoid).to.deep.equal(avoided ? [{ by: r, until: now + AVOID_MS, at: now }] : [])
      expect(made?.tried).to.deep.equal([{ by: r, saidNo }])
      expect(made?.retryAt).to.be.within(now + 750, now + 1250)
    })

  it('a no takes away the ways over that neighbour, and no others', () => {
    const ways = [r, s].map((next) => routeOf({ entity: bob, hops: [me, next, b], expires: now + HOUR }))
    const state = world(handing())
    state.routes.set(bob, ways)
    for (const change of step(state, { on: 'rejected', key, by: r, code: 'no-route' }, now).changes)
      apply(state, change)
    expect(state.routes.get(bob)?.map(({ hops }) => hops[1])).to.deep.equal([s])
  })

  it('a neighbour without credit for us is left alone for as long as two tries, and others as long as before', () => {
    const other = { by: s, until: now + HOUR, at: now }
    const made = left(at(handing({ attempts: 2, avoid: [other] }), { on: 'rejected', key, by: r, code: 'no-credit' }))
    const broke = { by: r, until: now + 2 * backoffMs(key, 2), at: now, isBroke: true }
    expect(made).to.deep.include({ state: 'waiting', awaits: `credit:${r}`, attempts: 3, avoid: [other, broke] })
    expect(made).to.deep.include({ retryAt: now + backoffMs(key, 2), tried: [{ by: r, saidNo: true }] })
  })

  const fails: Event[] = [
    { on: 'unreachable', key, by: r, why: '' },
    { on: 'rejected', key, by: r, code: 'stopping' },
  ]
  const patience: [what: string, from: Partial<Custody>, isPassedOver: boolean, change?: (state: State) => void][] = [
    ['four times it is tried again', { attempts: 3 }, false],
    ['then others come first', { attempts: 4 }, true],
    ['not if there is no other', { attempts: 4 }, false, (state) => state.links.delete(s)],
    ['nor one that is connected', { attempts: 4 }, false, (state) => state.links.set(s, link(s, { up: false }))],
    [
      'nor while it is away: it is waited for',
      { attempts: 4 },
      false,
      (state) => state.links.set(r, link(r, { up: false })),
    ],
    ['nor where the way ends there', { attempts: 4, onward: [] }, false],
  ]
  for (const [what, from, isPassedOver, change] of patience)
    for (const event of fails)
      it(`a neighbour that fails to take it, ${event.on}: ${what}`, () => {
        const made = left(at(handing(from), event, change))
        const until = now + 2 * backoffMs(key, 4)
        expect(made?.avoid).to.deep.equal(isPassedOver ? [{ by: r, until, at: now }] : [])
        const { attempts = 0 } = from
        expect(made).to.include({ attempts: attempts + 1, retryAt: now + backoffMs(key, attempts) })
      })

  it('only after a silence the agents that it went over are shunned', () => {
    const trail = [receipt, report(r, 'forwarded', { next: b })]
    expect(wishOf(row({ trail }))).not.to.have.any.keys('shun', 'holders')
    expect(wishOf(row({ trail, stalled: [r] }))).to.deep.include({ shun: [r, r, b], holders: [r] })
  })

  it('a neighbour that has said no, though only for now, is not waited for past the expiry', () => {
    const declined = left(at(handing(), { on: 'rejected', key, by: r, code: 'stopping' })) ?? row()
    expect(lastMoment(declined)).to.equal(declined.expires)
    const end = at(declined, { on: 'due', key }, () => {}, declined.expires)
    expect(stateOf(end)).to.equal('done')
    const [letter] = delivered(end)
    expect(typeof letter?.body === 'object' && letter.body.letter.toString()).to.not.match(/may have arrived/)
  })

  const unanswered: [what: string, before: Event][] = [
    ['by a link that broke', { on: 'unreachable', key, by: r, why: '' }],
    ['by a crash', { on: 'due', key }],
  ]
  for (const [what, before] of unanswered)
    it(`a no for now to a second copy says nothing of the first, cut off ${what}`, () => {
      const state = world(handing())
      const events: Event[] = [before, { on: 'due', key }, { on: 'rejected', key, by: r, code: 'disk-full' }]
      let last = row()
      for (const event of events) {
        const made = step(state, event, now)
        for (const change of made.changes) apply(state, change)
        last = left(made) ?? last
      }
      expect([last.state, last.tried.map((one) => one.saidNo)]).to.deep.equal(['waiting', [false]])
      expect(lastMoment(last)).to.be.above(last.expires)
    })

  it('a no to the way, too, may not speak of a copy that got no answer: of a third one it does', () => {
    const tried = [{ by: r, saidNo: false, again: true as const }]
    const second = left(at(handing({ tried }), { on: 'rejected', key, by: r, code: 'no-route' })) ?? row()
    expect(second.tried).to.deep.equal([{ by: r, saidNo: true, again: true }])
    const third = handing({ tried: handedTo(second, r) })
    const last = left(at(third, { on: 'rejected', key, by: r, code: 'no-route' }))
    expect(last?.tried).to.deep.equal([{ by: r, saidNo: true }])
  })

  it('a final no is not the end while another neighbour may have it', () => {
    const both = handing({
      onward: [],
      tried: [
        { by: s, saidNo: false },
        { by: r, saidNo: false },
      ],
    })
    const made = at(both, { on: 'rejected', key, by: r, code: 'seal-broken' })
    expect(stateOf(made)).to.equal('waiting')
    expect(delivered(made)).to.deep.equal([])
    const alone = handing({
      onward: [],
      tried: [
        { by: s, saidNo: true },
        { by: r, saidNo: false },
      ],
    })
    expect(stateOf(at(alone, { on: 'rejected', key, by: r, code: 'seal-broken' }))).to.equal('done')
  })

  const late: [what: string, copy: Partial<Custody['tried'][number]>, code: RefusalCode, end: string | undefined][] = [
    ['a no that comes once another neighbour has spoken: that one’s word is the last', {}, 'no-route', 'done'],
    ['not if an earlier copy got no answer', { again: true }, 'no-route', 'waiting'],
    ['nor if it only came too late', {}, 'envelope-expired', 'waiting'],
  ]
  for (const [what, copy, code, end] of late)
    it(what, () => {
      const tried = [
        { by: r, saidNo: false },
        { by: s, saidNo: false, ...copy },
      ]
      const state = world(row({ state: 'handed', next: r, tried, trail: [receipt] }))
      for (const change of step(state, { on: 'rejected', key, by: s, code }, now).changes) apply(state, change)
      const last = [report(r, 'refused', { code: 'mailbox-missing' })]
      expect(stateOf(step(state, { on: 'reported', from: r, key, reports: last }, now))).to.equal(end)
    })

  it('what a relay would not take goes another way, and never that way again', () => {
    const state = world(handing({ advice: [s] }))
    const no = step(state, { on: 'rejected', key, by: r, code: 'record-version' }, now)
    expect(left(no)?.avoid).to.deep.equal([{ by: r, until: now + 12 * HOUR, at: now }])
    for (const change of no.changes) apply(state, change)
    const other = step(state, { on: 'due', key }, now + MINUTE)
    expect([stateOf(other), asks(other)]).to.deep.equal(['handing', ['hand s']])
  })

  it('if no other way is found, its sender hears why that one was none', () => {
    const no = left(at(handing(), { on: 'rejected', key, by: r, code: 'payload-too-large' })) ?? row()
    const end = left(at(no, { on: 'due', key }, () => {}, no.expires))
    expect(end?.outcome).to.deep.include({ event: 'expired', code: 'payload-too-large' })
  })

  it('without a way it is searched for, and not again before the backoff is over, whatever wakes it', () => {
    const wayless = (state: State) => state.routes.clear()
    const first = at(row(), { on: 'due', key }, wayless)
    expect([stateOf(first), asks(first)]).to.deep.equal(['waiting', ['search']])
    const waiting = left(first) ?? row()
    expect(waiting.awaits).to.match(/^who:/)
    expect(asks(at(waiting, { on: 'due', key }, wayless, now + 10))).to.deep.equal([])
    expect(asks(at(waiting, { on: 'due', key }, wayless, waiting.retryAt ?? 0))).to.deep.equal(['search'])
    expect(asks(at(waiting, { on: 'retry', key }, wayless, now + 10)), 'but an administrator may').to.deep.equal([
      'search',
    ])
  })

  it('whoever may know more has connected: it is searched for before the backoff is over, and then as before', () => {
    const wayless = (state: State) => state.routes.clear()
    const waiting = left(at(row(), { on: 'due', key }, wayless)) ?? row()
    const made = at(waiting, { on: 'seek', key }, wayless, now + 10)
    expect(asks(made)).to.deep.equal(['search'])
    expect(left(made)?.attempts).to.equal(waiting.attempts + 1)
    expect(asks(at(left(made) ?? row(), { on: 'due', key }, wayless, now + 20))).to.deep.equal([])
    expect(asks(at(row({ awaits: `up:${r}`, retryAt: now + HOUR }), { on: 'seek', key }, wayless))).to.deep.equal([])
  })

  it('a neighbour that is not connected is waited for, and comes when it connects', () => {
    const gone = (state: State) => state.links.set(r, link(r, { up: false }))
    const made = at(row(), { on: 'due', key }, gone)
    expect([stateOf(made), asks(made), left(made)?.awaits]).to.deep.equal(['waiting', [], `up:${r}`])
    const shown = { outgoing: 'letter 1', account: 1, stage: 'Routing' }
    expect(made.changes).to.deep.include(shown)
    expect(at(row({ attempts: 1 }), { on: 'due', key }, gone).changes, 'once').to.not.deep.include(shown)
    const up = at(left(made) ?? row(), { on: 'up', agent: r }, gone)
    const greeting = [
      { do: 'wake', awaits: `up:${r}` },
      { do: 'settle', to: r },
      { do: 'announce', to: r },
    ]
    expect(up.effects.slice(0, 3)).to.deep.equal(greeting)
    expect(at(row(), { on: 'up', agent: r }).effects, 'back before we saw it go').to.deep.equal(greeting)
  })

  it('a relay reports to whoever handed it over that it handed it on, with the receipt', () => {
    const mine = relayed({ state: 'handing', next: r, tried: [{ by: r, saidNo: false }] })
    const made = at(mine, { on: 'accepted', key: mine.key, by: r, receipt: 'receipt' })
    expect([stateOf(made), owes(made), asks(made)]).to.deep.equal(['handed', ['own forwarded'], ['settle s']])
  })

  it('a padded receipt is custody, but not shown: the report that bears it would be refused', () => {
    const mine = relayed({ state: 'handing', next: r, tried: [{ by: r, saidNo: false }] })
    const owed = (receipt: string) =>
      at(mine, { on: 'accepted', key: mine.key, by: r, receipt }).changes.flatMap((change) =>
        'put' in change && change.put === 'owed' ? change.row.items : [],
      )
    const own = { id: envelopeId, origin: s, at: now, event: 'forwarded', next: r }
    expect(owed('x'.repeat(8192))).to.deep.equal([{ own: { ...own, receipt: 'x'.repeat(8192) } }])
    expect(owed('x'.repeat(8193))).to.deep.equal([{ own }])
  })

  const ends: [what: string, row: Custody, when: number, to: string | undefined][] = [
    ['what nobody took ends at its expiry', row(), now + 12 * HOUR, 'done'],
    ['and lives to its last millisecond', row(), now + 12 * HOUR - 1, 'handing'],
    ['what may have been taken is listened for', handing(), now + 12 * HOUR, 'handing'],
    ['for half an hour at the origin', handing(), now + 12 * HOUR + 30 * MINUTE - 1, 'handing'],
    ['and then ends', handing(), now + 12 * HOUR + 30 * MINUTE, 'done'],
  ]
  for (const [what, given, when, to] of ends)
    it(what, () => expect(stateOf(at(given, { on: 'due', key }, () => {}, when))).to.equal(to))

  it('past its expiry nothing is handed on any more', () => {
    const made = at(handing(), { on: 'due', key }, () => {}, now + 12 * HOUR)
    expect(asks(made)).to.deep.equal([])
    expect(left(made)?.retryAt).to.equal(null)
  })

  it('a delay is told once, and the envelope goes on at the next tick', () => {
    const spooled = row({ state: 'spooled', delayAt: now, retryAt: null })
    const state = world(spooled)
    const told = step(state, { on: 'due', key }, now)
    expect(delivered(told)).to.have.length(1)
    expect(left(told)).to.deep.include({ delayAt: null, retryAt: now })
    for (const change of told.changes) apply(state, change)
    const after = step(state, { on: 'due', key }, now)
    expect([delivered(after), asks(after)]).to.deep.equal([[], ['seal']])
  })

  it('a delay told while it is being handed leaves that its time: a no is then the answer to it', () => {
    const state = world(handing({ delayAt: now }))
    const told = step(state, { on: 'due', key }, now)
    expect(dueAt(left(told) ?? row())).to.equal(now + MINUTE)
    for (const change of told.changes) apply(state, change)
    expect(asks(step(state, { on: 'due', key }, now + MINUTE)), 'after a crash nobody is handing it').to.deep.equal([
      'hand r',
    ])
    const no = left(step(state, { on: 'rejected', key, by: r, code: 'custody-full' }, now + 10))
    expect(no?.tried).to.deep.equal([{ by: r, saidNo: true }])
  })

  const patient: [what: string, more: Partial<Custody>][] = [
    ['handed on', { state: 'handed' }],
    ['held back', { isHeldBack: true }],
  ]
  for (const [what, more] of patient)
    it(`a delay told of what is ${what} leaves that its time`, () => {
      const told = left(at(handing({ ...more, delayAt: now }), { on: 'due', key }))
      expect(told).to.include({ delayAt: null, retryAt: now + HOUR })
    })

  it('handed again after a crash, it has the time that it had', () =>
    expect(left(at(handing({ retryAt: now }), { on: 'due', key }))?.retryAt).to.equal(now + HAND_GUARD_MS))

  it('sealing that came to nothing is asked for again', () => {
    const made = left(at(row({ state: 'spooled' }), { on: 'due', key }))
    expect(made?.retryAt).to.be.above(now)
    expect(asks(at(made ?? row(), { on: 'due', key }, () => {}, made?.retryAt ?? 0))).to.deep.equal(['seal'])
  })

  it('an end is told the sender in INBOX, and a later word changes nothing', () => {
    const state = world(handing({ onward: [] }))
    const end = step(state, { on: 'rejected', key, by: r, code: 'seal-broken' }, now)
    expect(delivered(end).map(({ account, folder }) => [account, folder])).to.deep.equal([[1, 'INBOX']])
    expect(end.changes).to.deep.include({ outgoing: 'letter 1', account: 1, stage: 'Failed' })
    for (const change of end.changes) apply(state, change)
    const again: Event[] = [
      { on: 'rejected', key, by: r, code: 'seal-broken' },
      { on: 'accepted', key, by: r, receipt: 'late' },
      { on: 'unreachable', key, by: r, why: 'late' },
      { on: 'due', key },
      { on: 'given-up', key },
      { on: 'unsealable', key, code: 'card-invalid' },
    ]
    for (const event of again) expect(step(state, event, now + MINUTE).changes, event.on).to.deep.equal([])
  })
})
