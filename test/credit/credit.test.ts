import { expect } from 'chai'
import {
  admit,
  type Credit,
  complained,
  copyOf,
  DAY_MS,
  debtAt,
  exactDebt,
  messagesIn,
  newCredit,
  release,
  reserve,
  wanted,
  weightOf,
  withdrawn,
} from '../../src/credit/credit.ts'
import { wilsonLower, wilsonUpper } from '../../src/credit/wilson.ts'
import { seeded } from '../village/random.ts'

const now = 1_700_000_000_000
const later = (days: number): number => now + days * DAY_MS
const fresh = (): Credit => newCredit(now)

/** The neighbour's messages, each taken and judged at once. */
const unwanted = (credit: Credit, count: number, at = now): Credit => {
  for (let i = 0; i < count; i++) {
    reserve(credit, 'theirs', 1)
    complained(credit, 'theirs', 1, at, at)
  }
  return credit
}
const praised = (credit: Credit, vias: readonly string[], at = now): Credit => {
  for (const via of vias) {
    const weight = weightOf(credit.theirs, at, 'earned')
    reserve(credit, 'theirs', weight)
    wanted(credit, 'theirs', weight, via, at)
  }
  return credit
}
const many = (count: number, ...vias: string[]): string[] =>
  Array.from({ length: count }, (_, i) => vias[i % vias.length] ?? '')

describe('credit: a debt', () => {
  const cases: [what: string, complaints: number, days: number, debt: number][] = [
    ['is one for each complaint', 2, 0, 2],
    ['loses a tenth a day', 2, 1, 1.8],
    ['and goes on', 1, 10, 0.9 ** 10],
    ['counts as none below 0.1', 1, 22, 0],
    ['and not before', 1, 21, 0.9 ** 21],
  ]
  for (const [what, complaints, days, debt] of cases)
    it(what, () => expect(debtAt(unwanted(fresh(), complaints), later(days))).to.be.closeTo(debt, 1e-12))

  it('is for both the same, with the other sign, whenever each of them hears of it and looks', () => {
    const [u, v] = [fresh(), fresh()]
    reserve(u, 'theirs', 1)
    reserve(v, 'ours', 1)
    complained(u, 'theirs', 1, now, now)
    debtAt(u, later(0.2))
    complained(v, 'ours', 1, now, later(1.5)) // the record was long under way
    for (const days of [2, 22, 40]) expect(exactDebt(u, later(days))).to.be.closeTo(-exactDebt(v, later(days)), 1e-12)
  })

  it('is gone, to what it had decayed to, when the complaint is withdrawn', () => {
    const credit = unwanted(fresh(), 2)
    withdrawn(credit, 'theirs', 'w', now, later(3))
    expect(debtAt(credit, later(3))).to.be.closeTo(0.9 ** 3, 1e-12)
  })
})

describe('credit: a message is taken', () => {
  const waiting = (count: number): Credit => {
    const credit = fresh()
    for (let i = 0; i < count; i++) reserve(credit, 'theirs', 1)
    return credit
  }
  const cases: [what: string, credit: () => Credit, limit: number, at: number, isTaken: boolean][] = [
    ['from a new neighbour', fresh, 1, now, true],
    ['while the first of it waits, not with L = 1', () => waiting(1), 1, now, false],
    ['up to the limit', () => waiting(2), 3, now, true],
    ['not beyond', () => waiting(3), 3, now, false],
    ['after a complaint, one less', () => unwanted(waiting(2), 1), 3, now, false],
    ['L = 1 heals, since a small debt counts as none', () => unwanted(fresh(), 1), 1, later(22), true],
    ['but not before', () => unwanted(fresh(), 1), 1, later(21), false],
    ['our own debt to the neighbour is credit for it', () => owing(2), 3, now, true],
  ]
  const owing = (count: number): Credit => {
    const credit = waiting(4)
    for (let i = 0; i < count; i++) complained(credit, 'ours', 1, now, now)
    return credit
  }
  for (const [what, credit, limit, at, isTaken] of cases)
    it(what, () => expect(admit(credit(), 'theirs', limit, at) > 0).to.equal(isTaken))

  it('in the other direction by the mirror of the debt', () => {
    const credit = unwanted(fresh(), 3)
    expect(admit(credit, 'theirs', 3, now)).to.equal(0)
    expect(admit(credit, 'ours', 3, now)).to.equal(1)
  })

  it('and again once one is judged or came to nobody', () => {
    const credit = waiting(3)
    release(credit, 'theirs', 1)
    expect(admit(credit, 'theirs', 3, now)).to.equal(1)
    reserve(credit, 'theirs', 1)
    wanted(credit, 'theirs', 1, 'w', now)
    expect(credit.theirs.pending).to.equal(2)
    expect(admit(credit, 'theirs', 3, now)).to.equal(1)
  })
})

describe('credit: what a message weighs', () => {
  const cases: [what: string, credit: () => Credit, at: number, weight: number][] = [
    ['everything, of a new neighbour', fresh, now, 1],
    ['less with each wanted one', () => praised(fresh(), many(20, 'a', 'b')), now, wilsonUpper(0, 20)],
    ['0.01 after some 400', () => praised(fresh(), many(400, 'a', 'b')), now, 0.01],
    ['as before, when all went to one neighbour', () => praised(fresh(), many(400, 'a')), now, 1],
    [
      'as twice the others, when most went to one',
      () => praised(fresh(), [...many(400, 'a'), ...many(10, 'b')]),
      now,
      wilsonUpper(0, 20),
    ],
    ['more again with complaints', () => unwanted(praised(fresh(), many(20, 'a', 'b')), 5), now, wilsonUpper(5, 25)],
    ['everything, when its past is forgotten', () => praised(fresh(), many(400, 'a', 'b')), later(28), 1],
    ['as earned, three weeks later', () => praised(fresh(), many(400, 'a', 'b')), later(20), 0.01],
  ]
  for (const [what, credit, at, weight] of cases)
    it(what, () => expect(weightOf(credit().theirs, at, 'earned')).to.be.closeTo(weight, 1e-12))

  it('the same, whether it is looked up or summed anew', () => {
    const random = seeded(7)
    const credit = fresh()
    for (let i = 0, at = now; i < 2000; i++, at += random.between(0, DAY_MS / 8)) {
      const via = random.pick(['a', 'b', 'c', 'd', 'e'])
      const what = random.pick(['wanted', 'wanted', 'complained', 'withdrawn'])
      if (what === 'wanted') wanted(credit, 'theirs', 1, via, at)
      else if (what === 'complained') complained(credit, 'theirs', 1, at, at)
      else withdrawn(credit, 'theirs', via, at, at)
      const { tally, ...untold } = credit.theirs
      expect(weightOf(credit.theirs, at, 'earned')).to.equal(weightOf(untold, at, 'earned'))
      expect(messagesIn(credit.theirs, at)).to.equal(messagesIn(untold, at))
    }
  })

  it('by a complaint that was withdrawn, as long as the week lasts in which it came', () => {
    const counted = (days: number): number => {
      const credit = unwanted(fresh(), 1)
      withdrawn(credit, 'theirs', 'w', now, later(days))
      return messagesIn(credit.theirs, later(days))
    }
    expect([counted(0), counted(7)]).to.eql([1, 2])
  })

  it('by no more than four weeks, which are all that is kept', () => {
    const credit = fresh()
    for (let week = 0; week < 6; week++) praised(credit, ['a'], later(7 * week))
    expect(credit.theirs.weeks).to.have.length(4)
    expect(messagesIn(credit.theirs, later(35))).to.equal(4)
  })

  it('one, always, by strict weights', () =>
    expect(weightOf(praised(fresh(), many(400, 'a', 'b')).theirs, now, 'strict')).to.equal(1))

  it('so that no more than L / w wait at once', () => {
    const credit = praised(fresh(), many(400, 'a', 'b'))
    let taken = 0
    for (let weight = admit(credit, 'theirs', 3, now); weight > 0; weight = admit(credit, 'theirs', 3, now), taken++)
      reserve(credit, 'theirs', weight)
    expect(taken).to.equal(300)
  })
})

describe('credit: Wilson', () => {
  const cases: [hits: number, of: number, lower: number, upper: number][] = [
    [0, 0, 0, 1],
    [0, 10, 0, 0.2775],
    [1, 10, 0.0179, 0.4042],
    [5, 5, 0.5655, 1],
    [50, 100, 0.4038, 0.5962],
  ]
  for (const [hits, of, lower, upper] of cases)
    it(`${hits} of ${of}`, () => {
      expect(wilsonLower(hits, of)).to.be.closeTo(lower, 1e-4)
      expect(wilsonUpper(hits, of)).to.be.closeTo(upper, 1e-4)
    })
})

it('credit: a copy is changed alone', () => {
  const credit = praised(fresh(), ['a'])
  const before = JSON.stringify(credit)
  praised(unwanted(copyOf(credit), 2), ['a', 'b'])
  expect(JSON.stringify(credit)).to.equal(before)
})
