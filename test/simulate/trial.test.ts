/** Credit against attackers, at a size for seconds: the bound of docs/simulation.md is checked inside every trial. */
import { expect } from 'chai'
import { attackSides, spamBound } from '../../scripts/simulate/bound.ts'
import { graphOf } from '../../scripts/simulate/graph.ts'
import { type Outcome, type Terms, usualTerms } from '../../scripts/simulate/terms.ts'
import { runTrial } from '../../scripts/simulate/trial.ts'
import { arrivedShare, attackCut, honestCut, unwantedAWeek } from '../../scripts/simulate/trials.ts'
import { openWeb, type WebName, webNames } from '../../scripts/simulate/web.ts'
import { ACTIVE_LIMIT } from '../../src/credit/credit.ts'

const AGENTS = 300
const DAYS = 28
/** The real web is the same with every seed, and three times as large. */
const seedsOf = (web: WebName): number[] => (web === 'debian' ? [1] : [1, 2, 3])

const trial = (name: WebName, more: Partial<Terms>): Outcome | undefined => {
  const web = openWeb(name, AGENTS, more.seed ?? 1)
  return web && runTrial(web.graph, { ...usualTerms, days: DAYS, ...more })
}

describe('simulate: credit', () => {
  for (const web of webNames)
    for (const weights of ['strict', 'earned'] as const)
      it(`${web}, ${weights}: attackers use their credit up and never exceed it; good mail arrives`, function () {
        this.timeout(120_000)
        for (const seed of seedsOf(web)) {
          const outcome = trial(web, { seed, weights })
          if (outcome === undefined) return this.skip() // openWeb says what is missing
          expect(outcome.boundUsed).to.be.within(0.3, 1)
          expect(outcome.unwanted).to.be.lessThan(outcome.attempts / 4)
          expect(arrivedShare(outcome.good)).to.be.greaterThan(0.97)
          expect(outcome.disagreement).to.be.lessThan(1e-9)
        }
      })

  for (const web of webNames)
    it(`${web}: R1 cuts nine in ten of the links to attackers in four weeks, and hardly an honest one for good`, function () {
      this.timeout(120_000)
      const outcomes = seedsOf(web).flatMap((seed) => trial(web, { seed, rules: ['R1'] }) ?? [])
      if (outcomes.length === 0) return this.skip()
      const mean = (value: (outcome: Outcome) => number) =>
        outcomes.reduce((sum, outcome) => sum + value(outcome), 0) / outcomes.length
      expect(mean(attackCut)).to.be.greaterThan(0.9)
      expect(mean(honestCut)).to.be.lessThan(0.005)
      expect(mean((outcome) => arrivedShare(outcome.good))).to.be.greaterThan(0.97)
      // Those who are cut bring nothing any more.
      for (const { days, unwanted } of outcomes)
        expect(days[(3 * DAYS) / 4]?.unwanted).to.be.greaterThan(0.95 * unwanted)
    })

  it('of attackers who behave first it is the weights they have earned', () => {
    const outcome = trial('holme-kim', { attackFrom: DAYS / 2 })
    expect(outcome?.boundUsed).to.be.within(0.1, 1)
  })

  it('what does not arrive is by or for people with few neighbours; a higher limit on their links helps them', function () {
    this.timeout(120_000)
    const busy = { perDay: 2, weights: 'strict', days: 14 } as const
    const as = trial('debian', busy)
    const raised = trial('debian', { ...busy, raised: { neighbours: 2, limit: 6 } })
    if (as === undefined || raised === undefined) return this.skip()
    const lost = ({ byNeighbours }: Outcome, few: keyof Outcome['byNeighbours']) => 1 - arrivedShare(byNeighbours[few])
    expect(lost(as, '1')).to.be.greaterThan(0.05)
    expect(lost(as, '5+')).to.be.lessThan(0.005)
    expect(lost(raised, '1')).to.be.lessThan(lost(as, '1') / 2)
    expect(raised.boundUsed).to.be.within(0.3, 1)
  })

  it('the same seed is the same run', () => {
    const run = () => ({ ...trial('holme-kim', { days: 7 }), seconds: 0 })
    expect(run()).to.deep.equal(run())
  })

  it('more complaints that are false change nothing for attackers', () => {
    const [few, many] = [0.05, 0.64].map((falseRate) => trial('holme-kim', { falseRate, weights: 'strict' }))
    expect(many && unwantedAWeek(many)).to.be.closeTo(few ? unwantedAWeek(few) : 0, 0.05)
  })
})

describe('simulate: the bound', () => {
  // 0 and 3 attack; 3 has only 0 for a neighbour, so one link leads to honest people.
  const web = graphOf(4, [
    [0, 1],
    [1, 2],
    [0, 3],
  ])
  const sides = attackSides(web, Uint8Array.of(1, 0, 0, 1))
  const cases: [what: string, weight: number, forged: number, days: number, bound: number][] = [
    ['is the limit at first', 1, 0, 0, ACTIVE_LIMIT],
    ['grows by what decays', 1, 0, 56, ACTIVE_LIMIT * 6.88],
    ['and by what attackers complain about', 1, 5, 0, ACTIVE_LIMIT + 5],
    ['an earned weight allows as many more as it is small', 0.5, 0, 0, 2 * ACTIVE_LIMIT],
  ]
  for (const [what, weight, forged, days, bound] of cases)
    it(what, () => {
      expect(sides).to.have.length(1)
      const [limits, leastWeight] = [ACTIVE_LIMIT, weight].map((one) => new Float64Array(web.to.length).fill(one))
      if (!limits || !leastWeight) throw new Error('both were made')
      expect(spamBound({ limits, leastWeight }, sides, forged, days)).to.be.closeTo(bound, 1e-9)
    })
})
