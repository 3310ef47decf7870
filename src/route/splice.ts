/**
 * An answer from a relay's memory: the relay keeps a PATH it once asked for, with all its signatures,
 * and shows it to a new asker under a CACHED record of its own.
 *
 *   PATH     signed by the target for the relay's own question      relay … target
 *   CACHED   signed by the relay for the new asker's question       asker … relay
 *
 * Every link of the joined route bears the signatures of both its ends, of now as far as the relay,
 * and from there of when the PATH was made, which says itself how long it is good. The relay must
 * stand at the start of the PATH, so nobody can use one that was shown to it or stolen; what it can do
 * is show one that is broken by now, and so delay, as whoever lies on the way can anyhow. Routes learned
 * so are never shown again: there is one splice in a route, never two.
 */
import { type CachedRecord, MAX_HOPS, type PathRecord } from '../wire/record.ts'

/** @returns the answer to the new asker's question, or nothing if the two do not fit */
export const splice = (path: PathRecord, cached: CachedRecord, by: string): PathRecord | undefined => {
  const route = [...cached.route, ...path.route.slice(1)]
  const fits = path.route[0] === by && cached.route.at(-1) === by
  const isSound = route.length <= MAX_HOPS && new Set(route).size === route.length
  return fits && isSound ? { ...path, qid: cached.qid, target: cached.target, route } : undefined
}
