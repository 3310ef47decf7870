/**
 * The chapter on searches: how many find whom they look for, and what each costs the whole web.
 */
import { seeded } from '../../test/village/random.ts'
import { median, quantile, short } from '../bench/table.ts'
import { distances } from './graph.ts'
import type { Chapter } from './report.ts'
import { openSearching, type Searched } from './ring.ts'
import type { Series } from './svg.ts'
import { pairIn, type Web, type WebName } from './web.ts'

/** What the design was simulated at: share found, messages mean and median. */
const REFERENCE: Record<WebName, string> = {
  debian: '99 % found, ~2000 mean, 400 median',
  'holme-kim': '~5500 messages at 10^4 agents',
  'watts-strogatz': '–',
}

/** `near`: the share of the pairs that are at most so many links apart as there are rings. */
export type Searches = { name: WebName; near: number; all: Searched[] }

const LAST_RING = 5

export const searchWeb = ({ name, graph }: Web, searches: number, seed: number): Searches => {
  const random = seeded(seed)
  const searching = openSearching(graph, random)
  const all: Searched[] = []
  let near = 0
  for (let i = 0; i < searches; i++) {
    const [from, to] = pairIn(graph, random)
    const far = distances(graph, from)[to] ?? -1
    if (far !== -1 && far <= LAST_RING) near += 1
    all.push(searching.search(from, to))
  }
  return { name, near: near / searches, all }
}

export const describeRings = (webs: readonly Web[], searches: number, seed: number): Chapter => {
  const made = webs.map((web) => searchWeb(web, web.graph.size > 2000 ? Math.ceil(searches / 10) : searches, seed))
  const head = [
    'web',
    'searches',
    'found',
    `within ${LAST_RING} links`,
    'WHO mean',
    'median',
    '99 %',
    'with answers, mean',
    'ms, median',
    'reference',
  ]
  return {
    name: 'rings',
    title: 'Searches in rings',
    about: 'Pairs drawn at random; every WHO, NONE and PATH goes through the decisions of the gateway.',
    tables: [{ title: 'Found, and the messages of one search', rows: [head, ...made.map(rowOf)] }],
    plots: [
      {
        name: 'messages',
        title: 'Share of searches that cost at most so many WHO messages',
        x: { label: 'WHO messages', isLog: true },
        y: { label: 'share of searches' },
        series: made.map(costSeries),
      },
    ],
    figures: { searches: made },
  }
}

export const foundShare = ({ all }: Searches): number => all.filter((one) => one.isFound).length / all.length
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

const rowOf = (searches: Searches): string[] => {
  const { name, near, all } = searches
  const who = all.map((one) => one.who)
  const messages = all.map((one) => one.who + one.none + one.path)
  const ms = all.filter((one) => one.isFound).map((one) => one.tookMs)
  return [
    name,
    String(all.length),
    percent(foundShare(searches)),
    percent(near),
    short(mean(who)),
    short(median(who)),
    short(quantile(who, 0.99)),
    short(mean(messages)),
    short(median(ms)),
    REFERENCE[name],
  ]
}

const costSeries = ({ name, all }: Searches): Series => {
  const who = all.map((one) => one.who).sort((a, b) => a - b)
  return { name, points: who.map((cost, i) => [cost, (i + 1) / who.length] as const) }
}
