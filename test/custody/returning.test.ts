import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import { AVOID_MS, type Custody } from '../../src/custody/custody.ts'
import type { Step } from '../../src/effect.ts'
import { needs, needsOf } from '../../src/needs.ts'
import { owe, owedKey } from '../../src/report/owed.ts'
import type { Report } from '../../src/report/report.ts'
import { step } from '../../src/web.ts'
import {
  asks,
  b,
  delivered,
  HOUR,
  key,
  left,
  now,
  owes,
  r,
  relayed,
  report,
  row,
  s,
  said,
  stranger,
  world,
} from './rows.ts'

const tried = (...agents: string[]): Partial<Custody> => ({ tried: agents.map((by) => ({ by, saidNo: false })) })
const receipt = (by: string) => ({ event: 'accepted' as const, by, at: now, jws: `receipt of ${by}` })
const handed = (more: Partial<Custody> = {}): Custody =>
  row({ state: 'handed', next: r, ...tried(r), trail: [receipt(r)], ...more })
const heard = (given: Custody, from: string, ...reports: Report[]): Step =>
  step(world(given), { on: 'reported', from, key: given.key, reports }, now)

describe('custody: what comes back', () => {
  const onward = report(r, 'forwarded', { next: b })
  const cases: [
    what: string,
    row: Custody,
    from: string,
    reports: Report[],
    answer: string,
    state: string | undefined,
  ][] = [
    ['the recipient’s agent says that it was delivered', handed(), r, [onward, report(b, 'delivered')], 'done', 'done'],
    ['handed on', handed(), r, [onward], 'done', 'handed'],
    ['the next hop gives it up', handed(), r, [report(r, 'expired')], 'done', 'done'],
    [
      'a report before the receipt is as good as one',
      handed({ state: 'handing', trail: [] }),
      r,
      [onward],
      'done',
      'handed',
    ],
    [
      'so is one while it waits for another try',
      handed({ state: 'waiting', trail: [] }),
      r,
      [onward],
      'done',
      'handed',
    ],
    [
      'so is one of a neighbour asked before',
      handed({ next: s, ...tried(r, s) }),
      r,
      [onward, report(b, 'delivered')],
      'done',
      'done',
    ],
    ['nobody speaks who was not handed it', handed(), s, [report(s, 'delivered')], 'report-foreign', undefined],
    [
      'nor who refused it',
      handed({ tried: [{ by: s, saidNo: true }, ...(tried(r).tried ?? [])] }),
      s,
      [report(s, 'expired')],
      'report-foreign',
      undefined,
    ],
    [
      'but who refused a copy while an earlier one got no answer may have that one',
      row({ state: 'waiting', next: r, tried: [{ by: r, saidNo: true, again: true }] }),
      r,
      [onward, report(b, 'delivered')],
      'done',
      'done',
    ],
    [
      'and who took it and gave it back may say so again',
      handed({ tried: [{ by: r, saidNo: true }], trail: [receipt(r), { ...receipt(r), event: 'expired' as const }] }),
      r,
      [onward],
      'done',
      'handed',
    ],
    [
      'nor before it was handed to anybody',
      row({ state: 'waiting', next: r }),
      r,
      [report(r, 'expired')],
      'report-foreign',
      undefined,
    ],
    ['nor about a spooled letter', row({ state: 'spooled' }), r, [report(r, 'expired')], 'report-foreign', undefined],
    [
      'a stranger’s word in the next hop’s mouth',
      handed(),
      r,
      [report(stranger, 'expired')],
      'report-foreign',
      undefined,
    ],
    ['a relay can’t deliver', handed(), r, [report(r, 'delivered')], 'report-foreign', undefined],
    [
      'nor its accomplice',
      handed(),
      r,
      [report(r, 'forwarded', { next: stranger }), report(stranger, 'delivered')],
      'report-foreign',
      undefined,
    ],
    [
      'after the end everything is acknowledged',
      handed({ state: 'done' }),
      r,
      [report(r, 'expired')],
      'done',
      undefined,
    ],
  ]
  for (const [what, given, from, reports, answer, to] of cases)
    it(`${what}: ${answer}${to ? `, ${to}` : ''}`, () => {
      const made = heard(given, from, ...reports)
      expect([said(made), left(made)?.state]).to.deep.equal([answer, to])
      if (answer !== 'done') expect(made.changes).to.deep.equal([])
    })

  it('delivered by an older copy, it is that neighbour who may say that it was wanted', () => {
    const made = heard(handed({ next: s, ...tried(r, s) }), r, onward, report(b, 'delivered'))
    expect(left(made)).to.include({ state: 'done', next: r })
  })

  const permit = 'ab'.repeat(16)
  const loans: [what: string, lent: string[], reservation: number | undefined][] = [
    ['a relay frees it', [r], undefined],
    ['but not what another neighbour has, too: it may be made up', [r, s], 1],
  ]
  for (const [what, lent, reserved] of loans)
    it(`where the recipient is said to know the sender, ${what}`, () => {
      const state = world(
        relayed({
          ...{ state: 'handed', next: r, ...tried(r, s), trail: [receipt(r)], reserved: 1, judgeBy: now + HOUR },
          lent: lent.map((to) => ({ to, weight: 1 })),
        }),
      )
      const reports = [report(r, 'delivered', { permit })]
      const made = step(state, { on: 'reported', from: r, key: relayed().key, reports }, now)
      expect([left(made)?.state, left(made)?.reserved]).to.deep.equal(['done', reserved])
    })

  it('about an envelope we have forgotten it is acknowledged, so that nobody owes it for ever', () =>
    expect(step(world(), { on: 'reported', from: r, key, reports: [onward] }, now)).to.deep.equal({
      changes: [],
      effects: [],
      answer: { say: 'done' },
    }))

  it('the second time nothing changes', () => {
    const state = world(handed())
    const event = { on: 'reported' as const, from: r, key, reports: [onward] }
    for (const change of step(state, event, now).changes) apply(state, change)
    expect(step(state, event, now).changes).to.deep.equal([])
  })

  it('a relay passes reports on in their order, its own word first where the receipt was lost', () => {
    const mine = relayed({ state: 'handing', next: r, ...tried(r) })
    const lost = heard(mine, r, report(r, 'forwarded', { next: b }), report(b, 'delivered'))
    expect(owes(lost)).to.deep.equal(['own forwarded', `forwarded by ${r}`, `delivered by ${b}`])
    expect([left(lost)?.state, left(lost)?.body, asks(lost)]).to.deep.equal(['done', null, ['settle s']])
    const had = heard({ ...mine, state: 'handed', trail: [receipt(r)] }, r, report(b, 'delivered', { by: r }))
    expect(owes(had)).to.deep.equal([`delivered by ${b}`])
  })

  it('a failure ends it only if nobody else may have it; upstream hears nothing of the way that failed', () => {
    const mine = relayed({ state: 'handed', next: r, ...tried(b, r), trail: [receipt(r)] })
    const made = heard(mine, r, report(r, 'forwarded', { next: stranger }), report(stranger, 'expired'))
    expect(left(made)).to.deep.include({ state: 'waiting', body: 7 })
    expect(left(made)?.tried).to.deep.equal([
      { by: b, saidNo: false },
      { by: r, saidNo: true },
    ])
    expect(left(made)?.avoid).to.deep.equal([{ by: r, until: now + AVOID_MS, at: now }])
    expect(owes(made)).to.deep.equal([`forwarded by ${r}`])
    const delivery = heard(left(made) ?? mine, b, report(b, 'delivered'))
    expect(owes(delivery)).to.deep.equal(['own forwarded', `delivered by ${b}`])
    expect(left(delivery)?.outcome?.event).to.equal('delivered')
  })

  it('the recipient moved while it was under way: both their agents are believed', () => {
    for (const agent of [b, stranger]) {
      const state = world(handed({ agent: stranger }))
      const reports = [report(r, 'forwarded', { next: agent }), report(agent, 'delivered')]
      const made = step(state, { on: 'reported', from: r, key, reports }, now)
      expect(left(made)?.outcome?.by).to.equal(agent)
    }
    expect(left(step(world(row()), { on: 'due', key }, now))?.agent, 'remembered when handed').to.equal(b)
  })

  it('a message is decided with what is owed to all who handed it, or with what its sender submitted', () => {
    const there = relayed({ also: [r] })
    expect(needsOf(world(), there)).to.deep.equal({ owed: [owedKey(s, there.key), owedKey(r, there.key)] })
    const { owed, submissions } = needsOf(world(), row())
    expect([owed, submissions]).to.deep.equal([undefined, ['letter 1']])
  })

  it('what is owed is owed no longer than anybody remembers the envelope', () => {
    const state = world()
    const mine = owe(undefined, s, key, [{ jws: 'report' }], now)
    state.owed.set(mine.key, mine)
    const lapsed = { on: 'lapsed' as const, owed: mine.key }
    expect(needs(state, lapsed)).to.deep.equal({ owed: [mine.key] })
    expect(step(state, lapsed, now - 1).changes).to.deep.equal([])
    expect(step(state, lapsed, now).changes).to.deep.equal([{ drop: 'owed', key: mine.key }])
  })

  it('what a neighbour has durably is owed to it no more; what came since is', () => {
    const state = world()
    const mine = owe(undefined, s, key, [{ jws: 'one' }, { jws: 'two' }], now)
    state.owed.set(mine.key, mine)
    const has = (...items: string[]) => ({
      on: 'acknowledged' as const,
      owed: mine.key,
      items: items.map((jws) => ({ jws })),
    })
    expect(step(state, has('one'), now).changes).to.deep.equal([
      { put: 'owed', row: { ...mine, items: [{ jws: 'two' }] } },
    ])
    expect(step(state, has('one', 'two'), now).changes).to.deep.equal([{ drop: 'owed', key: mine.key }])
    state.owed.clear()
    expect(step(state, has('one'), now).changes, 'said again').to.deep.equal([])
  })

  const judged: [what: string, given: Custody, delivered: number, by: number][] = [
    ['by the origin within nine days of its delivery', handed(), now - HOUR, now - HOUR + 216 * HOUR],
    ['further on within less', relayed(), now - HOUR, now - HOUR + 192 * HOUR],
    ['of no delivery that is still to come', handed(), now + HOUR, now + 216 * HOUR],
  ]
  for (const [what, given, delivery, by] of judged)
    it(`a delivery is judged ${what}`, () => {
      const was = { ...given, state: 'handed' as const, next: r, ...tried(r), trail: [receipt(r)] }
      expect(left(heard(was, r, onward, report(b, 'delivered', { at: delivery })))?.judgeBy).to.equal(by)
    })

  it('what ends as nobody’s weighs nowhere any more; of what somebody may have there can still be a complaint', () => {
    const end = (saidNo: boolean) => {
      const was = relayed({ reserved: 1, tried: [{ by: r, saidNo }] })
      return left(step(world(was), { on: 'due', key: was.key }, was.expires + HOUR))
    }
    expect(end(true)).to.include({ state: 'done', isJudged: true }).and.not.to.have.property('reserved')
    expect(end(false)).to.include({ state: 'done', reserved: 1 }).and.not.to.have.property('isJudged')
  })

  it('a holder that went another way is believed about it', () => {
    const first = left(heard(handed(), r, report(r, 'forwarded', { next: stranger }))) ?? row()
    const second = heard(first, r, report(r, 'forwarded', { next: b, jws: 'again' }), report(b, 'delivered'))
    expect(left(second)?.outcome?.event).to.equal('delivered')
  })

  it('the outcome and who said it are kept, and the sender is told of a failure once', () => {
    const made = heard(handed(), r, report(r, 'refused', { code: 'mailbox-full', at: now - HOUR }))
    expect(left(made)?.outcome).to.deep.equal({ event: 'refused', code: 'mailbox-full', by: r, at: now - HOUR })
    expect(delivered(made)).to.have.length(1)
    expect(delivered(heard(handed(), r, onward, report(b, 'delivered'))), 'no news is asked for').to.deep.equal([])
  })
})
