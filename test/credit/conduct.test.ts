import { expect } from 'chai'
import { type Conduct, judge, type Mark, marked, newConduct, sampled, unmarked } from '../../src/credit/conduct.ts'
import { type Credit, complained, DAY_MS, debtAt, newCredit, reserve, wanted } from '../../src/credit/credit.ts'
import { type Critic, counted, criticised, isSerial } from '../../src/credit/critic.ts'

const now = 1_700_000_000_000
const bounds = { limit: 3, since: now - 100 * DAY_MS, others: 8, isLink: (via: string) => !via.startsWith('person') }

/** A neighbour whose messages were complained about over these, each on one of the last days, and so many wanted. */
const history = (vias: readonly string[], praise = 0, more: Partial<Mark> = {}): [Conduct, Credit] => {
  const credit = newCredit(now)
  let conduct = newConduct()
  for (const [i, via] of vias.entries()) {
    const at = now - (i % 20) * DAY_MS
    reserve(credit, 'theirs', 1)
    complained(credit, 'theirs', 1, at, now)
    conduct = marked(conduct, { at, via, key: `k${i}`, before: 'x', counts: true, ...more }, now)
  }
  for (let i = 0; i < praise; i++) {
    reserve(credit, 'theirs', 1)
    wanted(credit, 'theirs', 1, `v${i % 9}`, now)
  }
  return [conduct, credit]
}
const many = (count: number, ...vias: string[]): string[] =>
  Array.from({ length: count }, (_, i) => vias[i % vias.length] ?? '')

describe('conduct: R2', () => {
  const cases: [what: string, made: [Conduct, Credit], bounds: Partial<typeof bounds>, rule: string | undefined][] = [
    ['five complaints over three neighbours, of five', history(many(5, 'a', 'b', 'c')), {}, 'R2'],
    ['four are too few', history(many(4, 'a', 'b', 'c')), {}, undefined],
    ['over two neighbours they are not enough', history(many(20, 'a', 'b')), {}, undefined],
    ['unless there are only two', history(many(5, 'a', 'b')), { others: 2 }, 'R2'],
    ['or one', history(many(5, 'a')), { others: 1 }, 'R2'],
    ['one of two is not enough', history(many(20, 'a')), { others: 2 }, undefined],
    ['but with somebody here', history(many(5, 'a', 'person')), { others: 2 }, 'R2'],
    ['one person part nobody from a relay', history(many(20, 'person')), { others: 1 }, undefined],
    ['nor do two', history(many(20, 'person 1', 'person 2')), { others: 2 }, undefined],
    ['three do', history(many(6, 'person 1', 'person 2', 'person 3')), { others: 2 }, 'R2'],
    ['but never over the only link', history(many(20, 'a', 'b', 'c')), { others: 0 }, undefined],
    ['among much that was wanted they are forgiven', history(many(5, 'a', 'b', 'c'), 60), {}, undefined],
    ['not among little', history(many(5, 'a', 'b', 'c'), 10), {}, 'R2'],
    [
      'those of serial complainers count for nothing',
      history(many(20, 'a', 'b', 'c'), 0, { counts: false }),
      {},
      undefined,
    ],
    ['six of one day over one neighbour count as five', history(many(6, 'a'), 0, { at: now }), { others: 1 }, 'R2'],
    [
      'what was before the link came to its state does not count',
      history(many(9, 'a', 'b', 'c')),
      { since: now + 1 },
      undefined,
    ],
  ]
  for (const [what, [conduct, credit], more, rule] of cases)
    it(what, () => expect(judge(conduct, credit, { ...bounds, ...more }, now)?.rule).to.equal(rule))

  it('of one day at most five count from one neighbour', () => {
    const [conduct, credit] = history([...many(8, 'a'), 'b', 'c'], 0, { at: now })
    expect(judge(conduct, credit, bounds, now)?.complaints).to.equal(7)
  })

  it('one withdrawn does not count', () => {
    const [conduct, credit] = history(many(5, 'a', 'b', 'c'))
    expect(judge(unmarked(conduct, 'k3'), credit, bounds, now)).to.equal(undefined)
  })

  it('and those beside it do', () => {
    const [conduct, credit] = history(many(6, 'a', 'b', 'c'))
    expect(judge(unmarked(conduct, 'k3'), credit, bounds, now)?.complaints).to.equal(5)
  })
})

describe('conduct: R1', () => {
  const after = (days: number, vias: readonly string[], limit = 3) => {
    let [conduct, credit] = history(vias, 200, { at: now, counts: false })
    for (let day = 0; day <= days; day++) {
      const at = now + day * DAY_MS
      // What decays is complained about anew.
      for (let i = 0; i < vias.length && day > 0; i++) complained(credit, 'theirs', 0, at, at)
      for (const [i, via] of vias.entries())
        conduct = marked(conduct, { at, via, key: `d${day}${i}`, before: 'x', counts: false }, at)
      conduct = sampled(conduct, credit, limit, at)
    }
    return (since: number) => judge(conduct, credit, { ...bounds, limit, since }, now + days * DAY_MS)
  }
  const cases: [what: string, days: number, vias: string[], sinceDays: number, rule: string | undefined][] = [
    ['eighteen days near the limit, over two neighbours', 17, ['a', 'b', 'a'], -30, 'R1'],
    ['seventeen days are too few', 16, ['a', 'b', 'a'], -30, undefined],
    ['over one neighbour it is at most half the limit', 20, ['a', 'a', 'a'], -30, undefined],
    ['a link of seventeen days is too young', 17, ['a', 'b', 'a'], 0, undefined],
    ['one of eighteen is not', 17, ['a', 'b', 'a'], -1, 'R1'],
  ]
  for (const [what, days, vias, sinceDays, rule] of cases)
    it(what, () => expect(after(days, vias)(now + sinceDays * DAY_MS)?.rule).to.equal(rule))

  it('a day has one sample, however often it is asked for', () => {
    const [conduct, credit] = history(many(3, 'a', 'b', 'c'))
    const loadsAt = (...hours: number[]) =>
      hours.reduce((one, hour) => sampled(one, credit, 3, now + (hour * DAY_MS) / 24), conduct).loads.length
    expect(loadsAt(0, 1, 23)).to.equal(1)
    expect(loadsAt(0, 1, 24)).to.equal(2)
  })
})

describe('conduct: R1, of a limit used up on one day', () => {
  /** @param lastsDays the what decays is complained about anew for so long; after that the link is left alone */
  const load = (lastsDays: number): number => {
    let [conduct, credit] = [newConduct(), newCredit(now)]
    let most = 0
    for (let day = 0; day < 40; day++) {
      const at = now + day * DAY_MS
      for (let i = 0; day < lastsDays && debtAt(credit, at) < 2.7; i++) {
        complained(credit, 'theirs', 0, at, at)
        conduct = marked(conduct, { at, via: `v${i % 3}`, key: `${day} ${i}`, before: 'x', counts: true }, at)
      }
      conduct = sampled(conduct, credit, 3, at)
      if (judge(conduct, credit, bounds, at)?.rule === 'R1') return Number.POSITIVE_INFINITY
      most = Math.max(most, conduct.loads.length === 18 ? conduct.loads.reduce((sum, one) => sum + one, 0) / 18 : 0)
    }
    return most
  }
  it('is no reason, when it is left alone', () => expect(load(1)).to.be.within(0.4, 0.6))
  it('is one, when it goes on', () => expect(load(18)).to.equal(Number.POSITIVE_INFINITY))
})

describe('conduct: a serial complainer', () => {
  const critic = (messages: number, complaints: number, senders: number): Critic => {
    let one: Critic | undefined
    for (let i = 0; i < messages; i++) one = counted(one, 'ann', `s${i % senders}`, now)
    for (let i = 0; i < complaints && one; i++) one = criticised(one, 1)
    if (one === undefined) throw new Error('nothing came')
    return one
  }
  const cases: [what: string, critic: Critic, is: boolean][] = [
    ['more than half of ten, of five senders', critic(10, 6, 5), true],
    ['half is not more', critic(10, 5, 5), false],
    ['of nine is too few to tell', critic(9, 9, 5), false],
    ['of four senders it may be they', critic(20, 20, 4), false],
    ['withdrawn ones do not count', criticised(critic(10, 6, 5), -1), false],
  ]
  for (const [what, one, is] of cases) it(what, () => expect(isSerial(one)).to.equal(is))

  it('is forgotten after 28 days', () =>
    expect(counted(critic(10, 9, 5), 'ann', 's', now + 28 * DAY_MS)).to.include({ messages: 1, complaints: 0 }))
})
