/**
 * The relay's side of a search: whether a query is taken up, answered, or sent on. The whole is drawn
 * in discover.ts. Times are epoch ms.
 */
import { createHash } from 'node:crypto'
import type { Effect, Step } from '../effect.ts'
import { isActive, mayKnow } from '../link/standing.ts'
import type { Change, State } from '../state.ts'
import { MAX_HOPS, type Who } from '../wire/record.ts'
import { SEEN_MS } from './ask.ts'
import { isBlamed } from './blame.ts'
import { draw } from './bucket.ts'
import { leadsTo, MOST_WAYS, waysTo } from './cache.ts'
import type { Route } from './memory.ts'
import type { Search } from './search.ts'

/**
 * Most neighbours a relay asks. On the real web of trust, where the largest hub has 163, five rings
 * find 98.3 % with 32 and 99.7 % with 64, for a tenth more messages (`npm run simulate -- --part rings`).
 */
const FAN_OUT = 64
/** What a query may need from one agent to the next; time that is left after it goes on with the query. */
const HOP_MS = 100
/**
 * Queries remembered: up to 3 KB each while answers are waited for, 300 bytes after. One neighbour's
 * bucket (bucket.ts) lets it fill 700 places in ten minutes: 140 searches of five rings.
 */
const SEEN_MAX = 50_000

/** A neighbour asks. `local` is the entity here that the target names, if any. */
export const asked = (state: State, from: string, who: Who, local: string | undefined, now: number): Step => {
  if (!isActive(state.links.get(from))) return { changes: [], effects: [] }
  const was = state.searches.get(who.qid)
  if (who.hops.includes(state.me) || (was !== undefined && !isNews(was, from, who, local)))
    return none(from, who, false)
  if (who.withinMs <= HOP_MS || who.hops.at(-1) !== from || who.hops.length >= MAX_HOPS) return none(from, who, true)
  if (was === undefined && state.searches.size >= SEEN_MAX) return none(from, who, true)
  const others = [...state.links.values()].filter((link) => mayKnow(link) && !who.hops.includes(link.agent))
  const up = others.filter((link) => link.up && isActive(link)).map((link) => link.agent)
  const kept = local === undefined && who.fresh !== true ? keptWay(state, from, who, now) : undefined
  const near = local === undefined ? nearest(state, who, now) : undefined
  const isEnd = others.length === 0 || who.ttl === 1 || up.length === 0
  if (local === undefined && kept === undefined && near === undefined && isEnd)
    return none(from, who, others.length > 0)

  const query = { neighbour: from, origin: who.hops[0] ?? from, target: who.target, ttl: who.ttl }
  const pace = { burst: state.terms.queryBurst, everyMs: state.terms.queryEveryMs }
  const [bucket, isLeft] = draw(state.buckets.get(from), query, pace, now)
  const drawn: Change = { note: { of: 'bucket', row: bucket } }
  if (!isLeft) return { changes: [drawn], effects: none(from, who, true).effects }
  const made = kept
    ? recall(state, from, who, kept, now)
    : local === undefined
      ? sendOn(state, from, who, others.length, whom(up, near, who), now)
      : answer(state, from, who, local, now)
  return { changes: [drawn, ...made.changes], effects: made.effects }
}

/**
 * The first copy of a query covers this part of the web, unless a later one may go further. The
 * target answers copies by other neighbours, too: they are other ways to it.
 */
const isNews = (was: Search, from: string, who: Who, local: string | undefined): boolean => {
  if (was.at === 'relaying') return who.ttl > was.ttl
  if (was.at !== 'over') return false
  if (local !== undefined) return was.told !== undefined && was.told.length < MOST_WAYS && !was.told.includes(from)
  return was.ttl !== undefined && who.ttl > was.ttl
}

/** A way we found ourselves, whose signatures we kept (splice.ts), and that leads over nobody who stands on the query's. */
const keptWay = (state: State, from: string, who: Who, now: number): Route | undefined =>
  waysTo(state, state.knownTargets.get(who.target) ?? '').find(
    (way) =>
      way.isProven === true &&
      way.expires > now &&
      way.hops[1] !== from &&
      state.links.get(way.hops[1] ?? '')?.up === true &&
      isActive(state.links.get(way.hops[1] ?? '')) &&
      who.hops.length + way.hops.length <= MAX_HOPS &&
      !way.hops.some((hop) => who.hops.includes(hop) || isBlamed(state.blamed.get(hop), now)) &&
      leadsTo(way, state.known.get(way.entity)?.agent) &&
      state.known.get(way.entity)?.rival === undefined,
  )

/**
 * The neighbour known to represent whom the target names. The query goes there and nowhere else, also
 * past the end of its ring: so five rings reach as far as six, and a relay with hundreds of neighbours
 * leaves nobody out by chance. It is the target itself that answers.
 */
const nearest = (state: State, who: Who, now: number): string | undefined => {
  const known = state.known.get(state.knownTargets.get(who.target) ?? '')
  if (known === undefined || known.rival !== undefined || known.expires <= now) return undefined
  const link = state.links.get(known.agent)
  return isActive(link) && link.up && !who.hops.includes(known.agent) ? known.agent : undefined
}

/** Of the neighbours that are up. What we know of the target may be old: a fresh query goes to others as well. */
const whom = (up: string[], near: string | undefined, { qid, ttl, fresh }: Who): string[] => {
  if (near === undefined) return spread(up, qid).slice(0, FAN_OUT)
  if (fresh !== true || ttl === 1) return [near]
  const others = up.filter((agent) => agent !== near)
  return [near, ...spread(others, qid)].slice(0, FAN_OUT)
}

const recall = (state: State, from: string, { qid, target, hops }: Who, { key }: Route, now: number): Step => ({
  changes: [{ put: 'search', row: { at: 'over', qid, target, until: now + SEEN_MS } }],
  effects: [{ do: 'recall', to: from, qid, target, key, route: [...hops, state.me] }],
})

const answer = (state: State, from: string, who: Who, entity: string, now: number): Step => {
  const { qid, target } = who
  const was = state.searches.get(qid)
  const told = [...(was?.at === 'over' ? (was.told ?? []) : []), from]
  return {
    changes: [{ put: 'search', row: { at: 'over', qid, target, until: now + SEEN_MS, told } }],
    effects: [{ do: 'answer', to: from, qid, target, entity, route: [...who.hops, state.me] }],
  }
}

/** A copy that went less far is answered now: this one covers what it asked for. */
const sendOn = (state: State, from: string, who: Who, others: number, them: string[], now: number): Step => {
  const was = state.searches.get(who.qid)
  const row: Search = {
    at: 'relaying',
    qid: who.qid,
    target: who.target,
    ttl: who.ttl,
    from,
    hops: who.hops,
    asked: new Set(them),
    cut: them.length < others,
    answerUntil: now + who.withinMs,
    until: now + SEEN_MS,
  }
  const ttl = Math.max(1, who.ttl - 1) // 1 left at `nearest`
  const onward: Who = { ...who, ttl, hops: [...who.hops, state.me], withinMs: who.withinMs - HOP_MS }
  const settled = was?.at === 'relaying' && was.from !== from ? none(was.from, who, false).effects : []
  return {
    changes: [{ put: 'search', row }],
    effects: [...settled, ...them.map((to): Effect => ({ do: 'tell', to, message: onward }))],
  }
}

const none = (to: string, { qid }: Who, cut: boolean): Step => ({
  changes: [],
  effects: [{ do: 'tell', to, message: { t: 'NONE', qid, cut } }],
})

/** An order over agents that differs by query, so that no neighbour is always asked last; the same on every run. */
const spread = (agents: string[], qid: string): string[] => {
  const rank = (agent: string) => createHash('sha256').update(qid).update(agent).digest('hex')
  return agents
    .map((agent) => ({ agent, at: rank(agent) }))
    .sort((a, b) => (a.at < b.at ? -1 : 1))
    .map(({ agent }) => agent)
}
