/**
 * How many searches a neighbour may bring: a bucket of 20, filled by one every 5 s.
 *
 * All five rings of one search cost one token: the same asker and target with a growing ttl. The upper half
 * is anybody's; the lower half is for askers that have had no more than the average of those behind
 * this neighbour: so whoever floods from behind an honest one leaves room for the others. Who asks is only what the neighbour says; a neighbour that
 * lies about it takes from nobody but those behind itself. Times are epoch ms.
 */
import { LAST_RING } from './search.ts'

export type Bucket = {
  neighbour: string
  tokens: number
  at: number
  /** Since when it is counted who had how many, and which ring each search has come to. */
  since: number
  drawn: Map<string, number>
  rings: Map<string, number>
}

type Pace = { burst: number; everyMs: number }

/** @returns the bucket after the query, and whether there was a token for it */
export const draw = (
  was: Bucket | undefined,
  query: { neighbour: string; origin: string; target: string; ttl: number },
  { burst, everyMs }: Pace,
  now: number,
): [Bucket, boolean] => {
  const before = filled(was ?? fresh(query.neighbour, burst, now), { burst, everyMs }, now)
  const search = `${query.origin} ${query.target}`
  const isNextRing = query.ttl <= LAST_RING && (before.rings.get(search) ?? Number.POSITIVE_INFINITY) < query.ttl
  const mine = before.drawn.get(query.origin) ?? 0
  const isLeft = before.tokens >= 1 && (before.tokens > burst / 2 || mine <= average(before.drawn))
  if (!isNextRing && !isLeft) return [before, false]
  const after: Bucket = { ...before, rings: new Map(before.rings).set(search, query.ttl) }
  if (isNextRing) return [after, true]
  return [{ ...after, tokens: before.tokens - 1, drawn: new Map(before.drawn).set(query.origin, mine + 1) }, true]
}

/** What an asker has had, of two at least: alone, it must leave the lower half to the next to come. */
const average = (drawn: Bucket['drawn']): number => {
  let sum = 0
  for (const count of drawn.values()) sum += count
  return sum / Math.max(2, drawn.size)
}

const fresh = (neighbour: string, burst: number, now: number): Bucket => ({
  neighbour,
  tokens: burst,
  at: now,
  since: now,
  drawn: new Map(),
  rings: new Map(),
})

/** Counting starts anew after the time that fills the whole bucket: so both maps stay as small as it is. */
const filled = (was: Bucket, { burst, everyMs }: Pace, now: number): Bucket => {
  const tokens = Math.min(burst, was.tokens + Math.max(0, now - was.at) / everyMs)
  const isOld = now - was.since >= burst * everyMs || now < was.since // the clock was set back
  return { ...was, tokens, at: now, ...(isOld && { since: now, drawn: new Map(), rings: new Map() }) }
}
