import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import { type Custody, SEAL_GUARD_MS } from '../../src/custody/custody.ts'
import type { Recipient } from '../../src/custody/submission.ts'
import type { Event } from '../../src/event.ts'
import { needs, needsOf } from '../../src/needs.ts'
import { contactKey, removeLocal, type State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import { ann, asks, b, bob, delivered, HOUR, key, left, me, now, submission, world } from './rows.ts'

const envelope = key.split('/')[1] ?? ''
const to = (address: string): Recipient => ({ address, notify: ['SUCCESS', 'FAILURE'], envelope, stage: 'Queued' })
const until = now + 2 * HOUR

/** A held message, and what the agent holds then. */
const held = (address: string, more: Partial<State> = {}): { state: State; row: Custody } => {
  const state: State = { ...world(), submissions: new Map(), ...more }
  const given = submission({ recipients: [to(address)], holdUntil: until })
  const made = step(state, { on: 'submitted', submission: given, here: 9 }, now)
  expect(asks(made), 'nothing is done yet').to.deep.equal([])
  for (const change of made.changes) apply(state, change)
  return { state, row: left(made) as Custody }
}

describe('custody: held until its time', () => {
  it('lies spooled, and its life begins when it goes', () => {
    const { row, state } = held('bob@b.test')
    expect(row).to.include({ state: 'spooled', heldUntil: until, retryAt: until, created: until })
    expect([row.expires, row.delayAt]).to.deep.equal([until + state.terms.knownLifeMs, until + state.terms.delayMs])
  })

  it('goes at once where that has passed', () => {
    const given = submission({ recipients: [to('bob@b.test')], holdUntil: now })
    const made = step({ ...world(), submissions: new Map() }, { on: 'submitted', submission: given, here: 9 }, now)
    expect(asks(made)).to.include('seal')
    expect(left(made)).not.to.have.property('heldUntil')
  })

  const early: Event[] = [
    { on: 'due', key },
    { on: 'retry', key },
  ]
  for (const event of early)
    it(`${event.on} before that moves nothing, a start among them`, () => {
      const { state } = held('bob@b.test')
      expect(asks(step(state, event, until - 1))).to.deep.equal([])
    })

  it('then it is sealed as any other', () => {
    const { state } = held('bob@b.test')
    expect(asks(step(state, { on: 'due', key }, until))).to.include('seal')
  })

  it('an administrator may take it out, and its sender hears so', () => {
    const { state } = held('bob@b.test')
    const made = step(state, { on: 'given-up', key }, now)
    expect(left(made)?.outcome).to.include({ event: 'refused', code: 'given-up' })
    expect(delivered(made)).to.have.lengthOf(1)
  })

  it('for somebody here it is delivered then, once', () => {
    const { state, row } = held('ann@me.test')
    expect(row).to.include({ to: ann, body: 9 })
    const begun = step(state, { on: 'due', key }, until)
    expect(asks(begun)).to.deep.equal(['release'])
    expect(left(begun)?.retryAt, 'while it goes it is not begun again').to.equal(until + SEAL_GUARD_MS)
    const made = step(state, { on: 'released', key, body: 12 }, until)
    expect(
      delivered(made).map(({ body, provenance }) => (typeof body === 'number' ? [body, provenance?.path] : 'notice')),
    ).to.deep.equal([[12, [me]], 'notice'])
    expect(left(made)?.outcome).to.include({ event: 'delivered' })
    for (const change of made.changes) apply(state, change)
    expect(step(state, { on: 'released', key, body: 13 }, until)).to.deep.equal({ changes: [], effects: [] })
  })

  it('for somebody who has gone from here meanwhile it comes back, whoever has the address now', () => {
    const { state } = held('ann@me.test')
    removeLocal(state, ann)
    state.knownAt.set('ann@me.test', bob)
    const made = step(state, { on: 'due', key }, until)
    expect(left(made)?.outcome).to.include({ event: 'refused', code: 'mailbox-missing' })
    expect(asks(made)).to.deep.equal([])
    expect(delivered(made)).to.have.lengthOf(1)
  })

  it('nor is it lost on somebody who lives elsewhere now', () => {
    const { state } = held('ann@me.test')
    removeLocal(state, ann)
    state.known.set(ann, { entity: ann, address: 'ann@b.test', agent: b, expires: now + 1000 * HOUR })
    expect(asks(step(state, { on: 'due', key }, until))).to.include('seal')
  })

  it('its release is decided with what the recipient thinks of the sender', () => {
    const { state, row } = held('ann@me.test')
    expect(needs(state, { on: 'released', key, body: 12 })).to.deep.equal({ custody: [key] })
    const others: Custody = { ...row, sender: bob }
    expect(needsOf(state, others).contacts).to.include.members([contactKey(ann, bob), contactKey(bob, ann)])
  })

  it('where another server keeps the mail it goes there then', () => {
    const { state } = held('ann@me.test', { lodging: 'lmtp' })
    expect(asks(step(state, { on: 'due', key }, until - 1))).to.deep.equal([])
    expect(asks(step(state, { on: 'due', key }, until))).to.deep.equal(['lodge'])
  })
})
