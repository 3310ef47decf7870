/**
 * The asker's side of a search: when it begins, its rings, its end. The whole is drawn in discover.ts.
 *
 * Ten searches a minute are this gateway's own share; those beyond it wait their turn, up to ten minutes.
 * That nobody knows a target is remembered for five minutes. Times are epoch ms.
 */
import { createHash } from 'node:crypto'
import { type Effect, nothing, type Step } from '../effect.ts'
import { isActive, mayKnow } from '../link/standing.ts'
import type { Change, State } from '../state.ts'
import type { Who } from '../wire/record.ts'
import { LAST_RING, type Quest, questName, type Search } from './search.ts'

export type Asking = Extract<Search, { at: 'asking' }>

/** Ring i waits 2·2^i s for its answers, unless every branch has answered before. */
export const ringWaitMs = (ttl: number): number => 2000 * 2 ** ttl
/** Ways to a target that was found may follow this long: whoever answers later knows a much longer one. */
export const MORE_MS = 1000
/** A query is recognised this long after it was seen. */
export const SEEN_MS = 600_000
/** Whoever would wait longer asks again later: the rows that need the answer do so by themselves. */
const LONGEST_QUEUE_MS = 600_000
const MISSING_MS = 300_000

const qidOf = (seed: string, ttl: number): string =>
  createHash('sha256').update(`${seed}${ttl}`).digest('hex').slice(0, 32)

/** Starts a search; one of the same name that is under way is joined. `seed`: 128 random bits from the caller. */
export const ask = (state: State, quest: Quest, now: number): Step => {
  if (state.quests.has(questName(quest))) return nothing
  if (!quest.isAgain && quest.without.length === 0 && (state.missing.get(quest.target) ?? 0) > now)
    return { changes: [], effects: [{ do: 'searched', target: quest.target, result: 'unknown' }] }
  const everyMs = 60_000 / state.terms.searchesPerMinute
  const nextAt = Math.max(turnOf(state, now), now)
  const startAt = Math.max(now, nextAt - 60_000 + everyMs)
  // What came to nothing before leaves half of the minute to what is new.
  if (startAt > now + LONGEST_QUEUE_MS || (quest.isAgain && nextAt > now + 30_000))
    return { changes: [], effects: [{ do: 'searched', target: quest.target, result: 'undecided' }] }
  const paced: Change = { note: { of: 'pace', nextSearchAt: nextAt + everyMs } }
  if (startAt <= now) {
    const begun = ring(state, quest, 1, now)
    return { changes: [paced, ...begun.changes], effects: begun.effects }
  }
  const qid = qidOf(quest.seed, 0)
  const queued: Search = { ...quest, at: 'queued', qid, until: startAt + SEEN_MS }
  return { changes: [paced, { put: 'search', row: queued }], effects: [{ do: 'ring', qid, at: startAt }] }
}

/** When the next search may begin; later than any honest turn, it was reckoned before the clock was set back. */
const turnOf = ({ nextSearchAt }: State, now: number): number =>
  nextSearchAt > now + LONGEST_QUEUE_MS + 60_000 ? now : nextSearchAt

const ring = (state: State, quest: Quest, ttl: number, now: number, hasWay?: true): Step => {
  const { target, seed, without, isAgain } = quest
  const qid = qidOf(seed, ttl)
  const neighbours = [...state.links.values()].filter((link) => mayKnow(link) && !without.includes(link.agent))
  const up = neighbours.filter((link) => link.up && isActive(link))
  const search: Asking = {
    at: 'asking',
    qid,
    target,
    seed,
    without,
    isAgain,
    ttl,
    asked: new Set(up.map((link) => link.agent)),
    cut: up.length < neighbours.length || without.length > 0,
    ringUntil: now + ringWaitMs(ttl),
    until: now + SEEN_MS,
    ...(hasWay && { hasWay }),
  }
  if (up.length === 0) return over(search, search.cut ? 'undecided' : 'unknown', now)
  const fresh = isAgain || without.length > 0
  const who: Who = { t: 'WHO', qid, target, ttl, hops: [state.me], withinMs: ringWaitMs(ttl), ...(fresh && { fresh }) }
  return {
    changes: [{ put: 'search', row: search }],
    effects: [
      ...up.map((link): Effect => ({ do: 'tell', to: link.agent, message: who })),
      { do: 'ring', qid, at: search.ringUntil },
    ],
  }
}

/** The time of a ring is up: whoever has not answered counts as cut. Or the turn of a search has come. */
export const ringTimeout = (state: State, qid: string, now: number): Step => {
  const was = state.searches.get(qid)
  if (was?.at === 'queued') {
    const begun = ring(state, was, 1, now)
    return { changes: [{ drop: 'search', qid }, ...begun.changes], effects: begun.effects }
  }
  if (was?.at !== 'asking') return nothing
  if (was.moreUntil === undefined) return ringEnds(state, { ...was, cut: true }, now)
  const isListening = now < was.moreUntil && was.moreUntil <= now + MORE_MS // else the clock was set back meanwhile
  return isListening ? nothing : { changes: [ended(was)], effects: [] }
}

export const ringEnds = (state: State, row: Asking, now: number): Step => {
  if (!row.cut) return over(row, 'unknown', now)
  if (row.ttl >= LAST_RING) return over(row, 'undecided', now)
  const next = ring(state, row, row.ttl + 1, now, row.hasWay)
  return { changes: [ended(row), ...next.changes], effects: next.effects }
}

const over = (row: Asking, result: 'unknown' | 'undecided', now: number): Step => {
  const searched: Effect = { do: 'searched', target: row.target, result: row.hasWay ? 'found' : result }
  if (result === 'undecided' || row.hasWay) return { changes: [ended(row)], effects: [searched] }
  const missing: Change = { note: { of: 'missing', target: row.target, until: now + MISSING_MS } }
  return { changes: [ended(row), missing], effects: [searched] }
}

export const ended = ({ qid, target, until }: Asking): Change => ({
  put: 'search',
  row: { at: 'over', qid, target, until },
})
