import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import type { Complaint, Entry, Reason } from '../../src/complaint/verdict.ts'
import { exactDebt, newCredit, reserve } from '../../src/credit/credit.ts'
import type { Custody } from '../../src/custody/custody.ts'
import type { Step } from '../../src/effect.ts'
import type { RefusalCode } from '../../src/refusal.ts'
import { contactKey, type State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import {
  ann,
  bob,
  envelopeId,
  HOUR,
  kindsOwed,
  left,
  link,
  MINUTE,
  me,
  now,
  key as ours,
  permit,
  r,
  relayed,
  report,
  row,
  s,
  said,
  stranger,
  world,
} from '../custody/rows.ts'

const DAY = 24 * HOUR

/** We relay from `s` to `r`; `r` has signed for it, and it waits to be judged. */
const open = (more: Partial<Custody> = {}): Custody =>
  relayed({
    state: 'handed',
    next: r,
    reserved: 1,
    lent: [{ to: r, weight: 1 }],
    judgeBy: now + 8 * DAY,
    tried: [{ by: r, saidNo: false }],
    hash: 'f'.repeat(64),
    ...more,
  })

const complaint = (more: Partial<Complaint> = {}): Complaint => ({
  entity: bob,
  origin: s,
  id: envelopeId,
  hash: 'f'.repeat(64),
  reason: 'abuse',
  at: now,
  text: 'complaint',
  card: 'card',
  ...more,
})

const holding = (row: Custody | undefined): State => {
  const state = row ? world(row) : world()
  for (const agent of [r, s]) state.links.set(agent, link(agent, { limit: 10 }))
  for (const [agent, direction, weight] of [
    ...(row?.reserved ? [[s, 'theirs', row.reserved] as const] : []),
    ...(row?.lent ?? []).map((one) => [one.to, 'ours', one.weight] as const),
  ]) {
    const credit = newCredit(now)
    reserve(credit, direction, weight)
    state.credits.set(agent, credit)
  }
  return state
}
const hear = (state: State, given: Complaint, from = r, at = now): Step =>
  step(state, { on: 'complained', from, complaint: given }, at)
/** What `s` owes us after it, and what we owe `r`. */
const debts = (state: State, ...steps: Step[]): number[] => {
  for (const { changes } of steps) for (const change of changes) apply(state, change)
  return [s, r].map((agent) => {
    const credit = state.credits.get(agent)
    return credit ? exactDebt(credit, now) : 0
  })
}

const nothing = { reserved: 0, pending: 0 }

describe('complaint: it overtakes the news that its message came to nothing', () => {
  // r has delivered it and knows nothing of that any more: its report was lost, or its row was given up.
  const cases: [what: string, event: 'expired' | 'refused', code: RefusalCode, answer: string, debts: number[]][] = [
    ['r thinks that it expired', 'expired', 'expired', 'done', [1, -1]],
    ['r was told to give it up', 'refused', 'given-up', 'done', [1, -1]],
    ['r knows that nobody had it', 'refused', 'mailbox-missing', 'complaint-late', [0, 0]],
  ]
  for (const [what, event, code, answer, after] of cases)
    it(`${what}: ${answer}`, () => {
      const state = holding(open({ trail: [{ event: 'accepted', by: r, at: now, jws: '' }] }))
      const told = step(
        state,
        { on: 'reported', from: r, key: `${s}/${envelopeId}`, reports: [report(r, event, { code })] },
        now,
      )
      for (const change of told.changes) apply(state, change)
      expect(left(told)?.state).to.equal('done')
      const made = hear(state, complaint())
      expect([said(made), debts(state, made)]).to.deep.equal([answer, after])
    })
})

describe('complaint: a neighbour passes one on', () => {
  const cases: [
    what: string,
    row: Custody | undefined,
    given: Complaint,
    from: string,
    answer: string,
    debts: number[],
  ][] = [
    ['about what it was handed', open(), complaint(), r, 'done', [1, -1]],
    ['about what is forgotten', undefined, complaint(), r, 'complaint-unknown', [0, 0]],
    ['about what it was never handed', open(), complaint(), stranger, 'complaint-foreign', [0, 0]],
    ['by somebody who is not the recipient', open(), complaint({ entity: ann }), r, 'complaint-foreign', [0, 0]],
    ['about another payload', open(), complaint({ hash: 'e'.repeat(64) }), r, 'complaint-foreign', [0, 0]],
    ['about what was judged', open({ isJudged: true }), complaint(), r, 'complaint-late', [0, 0]],
    ['about what a permit let by', open({ permit: 'p' }), complaint(), r, 'complaint-late', [0, 0]],
    ['in the last moment', open({ judgeBy: now }), complaint(), r, 'done', [1, -1]],
    ['after its time', open({ judgeBy: now - 1 }), complaint(), r, 'complaint-late', [0, 0]],
    [
      'from a day before the message, whose origin’s clock is ahead',
      open(),
      complaint({ at: now - DAY }),
      r,
      'done',
      [0.9, -0.9],
    ],
    ['from before that', open(), complaint({ at: now - DAY - 1 }), r, 'complaint-late', [0, 0]],
    ['whose clock is 15 minutes ahead', open(), complaint({ at: now + 15 * MINUTE }), r, 'done', [1, -1]],
    ['from the future', open(), complaint({ at: now + 15 * MINUTE + 1 }), r, 'record-malformed', [0, 0]],
    ['whose receipt was lost', open({ lent: [] }), complaint(), r, 'done', [1, -1]],
  ]
  for (const [what, row, given, from, answer, after] of cases)
    it(`${what}: ${answer}`, () => {
      const state = holding(row)
      const made = hear(state, given, from)
      expect(said(made)).to.equal(answer)
      expect(debts(state, made)).to.deep.equal(after)
      expect(kindsOwed(made)).to.deep.equal(answer === 'done' ? ['COMPLAINT'] : [])
    })

  it('what was reserved for it is free', () => {
    const state = holding(open())
    debts(state, hear(state, complaint()))
    expect(state.credits.get(s)?.theirs).to.deep.include(nothing)
    expect(state.credits.get(r)?.ours).to.deep.include(nothing)
  })

  it('twice is as once', () => {
    const state = holding(open())
    debts(state, hear(state, complaint()))
    const again = hear(state, complaint())
    expect([said(again), again.changes]).to.deep.equal(['done', []])
  })

  const orders: [what: string, reasons: Reason[]][] = [
    ['and takes it back', ['abuse', 'not-spam']],
    ['and its withdrawal came first', ['not-spam', 'abuse']],
  ]
  for (const [what, reasons] of orders)
    it(`${what}: nobody owes anything`, () => {
      const state = holding(open())
      for (const reason of reasons) {
        const made = hear(state, complaint({ reason }))
        expect(said(made)).to.equal('done')
        debts(state, made)
      }
      expect(debts(state).map((one) => Math.abs(one))).to.deep.equal([0, 0])
      expect(state.custody.get(`${s}/${envelopeId}`)?.verdict?.how).to.equal('withdrawn')
      const again = hear(state, complaint({ reason: 'not-spam' }))
      expect([said(again), again.changes], 'twice is as once').to.deep.equal(['done', []])
    })

  it('a withdrawal takes the place of no complaint that is owed yet', () => {
    const state = holding(open())
    for (const reason of ['abuse', 'not-spam'] as const) debts(state, hear(state, complaint({ reason })))
    expect(state.owed.size).to.equal(2)
  })

  it('where its receipt was lost, what else waits there waits on', () => {
    const state = holding(open({ lent: [] }))
    const credit = newCredit(now)
    reserve(credit, 'ours', 1)
    state.credits.set(r, credit)
    debts(state, hear(state, complaint()))
    expect(state.credits.get(r)?.ours).to.deep.include({ reserved: 1, pending: 1 })
  })

  it('each charge counts until the neighbour has been told what it owes', () => {
    const state = holding(open())
    for (const charges of [1, 2]) {
      debts(state, hear(state, complaint({ reason: charges === 1 ? 'abuse' : 'not-spam' })))
      expect([s, r].map((agent) => state.credits.get(agent)?.books?.charges)).to.deep.equal([charges, charges])
    }
  })

  it('it is on the record of its recipient until it is taken back', () => {
    const state = holding(open())
    state.critics.set(bob, { entity: bob, since: now, messages: 4, complaints: 2, senders: [s] })
    for (const [reason, complaints] of [
      ['abuse', 3],
      ['not-spam', 2],
    ] as const) {
      debts(state, hear(state, complaint({ reason })))
      expect(state.critics.get(bob)?.complaints).to.equal(complaints)
    }
  })

  it('nothing is taken back that nobody said', () =>
    expect(said(hear(holding(open({ isJudged: true })), complaint({ reason: 'not-spam' })))).to.equal('complaint-late'))

  it('a copy that went elsewhere is free again', () => {
    const state = holding(
      open({
        lent: [
          { to: r, weight: 1 },
          { to: stranger, weight: 1 },
        ],
      }),
    )
    debts(state, hear(state, complaint()))
    expect(state.credits.get(stranger)?.ours).to.deep.include(nothing)
    expect(exactDebt(state.credits.get(stranger) ?? expect.fail(), now)).to.equal(0)
  })
})

describe('complaint: one comes to its origin', () => {
  const sent = (more: Partial<Custody> = {}): Custody =>
    row({
      state: 'handed',
      next: r,
      lent: [{ to: r, weight: 1 }],
      judgeBy: now + DAY,
      tried: [{ by: r, saidNo: false }],
      ...more,
    })
  const about = (more: Partial<Complaint> = {}) => complaint({ origin: me, ...more })
  const entries = (made: Step): Entry[] =>
    made.changes.flatMap((change) => ('put' in change && change.put === 'complaint' ? [change.row] : []))

  it('which pays, passes it to nobody, and holds it against its sender until it is taken back', () => {
    const state = holding(sent())
    const made = hear(state, about())
    expect(debts(state, made)).to.deep.equal([0, -1])
    expect([kindsOwed(made), [...state.credits.keys()]]).to.deep.equal([[], [r]])
    const messageId = '<1@me.test>'
    const reproach = { key: ours, by: bob, reason: 'abuse', at: now, messageId }
    expect(state.repute.get(ann)?.reproaches).to.deep.equal([reproach])
    const entry = { key: ours, role: 'received', reason: 'abuse', at: now, by: bob, sender: ann, messageId, over: r }
    expect(entries(made)).to.deep.equal([entry])

    const back = hear(state, about({ reason: 'not-spam' }))
    expect([debts(state, back), [...state.credits.keys()]]).to.deep.equal([[0, 0], [r]])
    expect(state.repute.get(ann)?.reproaches).to.deep.equal([])
    expect(entries(back)).to.deep.equal([{ ...entry, withdrawnAt: now }])
  })

  it('a relay remembers whom it charged, and over whom it came', () =>
    expect(entries(hear(holding(open()), complaint()))).to.deep.equal([
      { key: `${s}/${envelopeId}`, role: 'passed', reason: 'abuse', at: now, by: bob, charged: s, over: r },
    ]))
})

describe('complaint: a neighbour says that it was wanted', () => {
  const wanted = (state: State, from = r): Step =>
    step(state, { on: 'wanted', from, key: `${s}/${envelopeId}`, permit: undefined }, now)

  it('its credit is free on both sides, and upstream hears of it', () => {
    const state = holding(open())
    const made = wanted(state)
    expect(kindsOwed(made)).to.deep.equal(['WANTED'])
    expect(left(made)).to.include({ isJudged: true }).and.not.have.property('reserved')
    expect(debts(state, made)).to.deep.equal([0, 0])
  })

  const handed = { by: r, saidNo: false }
  const others: [what: string, from: string, row: Partial<Custody>][] = [
    ['was never asked', stranger, {}],
    ['refused it', stranger, { tried: [{ by: stranger, saidNo: true }, handed] }],
    ['was silent, and another has it', stranger, { tried: [{ by: stranger, saidNo: false }, handed] }],
    ['was the last to refuse it', r, { tried: [{ by: r, saidNo: true }] }],
    ['is waited for', stranger, { next: stranger, state: 'waiting' }],
  ]
  for (const [what, from, more] of others)
    it(`whoever ${what} is not heard, and a complaint is`, () => {
      const state = holding(open(more))
      expect(wanted(state, from).changes).to.deep.equal([])
      expect(said(hear(state, complaint()))).to.equal('done')
    })

  it('whoever has it is heard, though another refused it before', () => {
    const tried = [{ by: stranger, saidNo: true }, handed]
    expect(wanted(holding(open({ tried }))).changes).not.to.deep.equal([])
  })

  it('its permit goes on to the origin, which keeps it for its sender', () => {
    const told = (state: State, of: string): Step => step(state, { on: 'wanted', from: r, key: of, permit }, now)
    const relay = holding(open())
    const passed = told(relay, `${s}/${envelopeId}`)
    debts(relay, passed)
    expect([JSON.stringify(passed.changes).includes(permit), relay.contacts.size]).to.deep.equal([true, 0])
    const sent = row({ state: 'handed', next: r, lent: [{ to: r, weight: 1 }], tried: [handed] })
    const forgotten = holding(sent)
    debts(forgotten, told(forgotten, ours))
    expect(forgotten.contacts.size, 'nobody is made a contact by it').to.equal(0)
    const state = holding(sent)
    const contact = { entity: ann, other: bob, trust: 'implicit', address: 'bob@b.test', at: 1 } as const
    state.contacts.set(contactKey(ann, bob), contact)
    debts(state, told(state, ours))
    expect(state.contacts.get(contactKey(ann, bob))).to.deep.equal({ ...contact, permit })
  })

  it('all upstream hear of it who brought a copy', () => {
    const made = wanted(holding(open({ also: [stranger] })))
    expect(kindsOwed(made)).to.deep.equal(['WANTED', 'WANTED'])
    expect(made.effects).to.include.deep.members([s, stranger].map((to) => ({ do: 'settle', to })))
  })

  it('the same is not heard twice', () => {
    const state = holding(open())
    debts(state, wanted(state))
    expect(wanted(state).changes).to.deep.equal([])
    expect(said(hear(state, complaint())), 'and no complaint follows').to.equal('complaint-late')
  })
})
