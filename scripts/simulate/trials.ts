/**
 * The chapter on credit: what a hundredth of attackers can bring to honest people in eight weeks, and
 * what it costs honest mail. Each row is one trial.
 */
import type { Weights } from '../../src/credit/credit.ts'
import { short } from '../bench/table.ts'
import type { Chapter, Table } from './report.ts'
import type { Series } from './svg.ts'
import { type Cuts, type Day, type Mail, type Outcome, type Terms, usualTerms } from './terms.ts'
import { runTrial } from './trial.ts'
import type { Web, WebName } from './web.ts'

/** What the design was simulated at: unwanted letters a week for each honest person. */
const REFERENCE: Record<WebName, string> = {
  debian: '0.28–0.77',
  'holme-kim': '0.32 (Ostra 0.22)',
  'watts-strogatz': '–',
}

type Trial = { web: WebName; what: string; outcome: Outcome }
type Size = { days: number; seed: number }

export const describeTrials = (webs: readonly Web[], { days, seed }: Size): Chapter => {
  const run = (web: Web, what: string, more: Partial<Terms>): Trial => {
    const outcome = runTrial(web.graph, { ...usualTerms, days, seed, ...more })
    console.log(
      `  ${web.name}, ${outcome.terms.weights}, ${what}: ${outcome.seconds.toFixed(1)} s, ${speed(outcome)} agent-days/s`,
    )
    return { web: web.name, what, outcome }
  }
  const both = (web: Web, what: string, more: Partial<Terms>): Trial[] =>
    (['strict', 'earned'] as const).map((weights: Weights) => run(web, what, { ...more, weights }))
  const usual = webs.flatMap((web) => both(web, 'usual', {}))
  const cut = webs.flatMap((web) => both(web, 'R1 cuts links', { rules: ['R1'] }))
  const real = webs.find((web) => web.name === 'debian')
  const rest = real === undefined ? [] : detailsOf(real, days, both)
  const twoRules = real === undefined ? [] : both(real, 'R1 and R2 cut links', { rules: ['R1', 'R2'] })
  const cuts = [...cut, ...twoRules]
  return {
    name: 'credit',
    title: 'Credit',
    about: `Attackers are a hundredth of all agents and send 71 letters a day each, for ${days} days; honest people complain about each that arrives. The bound is checked at each of them.`,
    tables: [
      unwantedTable(usual),
      cutsTable(cuts),
      ...(real ? [detailsTable(usual, rest), lostTable(usual, rest)] : []),
    ],
    plots: [unwantedPlot(usual), deliveredPlot(usual), cutsPlot(cuts)],
    figures: { trials: [...usual, ...cuts, ...rest] },
  }
}

const detailsOf = (
  web: Web,
  days: number,
  both: (web: Web, what: string, more: Partial<Terms>) => Trial[],
): Trial[] => [
  ...both(web, 'attackers have the most neighbours', { placement: 'hubs' }),
  ...both(web, 'attackers have the fewest neighbours', { placement: 'leaves' }),
  ...both(web, 'half of all attacks are complained about', { complainRate: 0.5 }),
  ...both(web, 'attackers behave for the first half', { attackFrom: days / 2 }),
  ...both(web, '64 % false complaints', { falseRate: 0.64 }),
  ...both(web, 'one who gets 20 a day more, 64 % false', { sink: { perDay: 20, falseRate: 0.64 } }),
  ...[0.25, 1, 2].flatMap((perDay) => both(web, `${perDay} letters a day to strangers`, { perDay })),
  ...both(web, '2 letters, and limits of 6 with one or two neighbours', { perDay: 2, raised: FEW }),
  ...both(web, '2 letters, and all are judged', { perDay: 2, silent: 0 }),
]
/** The way out for whoever has few neighbours and writes much: `link trust NEIGHBOUR --limit`. */
const FEW = { neighbours: 2, limit: 6 }

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`
const speed = ({ agents, terms, seconds }: Outcome): string => short((agents * terms.days) / seconds)
/** Letters whose fate is known; the others wait still. */
const known = ({ atOnce, later, failed }: Mail): number => atOnce + later + failed
export const arrivedShare = (mail: Mail): number => (mail.atOnce + mail.later) / known(mail)

export const unwantedAWeek = ({ unwanted, agents, attackers, terms }: Outcome): number =>
  unwanted / (agents - attackers) / (terms.days / 7)

const unwantedTable = (trials: readonly Trial[]): Table => ({
  title: 'Unwanted letters a week for each honest person',
  rows: [
    [
      'web',
      'weights',
      'agents',
      'attack links',
      'unwanted',
      'reference',
      'of the bound',
      'good at once',
      'good in 5 days',
      'agent-days/s',
    ],
    ...trials.map(({ web, outcome }) => [
      web,
      outcome.terms.weights,
      String(outcome.agents),
      String(outcome.attackLinks),
      unwantedAWeek(outcome).toFixed(3),
      REFERENCE[web],
      percent(outcome.boundUsed),
      percent(outcome.good.atOnce / known(outcome.good)),
      percent(arrivedShare(outcome.good)),
      speed(outcome),
    ]),
  ],
})

/** What the design was simulated at: of attack links, and of honest ones at 5 % false complaints, by R1 within 28 days. */
const CUT_REFERENCE: Record<WebName, string> = {
  debian: '91–99 %, 0.11–0.35 %',
  'holme-kim': '91–99 %, 0.11–0.35 %',
  'watts-strogatz': '–',
}
const CUT_DAYS = 28

const cutsAt = ({ days }: Outcome, day: number): Cuts =>
  days[Math.min(day, days.length) - 1]?.cuts ?? { attack: 0, honest: 0, back: 0 }
export const attackCut = (outcome: Outcome): number => cutsAt(outcome, CUT_DAYS).attack / outcome.attackLinks
/** Suspended at some time; and of these, for good. */
const honestSuspended = (outcome: Outcome): number => cutsAt(outcome, CUT_DAYS).honest / outcome.honestLinks
export const honestCut = (outcome: Outcome): number => {
  const { honest, back } = cutsAt(outcome, CUT_DAYS)
  return (honest - back) / outcome.honestLinks
}

const rulesOf = ({ terms }: Outcome): string => terms.rules.join(', ')

const cutsTable = (trials: readonly Trial[]): Table => ({
  title: `Links that are cut within ${CUT_DAYS} days`,
  rows: [
    [
      'web',
      'weights',
      'rules',
      'attack links cut',
      'honest suspended',
      'honest cut',
      'reference',
      'unwanted a week',
      'good in 5 days',
    ],
    ...trials.map(({ web, outcome }) => [
      web,
      outcome.terms.weights,
      rulesOf(outcome),
      percent(attackCut(outcome)),
      percent(honestSuspended(outcome)),
      percent(honestCut(outcome)),
      CUT_REFERENCE[web],
      unwantedAWeek(outcome).toFixed(3),
      percent(arrivedShare(outcome.good)),
    ]),
  ],
  note: 'An honest link that was suspended comes back when its neighbour has cut whoever sent the letters: that was not a false alarm.',
})

const detailsTable = (all: readonly Trial[], trials: readonly Trial[]): Table => ({
  title: 'What changes it, on the real web, where no link is cut',
  rows: [
    ['trial', 'weights', 'attack links', 'unwanted', 'of the bound', 'good at once', 'good in 5 days', 'to the one'],
    ...[...all.filter(({ web }) => web === 'debian'), ...trials].map(({ what, outcome }) => [
      what,
      outcome.terms.weights,
      String(outcome.attackLinks),
      unwantedAWeek(outcome).toFixed(3),
      percent(outcome.boundUsed),
      percent(outcome.good.atOnce / known(outcome.good)),
      percent(arrivedShare(outcome.good)),
      outcome.toSink.sent === 0 ? '–' : percent(arrivedShare(outcome.toSink)),
    ]),
  ],
})

/** Who the letters are by or for that do not arrive. */
const lostTable = (all: readonly Trial[], trials: readonly Trial[]): Table => ({
  title: 'Good letters that have not arrived in 5 days, by the neighbours of sender or recipient, whoever has fewer',
  rows: [
    ['trial', 'weights', '1', '2', '3-4', '5+'],
    ...[...all.filter(({ web }) => web === 'debian'), ...trials].map(({ what, outcome: { terms, byNeighbours } }) => [
      what,
      terms.weights,
      ...(['1', '2', '3-4', '5+'] as const).map((few) => percent(1 - arrivedShare(byNeighbours[few]))),
    ]),
  ],
})

const seriesOf = (name: string, { outcome }: Trial, value: (day: Day) => number): Series => ({
  name,
  points: outcome.days.map((day) => [day.day, value(day)] as const),
})

const nameOf = ({ web, outcome }: Trial): string => `${web}, ${outcome.terms.weights}`

const unwantedPlot = (trials: readonly Trial[]): Chapter['plots'][number] => ({
  name: 'unwanted',
  title: 'Unwanted letters so far, of what the bound allows',
  x: { label: 'day' },
  y: { label: 'share of the bound' },
  series: trials.map((trial) => seriesOf(nameOf(trial), trial, (day) => day.unwanted / day.bound)),
})

const deliveredPlot = (trials: readonly Trial[]): Chapter['plots'][number] => ({
  name: 'delivered',
  title: 'Good letters so far that have arrived',
  x: { label: 'day' },
  y: { label: 'share of those sent' },
  series: trials.map((trial) => seriesOf(nameOf(trial), trial, (day) => day.delivered / day.sent)),
})

const cutsPlot = (trials: readonly Trial[]): Chapter['plots'][number] => ({
  name: 'cuts',
  title: 'Attack links that are cut so far',
  x: { label: 'day' },
  y: { label: 'share of attack links' },
  series: trials.map((trial) =>
    seriesOf(
      `${nameOf(trial)}, ${rulesOf(trial.outcome)}`,
      trial,
      (day) => day.cuts.attack / trial.outcome.attackLinks,
    ),
  ),
})
