import { expect } from 'chai'
import type { Custody } from '../../src/custody/custody.ts'
import type { Lodged } from '../../src/custody/lodge.ts'
import type { Step } from '../../src/effect.ts'
import type { State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import {
  ann,
  asks,
  bob,
  delivered,
  envelopeId,
  HOUR,
  left,
  me,
  now,
  owes,
  relayed,
  row,
  s,
  submission,
  world,
} from './rows.ts'

/** What came for Ann over `s`, opened, and is being given to the server that keeps her mail. */
const lodging = (more: Partial<Custody> = {}): Custody =>
  relayed({
    role: 'destination',
    state: 'handing',
    to: ann,
    body: 3,
    sender: bob,
    messageId: '<2@b.test>',
    lodge: { to: 'ann@me.test', from: 'bob@b.test' },
    ...more,
  })
const theirs = `${s}/${envelopeId}`
const elsewhere = (...rows: Custody[]): State => ({ ...world(...rows), lodging: 'lmtp' })
const answered = (answer: Lodged, was = lodging(), at = now): Step =>
  step(elsewhere(was), { on: 'lodged', key: was.key, answer }, at)

describe('custody: mail that another server keeps', () => {
  const arriving = (state: State) =>
    step(
      state,
      {
        on: 'arrived',
        arrival: {
          from: s,
          envelope: {
            ...{ id: envelopeId, to: ann, hash: 'f'.repeat(64), size: 100, priority: 'interactive', created: now },
            ...{ expires: now + HOUR, origin: s, jws: 'envelope' },
          },
          stamps: ['stamp'],
          path: [s],
          advice: [],
          body: 3,
          opened: { from: bob, address: 'bob@b.test', messageId: '<2@b.test>' },
        },
      },
      now,
    )

  it('what arrives is in our custody until that server has it: nothing is reported yet', () => {
    const made = arriving(elsewhere())
    expect(made.answer).to.deep.equal({ say: 'accepted', at: now })
    expect(left(made)).to.deep.include({ state: 'handing', body: 3, lodge: { to: 'ann@me.test', from: 'bob@b.test' } })
    expect([asks(made), owes(made), delivered(made)]).to.deep.equal([['lodge'], [], []])
  })

  it('taken: delivered, and reported with the permit', () => {
    const made = answered('taken', lodging({ permit: 'abc' }))
    expect(left(made)).to.deep.include({ state: 'done', body: null, outcome: { event: 'delivered', by: me, at: now } })
    expect([owes(made), asks(made)]).to.deep.equal([['own delivered'], ['settle s']])
    const owed = made.changes.flatMap((change) => ('put' in change && change.put === 'owed' ? change.row.items : []))
    expect(owed[0]).to.have.nested.property('own.permit', 'abc')
  })

  it('not now: tried again, later each time, and without a report', () => {
    const first = answered('later')
    expect(left(first)).to.include({ state: 'waiting', attempts: 1, body: 3 })
    expect(owes(first)).to.deep.equal([])
    const waitMs = (attempts: number) => (left(answered('later', lodging({ attempts })))?.retryAt ?? 0) - now
    expect(waitMs(4)).to.be.above(4 * waitMs(0))
    const waiting = lodging({ state: 'waiting', retryAt: now + 1000 })
    expect(step(elsewhere(waiting), { on: 'due', key: theirs }, now).effects).to.deep.equal([])
    expect(asks(step(elsewhere(waiting), { on: 'due', key: theirs }, now + 1000))).to.deep.equal(['lodge'])
  })

  it('for good: refused by that code', () => {
    const made = answered('mailbox-missing')
    expect(left(made)?.outcome).to.include({ event: 'refused', code: 'mailbox-missing' })
    expect(owes(made)).to.deep.equal(['own refused'])
  })

  it('its time passes there as anywhere: expired', () => {
    const made = step(elsewhere(lodging({ state: 'waiting' })), { on: 'due', key: theirs }, now + 12 * HOUR)
    expect([left(made)?.outcome?.event, owes(made)]).to.deep.equal(['expired', ['own expired']])
  })

  it('but not while that server is taking it: its sender would hear of a failure, and the recipient have it', () => {
    const still = step(elsewhere(lodging()), { on: 'due', key: theirs }, now + 12 * HOUR)
    expect([left(still)?.state, asks(still), owes(still)]).to.deep.equal(['handing', [], []])
    expect(owes(answered('taken', left(still), now + 12 * HOUR + 1))).to.deep.equal(['own delivered'])
    const never = step(elsewhere(left(still) as Custody), { on: 'due', key: theirs }, now + 12.25 * HOUR)
    expect(owes(never)).to.deep.equal(['own expired'])
  })

  it('an answer that comes twice, or too late, changes nothing', () => {
    const done = left(answered('taken')) as Custody
    for (const answer of ['taken', 'later', 'store-refused'] as const)
      expect(answered(answer, done)).to.deep.equal({ changes: [], effects: [] })
  })

  it('a start takes up what was being given', () => {
    expect(asks(step(elsewhere(lodging()), { on: 'due', key: theirs }, now))).to.deep.equal(['lodge'])
  })

  it('another copy meanwhile gets its receipt, and its neighbour hears the end, too', () => {
    const was = lodging({ from: 'r'.repeat(51).concat('a') })
    const made = arriving(elsewhere(was))
    expect([made.answer?.say, owes(made), left(made)?.also]).to.deep.equal(['accepted', [], [s]])
    const end = answered('taken', left(made))
    expect(asks(end)).to.deep.equal(['settle r', 'settle s'])
  })

  it('within this gateway it is the same, and the sender hears the end', () => {
    const local = submission({
      recipients: [{ address: 'ann@me.test', notify: ['SUCCESS', 'FAILURE'], envelope: envelopeId, stage: 'Queued' }],
    })
    const { submissions, ...rest } = elsewhere()
    const state: State = { ...rest, submissions: new Map() }
    const begun = step(state, { on: 'submitted', submission: { ...local, body: null }, here: 9 }, now)
    const under = left(begun) as Custody
    expect(under).to.deep.include({ role: 'origin', state: 'handing', body: 9, to: ann })
    expect([asks(begun), delivered(begun)]).to.deep.equal([['lodge'], []])

    const after: State = { ...state, submissions: new Map([[local.id, local]]), custody: new Map([[under.key, under]]) }
    const end = (answer: Lodged) => step(after, { on: 'lodged', key: under.key, answer }, now)
    const told = (made: Step) =>
      made.changes.flatMap((change) =>
        'put' in change && change.put === 'posted' ? [Buffer.from(change.row.letter, 'base64').toString()] : [],
      )
    expect(told(end('taken'))[0]).to.include('Subject: Delivered: hello')
    expect(told(end('store-refused'))[0])
      .to.include('5.2.0')
      .and.include('did not take it')
    expect(end('later').changes).to.have.lengthOf(1)
  })

  it('letters of ours go there, too: the same one twice is one', () => {
    const failing = row({ state: 'spooled', lodge: { to: 'ann@me.test', from: 'ann@me.test' }, to: ann })
    const made = step(elsewhere(failing), { on: 'given-up', key: failing.key }, now)
    expect(delivered(made)).to.deep.equal([])
    const again = step(elsewhere(failing), { on: 'given-up', key: failing.key }, now)
    const posted = [made, again].map((one) => one.effects.filter((effect) => effect.do === 'post'))
    expect(posted[0]).to.have.lengthOf(1).and.deep.equal(posted[1])
    const [{ id } = { id: '' }] = posted[0] as { id: string }[]
    expect(step(elsewhere(), { on: 'posted', id }, now).changes).to.deep.equal([{ drop: 'posted', id }])
  })
})
