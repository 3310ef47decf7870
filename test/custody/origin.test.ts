import { expect } from 'chai'
import { targetOfAddress, targetOfEntity } from '../../src/address.ts'
import { apply } from '../../src/apply.ts'
import type { Recipient, Submission } from '../../src/custody/submission.ts'
import { overall } from '../../src/custody/submission.ts'
import type { Step } from '../../src/effect.ts'
import type { Envelope } from '../../src/envelope/envelope.ts'
import { needs, needsOf } from '../../src/needs.ts'
import { routeOf } from '../../src/route/cache.ts'
import { contactKey, type State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import {
  ann,
  asks,
  b,
  bob,
  delivered,
  envelopeId,
  HOUR,
  key,
  left,
  me,
  now,
  permit,
  r,
  row,
  stranger,
  submission,
  world,
} from './rows.ts'

const to = (address: string, more: Partial<Recipient> = {}): Recipient => ({
  address,
  notify: [],
  envelope: envelopeId,
  stage: 'Queued',
  ...more,
})
const submit = (given: Partial<Submission>, change: (state: State) => void = () => {}): Step => {
  const state = world()
  state.submissions.clear()
  change(state)
  return step(state, { on: 'submitted', submission: submission(given), here: 8 }, now)
}
const outgoing = (made: Step) => made.changes.flatMap((change) => ('outgoing' in change ? [change.stage] : []))
const envelope: Envelope = {
  id: envelopeId,
  to: bob,
  hash: 'a'.repeat(64),
  size: 999,
  priority: 'interactive',
  created: now,
  expires: now + 5 * HOUR,
  origin: me,
  jws: 'envelope',
}

describe('custody: at the origin', () => {
  it('somebody known: spooled and sealed, shown in Outgoing, trusted from now on', () => {
    const made = submit({})
    expect([left(made)?.state, left(made)?.to, asks(made), outgoing(made)]).to.deep.equal([
      'spooled',
      bob,
      ['seal'],
      ['Queued'],
    ])
    expect(made.changes).to.deep.include({
      put: 'contact',
      row: { entity: ann, other: bob, trust: 'implicit', address: 'bob@b.test', at: now },
    })
    expect(made.answer).to.deep.equal({ say: 'done' })
  })

  it('somebody not heard of for a day is asked for beside: their card may be another by now', () => {
    const made = submit({}, ({ routes }) => routes.set(bob, [routeOf({ entity: bob, hops: [me, r, b], expires: now })]))
    expect(asks(made)).to.deep.equal(['seal', 'search'])
    expect(made.effects).to.deep.include({ do: 'search', target: targetOfEntity(bob), isAgain: true })
  })

  it('somebody unknown: spooled, searched for, and given up sooner', () => {
    const made = submit({ recipients: [to('eve@far.test')] })
    expect(left(made)).to.deep.include({ state: 'spooled', awaits: `who:${targetOfAddress('eve@far.test')}` })
    expect(left(made)?.expires).to.equal(now + 24 * HOUR)
    const search = { do: 'search', target: targetOfAddress('eve@far.test') }
    expect(made.effects.filter((effect) => effect.do !== 'log')).to.deep.equal([search])
  })

  it('is asked about again after half a minute, then less and less often', () => {
    const state = world()
    state.submissions.clear()
    const waits: number[] = []
    let made = step(
      state,
      { on: 'submitted', submission: submission({ recipients: [to('eve@far.test')] }), here: 8 },
      now,
    )
    for (let when = now; waits.length < 6; ) {
      for (const change of made.changes) apply(state, change)
      const next = left(made)?.retryAt ?? 0
      waits.push((next - when) / 1000)
      when = next
      expect(step(state, { on: 'due', key }, when - 1).changes, 'woken before its time').to.deep.equal([])
      made = step(state, { on: 'due', key }, when)
      const search = { do: 'search', target: targetOfAddress('eve@far.test'), isAgain: true }
      expect(made.effects.filter((effect) => effect.do !== 'log')).to.deep.equal([search])
    }
    expect(waits).to.deep.equal([30, 60, 120, 240, 300, 300])
  })

  it('found late, it gets the life of one that was known', () => {
    const state = world(row({ state: 'spooled', awaits: 'who:x', retryAt: now, expires: now + 24 * HOUR }))
    const waiting = state.custody.get(key)
    if (!waiting) throw new Error('not there')
    const { to: _, ...unknown } = waiting
    state.custody.set(key, unknown)
    expect(left(step(state, { on: 'due', key }, now))).to.deep.include({ to: bob, expires: now + 120 * HOUR })
  })

  it('somebody here: delivered at once, with nothing under way and nothing to show', () => {
    const made = submit({ recipients: [to('ann@me.test')] })
    expect(delivered(made).map(({ account, folder, body }) => [account, folder, body])).to.deep.equal([[1, 'INBOX', 8]])
    expect([left(made), asks(made), outgoing(made)]).to.deep.equal([undefined, [], []])
    expect(made.changes.some((change) => 'put' in change)).to.equal(false)
  })

  it('some here, some elsewhere: each gets what is theirs', () => {
    const recipients = [to('ann@me.test', { envelope: 'f'.repeat(32), notify: ['SUCCESS'] }), to('bob@b.test')]
    const made = submit({ recipients })
    expect(delivered(made)).to.have.length(2) // the message, and the notice that was asked for
    expect(left(made)?.address).to.equal('bob@b.test')
    const put = made.changes.find((change) => 'put' in change && change.put === 'submission')
    expect(put && 'row' in put && (put.row as Submission).recipients.map((one) => one.stage)).to.deep.equal([
      'Delivered',
      'Queued',
    ])
    expect(outgoing(made)).to.deep.equal(['Queued'])
  })

  const headers: [what: string, header: string, kept: string][] = [
    ['a usual header is kept whole', 'Subject: hello\r\n\r\n', 'Subject: hello\r\n\r\n'],
    ['of a long one the first lines', `A: 1\r\nB: ${'x'.repeat(20_000)}\r\n\r\n`, 'A: 1\r\n\r\n'],
    ['of an endless line its start', `A: ${'x'.repeat(20_000)}\r\n\r\n`, `A: ${'x'.repeat(16_377)}\r\n\r\n`],
    [
      'as much as fits into 16 KiB',
      `${`A: ${'x'.repeat(59)}\r\n`.repeat(4096)}\r\n`,
      `${`A: ${'x'.repeat(59)}\r\n`.repeat(255)}\r\n`,
    ],
  ]
  for (const [what, header, kept] of headers)
    it(`for notices, ${what}`, () => {
      const made = submit({ header: Buffer.from(header).toString('base64') })
      const put = made.changes.find((change) => 'put' in change && change.put === 'submission')
      const row = put && 'row' in put ? (put.row as Submission) : undefined
      expect(Buffer.from(row?.header ?? '', 'base64').toString()).to.equal(kept)
      expect(kept.length).to.be.at.most(16 * 1024)
    })

  it('what is under way is not sent a second time', () =>
    expect(submit({}, (state) => state.submissions.set('letter 1', submission()))).to.deep.equal({
      changes: [],
      effects: [],
      answer: { say: 'done' },
    }))

  it('what a person said of a contact stands, at submission and when it is prepared again', () => {
    const none = { entity: ann, other: bob, trust: 'none' as const, address: 'bob@b.test', at: 1 }
    const made = submit({}, (state) => state.contacts.set(contactKey(ann, bob), none))
    expect(made.changes.some((change) => 'put' in change && change.put === 'contact')).to.equal(false)
    const state = world()
    expect(needs(state, { on: 'submitted', submission: submission(), here: 8 }).contacts).to.include(
      contactKey(ann, bob),
    )
    expect(needsOf(state, row({ state: 'spooled' })).contacts).to.deep.equal([contactKey(ann, bob)])
    const { to: _, ...unknown } = row({ state: 'spooled' })
    expect(needsOf(state, unknown).contacts, 'by the address, if it is known by now').to.deep.equal([
      contactKey(ann, bob),
    ])
    const forgotten = row({ state: 'spooled', to: stranger })
    expect(needsOf(state, forgotten).contacts, 'whoever has the address now').to.include(contactKey(ann, bob))
  })

  it('sealed, it is handed on as it will always be: these bytes, this size, this life', () => {
    const made = step(world(row({ state: 'spooled' })), { on: 'sealed', key, envelope, body: 9 }, now)
    expect(left(made)).to.deep.include({
      state: 'handing',
      body: 9,
      size: 999,
      envelope: 'envelope',
      next: r,
      onward: [b],
    })
    expect(left(made)?.expires).to.equal(envelope.expires)
  })

  it('sealed a second time, the first seal stands', () =>
    expect(step(world(row({ state: 'handing' })), { on: 'sealed', key, envelope, body: 9 }, now).changes).to.deep.equal(
      [],
    ))

  it('what can’t be sealed ends with a notice', () => {
    const made = step(world(row({ state: 'spooled' })), { on: 'unsealable', key, code: 'card-invalid' }, now)
    expect([left(made)?.outcome?.code, delivered(made).length, outgoing(made)]).to.deep.equal([
      'card-invalid',
      1,
      ['Failed'],
    ])
  })

  it('an address nobody answered for fails as unknown', () => {
    const { to: _, ...unknown } = row({ state: 'spooled' })
    const made = step(world(unknown), { on: 'due', key }, unknown.expires)
    expect(left(made)?.outcome?.code).to.equal('address-unknown')
    expect(delivered(made)).to.have.length(1)
  })

  it('not so one whose key is known and which was not sealed in time', () => {
    const late = row({ state: 'spooled' })
    expect(left(step(world(late), { on: 'due', key }, late.expires))?.outcome?.code).to.equal('expired')
  })

  it('not yet sealed when the key of the agent changes, it goes under the new one', () => {
    const was = row({ state: 'spooled', key: `${stranger}/${envelopeId}`, origin: stranger, path: [stranger], permit })
    const state = world(was)
    const made = step(state, { on: 'due', key: was.key }, now)
    expect(asks(made)).to.include('seal')
    for (const change of made.changes) apply(state, change)
    expect([...state.custody.keys()]).to.deep.equal([key])
    expect(state.custody.get(key))
      .to.deep.include({ origin: me, path: [me] })
      .and.not.have.property('permit')
  })

  it('NOTIFY=NEVER keeps notices away, not the stage in Outgoing', () => {
    const state = world(row({ state: 'spooled' }))
    state.submissions.set('letter 1', submission({ recipients: [to('bob@b.test', { notify: ['NEVER'] })] }))
    const made = step(state, { on: 'given-up', key }, now)
    expect([delivered(made), outgoing(made)]).to.deep.equal([[], ['Failed']])
  })

  it('a finished message leaves Outgoing a day later, not before', () => {
    const state = world(row({ state: 'spooled' }))
    for (const change of step(state, { on: 'given-up', key }, now).changes) apply(state, change)
    const clear = { on: 'clear' as const, submission: 'letter 1' }
    expect(step(state, clear, now + 24 * HOUR - 1).changes).to.deep.equal([])
    expect(step(state, clear, now + 24 * HOUR).changes).to.deep.equal([
      { outgoing: 'letter 1', account: 1, stage: 'cleared' },
      { drop: 'submission', id: 'letter 1' },
    ])
  })

  const stages: [stages: Recipient['stage'][], overall: Recipient['stage']][] = [
    [['Delivered', 'Delivered'], 'Delivered'],
    [['Delivered', 'InCustody'], 'InCustody'],
    [['InCustody', 'Routing'], 'Routing'],
    [['Delayed', 'Queued'], 'Delayed'],
    [['Delivered', 'Delayed', 'Failed'], 'Failed'],
  ]
  for (const [given, whole] of stages)
    it(`${given.join(', ')} shows as ${whole}`, () =>
      expect(overall(given.map((stage) => to('x@y', { stage })))).to.equal(whole))
})
