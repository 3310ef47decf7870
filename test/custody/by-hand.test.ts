import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import { type Custody, dueAt, lastMoment } from '../../src/custody/custody.ts'
import type { Step } from '../../src/effect.ts'
import type { Event } from '../../src/event.ts'
import { needs } from '../../src/needs.ts'
import type { State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import {
  arrival,
  asks,
  b,
  bob,
  delivered,
  HOUR,
  key,
  left,
  MINUTE,
  now,
  r,
  relayed,
  report,
  row,
  s,
  world,
} from './rows.ts'

const { envelope } = arrival(bob)

/** What the agent holds once an administrator has held the row back. */
const held = (was: Custody): State => {
  const state = world(was)
  for (const change of step(state, { on: 'held-back', key: was.key }, now).changes) apply(state, change)
  return state
}

/** The text for people, in one line. */
const noticeOf = (made: Step): string => {
  const [body] = delivered(made).map((one) => one.body)
  const text = typeof body === 'object' ? body.letter.toString() : ''
  return text.slice(text.indexOf('To: bob'), text.indexOf('What you can do')).replace(/\s+/g, ' ')
}

describe('custody: held back by hand', () => {
  const waiting = row({ awaits: 'who:x', retryAt: now + 1, attempts: 2 })
  const spooled = row({ state: 'spooled', awaits: 'who:x', retryAt: now + 1 })

  const early: [what: string, was: Custody, event: Event][] = [
    ['its next try', waiting, { on: 'due', key }],
    ['an answer to its search', waiting, { on: 'seek', key }],
    ['a try by hand', waiting, { on: 'retry', key }],
    ['the time to seal it', spooled, { on: 'due', key }],
    ['holding it again', waiting, { on: 'held-back', key }],
    ['a seal that failed meanwhile', spooled, { on: 'unsealable', key, code: 'card-invalid' }],
  ]
  for (const [what, was, event] of early)
    it(`${what} moves nothing`, () => {
      const made = step(held(was), event, now + HOUR)
      expect([made.changes, made.effects]).to.deep.equal([[], []])
    })

  it('no time of its own and no neighbour wakes it', () => {
    const { awaits, retryAt } = held(waiting).custody.get(key) as Custody
    expect([awaits, retryAt]).to.deep.equal([null, null])
  })

  it('a seal that comes meanwhile is kept, and goes nowhere', () => {
    const made = step(held(spooled), { on: 'sealed', key, envelope, body: 9 }, now)
    expect(left(made)).to.include({ state: 'waiting', body: 9, isHeldBack: true })
    expect(asks(made)).to.deep.equal([])
  })

  it('its sender hears of the delay once, and of the end', () => {
    const state = held(row({ delayAt: now + HOUR }))
    const late = step(state, { on: 'due', key }, now + HOUR)
    expect(delivered(late)).to.have.lengthOf(1)
    for (const change of late.changes) apply(state, change)
    const row2 = state.custody.get(key) as Custody
    expect(dueAt(row2)).to.equal(row2.expires)
    const end = step(state, { on: 'due', key }, row2.expires)
    expect(left(end)?.outcome?.event).to.equal('expired')
  })

  it('its sender hears that it is held back, and not that nobody knows an address that was not asked for', () => {
    const { to: _, ...sought } = row({ state: 'spooled', delayAt: now + HOUR })
    const state = held(sought)
    const late = step(state, { on: 'due', key }, now + HOUR)
    expect(noticeOf(late))
      .to.include('the administrator of your gateway holds it back')
      .and.not.match(/tr(y|ies)/)
    for (const change of late.changes) apply(state, change)
    expect(left(step(state, { on: 'due', key }, sought.expires))?.outcome?.code).to.equal('expired')
  })

  it('nor that it lies here, once a neighbour has signed for it', () => {
    const state = held(row({ tried: [{ by: r, saidNo: false }], delayAt: now + HOUR }))
    for (const change of step(state, { on: 'accepted', key, by: r, receipt: 'x' }, now).changes) apply(state, change)
    expect(noticeOf(step(state, { on: 'due', key }, now + HOUR))).to.include('R.test has it and goes on trying')
  })

  const words: [what: string, event: Event, to: Custody['state']][] = [
    ['a receipt', { on: 'accepted', key, by: r, receipt: 'receipt' }, 'handed'],
    [
      'a word that it goes on',
      { on: 'reported', from: r, key, reports: [report(r, 'forwarded', { next: b })] },
      'handed',
    ],
    ['an end of one of two copies', { on: 'reported', from: r, key, reports: [report(r, 'expired')] }, 'waiting'],
  ]
  for (const [what, event, to] of words)
    it(`${what} of a neighbour that had it before is heard, and no time of its own wakes it after that`, () => {
      const tried = [r, s].map((by) => ({ by, saidNo: false }))
      const state = held(row({ tried, delayAt: null }))
      const heard = left(step(state, event, now)) ?? row()
      expect([heard.state, heard.isHeldBack, dueAt(heard)]).to.deep.equal([to, true, lastMoment(heard)])
    })

  it('released after a receipt its neighbour is listened to, as long as any', () => {
    const state = held(row({ tried: [{ by: r, saidNo: false }] }))
    for (const change of step(state, { on: 'accepted', key, by: r, receipt: 'x' }, now).changes) apply(state, change)
    const free = left(step(state, { on: 'let-go', key }, now + 1)) ?? row()
    expect([free.state, dueAt(free)]).to.deep.equal(['handed', now + 30 * MINUTE])
    expect(asks(step(state, { on: 'let-go', key }, now + HOUR)), 'it was silent for too long').to.include('blame')
  })

  const out: Custody['state'][] = ['handing', 'handed', 'done']
  for (const state of out)
    it(`what is ${state} is out of our hands`, () =>
      expect(step(world(row({ state })), { on: 'held-back', key }, now)).to.deep.equal({ changes: [], effects: [] }))

  it('released it goes on at once, where it stood', () => {
    const made = step(held(waiting), { on: 'let-go', key }, now)
    expect([left(made)?.state, left(made)?.isHeldBack, asks(made)]).to.deep.equal(['handing', undefined, ['hand r']])
    expect(asks(step(held(spooled), { on: 'let-go', key }, now))).to.deep.equal(['seal'])
  })

  it('released it waits on for the time its sender set', () => {
    const later = row({ state: 'spooled', heldUntil: now + HOUR, retryAt: now + HOUR })
    const made = step(held(later), { on: 'let-go', key }, now)
    expect([left(made)?.retryAt, asks(made)]).to.deep.equal([now + HOUR, []])
  })

  it('released after its end it ends', () => {
    const was = relayed({ state: 'waiting' })
    const made = step(held(was), { on: 'let-go', key: was.key }, was.expires)
    expect(asks(made)).to.deep.equal([])
    expect(dueAt(left(made) as Custody)).to.equal(was.expires)
  })

  it('what was not held is not released', () =>
    expect(step(world(waiting), { on: 'let-go', key }, now)).to.deep.equal({ changes: [], effects: [] }))

  it('both are decided with the envelope at hand', () => {
    for (const on of ['held-back', 'let-go'] as const)
      expect(needs(world(waiting), { on, key })).to.deep.equal({ custody: [key] })
  })
})
