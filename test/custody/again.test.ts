import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import { letGo } from '../../src/custody/by-hand.ts'
import { type Custody, SEAL_GUARD_MS } from '../../src/custody/custody.ts'
import { lend } from '../../src/custody/meter.ts'
import { due, reported } from '../../src/custody/returning.ts'
import { contactKey, type State } from '../../src/state.ts'
import { ann, asks, b, bob, HOUR, key, left, MINUTE, me, now, r, relayed, report, row, world } from './rows.ts'

const permit = 'ab'.repeat(16)

/** Refused by `r` for want of credit, and waiting for some. */
const broke = (more: Partial<Custody> = {}): Custody =>
  row({
    tried: [{ by: r, saidNo: true }],
    avoid: [{ by: r, until: now + MINUTE, isBroke: true }],
    awaits: `credit:${r}`,
    retryAt: now + MINUTE,
    ...more,
  })

const withContact = (state: State, given: string | undefined): State => {
  const contact = { entity: ann, other: bob, trust: 'implicit' as const, address: 'bob@b.test', at: now }
  state.contacts.set(contactKey(ann, bob), { ...contact, ...(given && { permit: given }) })
  return state
}

describe('custody: what waits for credit and gets a permit', () => {
  it('goes at once, in another envelope that bears it', () => {
    const was = broke({ returnAt: now + HOUR })
    const step = due(withContact(world(was), permit), key, now)
    const anew = left(step)
    expect(anew).to.include({ state: 'spooled', permit, body: 7, to: bob, sender: ann, messageId: '<1@me.test>' })
    expect(anew).to.include({ address: was.address, returnAt: now + HOUR, retryAt: now + SEAL_GUARD_MS })
    expect(anew?.key).to.equal(`${me}/${anew?.id}`).and.not.to.equal(key)
    expect(anew?.tried).to.deep.equal([])
    expect(step.changes).to.deep.include({ drop: 'custody', key })
    const names = step.changes.flatMap((change) =>
      'put' in change && change.put === 'submission' ? change.row.recipients.map(({ envelope }) => envelope) : [],
    )
    expect(names).to.deep.equal([anew?.id])
    expect(asks(step)).to.deep.equal(['seal'])
  })

  it('weighs no more with a neighbour that had it once, and has refused it since', () => {
    const state = withContact(world(broke()), permit)
    const lent = lend(state, broke(), r, now)
    for (const change of lent.changes) apply(state, change)
    state.custody.set(key, lent.row)
    expect(state.credits.get(r)?.ours).to.include({ reserved: 1, pending: 1 })
    for (const change of due(state, key, now).changes) apply(state, change)
    expect(state.credits.get(r)?.ours).to.include({ reserved: 0, pending: 0 })
  })

  const stays: [what: string, was: Custody, permit: string | undefined][] = [
    ['there is no permit', broke(), undefined],
    ['a neighbour may have it as it is', broke({ tried: [{ by: r, saidNo: false }] }), permit],
    [
      'one has refused it, but an earlier copy got no answer',
      broke({ tried: [{ by: r, saidNo: true, again: true }] }),
      permit,
    ],
    ['one of two neighbours may', broke({ tried: [...broke().tried, { by: b, saidNo: false }] }), permit],
    ['it was handed to nobody yet', broke({ tried: [] }), permit],
    ['it bears one', broke({ permit: 'cd'.repeat(16) }), permit],
    ['it is somebody else’s', relayed({ key, tried: [{ by: r, saidNo: true }] }), permit],
  ]
  for (const [what, was, given] of stays)
    it(`stays in its envelope where ${what}`, () => {
      const step = due(withContact(world(was), given), key, now + MINUTE)
      expect(left(step)?.id ?? was.id).to.equal(was.id)
      expect(step.changes).not.to.deep.include({ drop: 'custody', key })
    })

  it('stays in its envelope where the message itself is here no more', () => {
    const state = withContact(world(broke()), permit)
    for (const submission of state.submissions.values()) submission.body = null
    expect(due(state, key, now + MINUTE).changes).not.to.deep.include({ drop: 'custody', key })
  })

  it('is woken when a delivery brings the permit', () => {
    const handed = row({ state: 'handed', next: r, agent: b, tried: [{ by: r, saidNo: false }] })
    const forwarded = report(r, 'forwarded', { next: b })
    const state = withContact(world(handed), undefined)
    const step = reported(state, r, key, [forwarded, report(b, 'delivered', { permit })], now)
    expect(step.effects).to.deep.include({ do: 'wake', awaits: `credit:${r}` })
    const again = reported(
      withContact(world(handed), permit),
      r,
      key,
      [forwarded, report(b, 'delivered', { permit })],
      now,
    )
    expect(again.effects.filter(({ do: what }) => what === 'wake')).to.deep.equal([])
  })

  it('keeps the permit it has when a delivery brings none, and none for whom its sender does not know', () => {
    const handed = row({ state: 'handed', next: b, agent: b, tried: [{ by: b, saidNo: false }] })
    const contactsAfter = (state: State, given: { permit?: string }) =>
      reported(state, b, key, [report(b, 'delivered', given)], now).changes.filter(
        (change) => 'put' in change && change.put === 'contact',
      )
    expect(contactsAfter(withContact(world(handed), permit), {})).to.deep.equal([])
    expect(contactsAfter(world(handed), { permit })).to.deep.equal([])
    expect(contactsAfter(withContact(world(handed), 'cd'.repeat(16)), { permit })).to.have.length(1)
  })
})

describe('custody: whose permit has ended', () => {
  const words = [report(r, 'forwarded', { next: b }), report(b, 'refused', { code: 'permit-ended' })]

  it('goes without it, and so does what is written next', () => {
    const state = withContact(world(row({ agent: b, permit, tried: [{ by: r, saidNo: false }] })), permit)
    const step = reported(state, r, key, words, now)
    expect(left(step)).to.include({ state: 'spooled' }).and.not.to.have.property('permit')
    for (const change of step.changes) apply(state, change)
    const contact = state.contacts.get(contactKey(ann, bob))
    expect(contact).to.include({ address: 'bob@b.test' }).and.not.to.have.property('permit')
  })

  const state = world(row({ agent: b, permit, isHeldBack: true, tried: [{ by: r, saidNo: false }] }))

  it('while an administrator holds it back, it waits on in its new envelope, until it is released', () => {
    const step = reported(state, r, key, words, now)
    const anew = left(step) ?? row()
    expect(anew).to.include({ state: 'spooled', isHeldBack: true, retryAt: null })
    expect(asks(step)).to.deep.equal([])
    for (const change of step.changes) apply(state, change)
    expect(asks(letGo(state, anew.key, now))).to.deep.equal(['seal'])
  })
})
