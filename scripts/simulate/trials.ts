/**
 * The chapter on credit: what a hundredth of attackers can bring to honest people in eight weeks, and
 * what it costs honest mail. Each row is one trial.
 */
import type { Weights } from '../../src/credit/credit.ts'
import { short } from '../bench/table.ts'
import type { Chapter, Table } from './report.ts'
import type { Series } from './svg.ts'
import { type Day, type Mail, type Outcome, runTrial, type Terms, usualTerms } from './trial.ts'
import type { Web, WebName } from './web.ts'

/** TRUST-WEB §9, unwanted letters a week for each honest person. */
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
  const details = webs.find((web) => web.name === 'debian') ?? webs[0]
  const rest = details === undefined ? [] : detailsOf(details, days, both)
  const tables = [
    unwantedTable(usual),
    ...(rest.length === 0
      ? []
      : [
          detailsTable(
            usual.filter(({ web }) => web === details?.name),
            rest,
          ),
        ]),
  ]
  return {
    name: 'credit',
    title: 'Credit',
    about: `Attackers are a hundredth of all agents and send 71 letters a day each, for ${days} days; honest people complain about each that arrives. The bound is checked at each of them.`,
    tables,
    plots: [unwantedPlot(usual), deliveredPlot(usual)],
    figures: { trials: [...usual, ...rest] },
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
]

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

const detailsTable = (usual: readonly Trial[], trials: readonly Trial[]): Table => ({
  title: `What changes it, on the web ${trials[0]?.web ?? ''}`,
  rows: [
    ['trial', 'weights', 'attack links', 'unwanted', 'of the bound', 'good at once', 'good in 5 days', 'to the one'],
    ...[...usual, ...trials].map(({ what, outcome }) => [
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

const seriesOf = (name: string, { outcome }: Trial, value: (day: Day) => number, isDashed?: true): Series => ({
  name,
  points: outcome.days.map((day) => [day.day, value(day)] as const),
  ...(isDashed && { isDashed }),
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
