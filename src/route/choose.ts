/**
 * The next hop for an envelope: the agent itself if it is a neighbour, else a way found by a
 * search, else the way its last holder advised. Never back to where it has been, never to a
 * neighbour that failed it lately, and never over a link that is not active.
 *
 * Of several the first that is connected now; of those one over nobody who was silent lately
 * (blame.ts); of those one that shares no agent with the ways that failed this envelope.
 */
import { costOf } from '../custody/meter.ts'
import { isActive } from '../link/standing.ts'
import type { Link, State } from '../state.ts'
import { isBlamed } from './blame.ts'
import { leadsTo, waysTo } from './cache.ts'

export type Wish = {
  /** The recipient, and the agent known to represent them, where it is known. */
  entity: string
  /** Where the envelope has been, origin first. */
  path: readonly string[]
  /** Neighbours that failed it: when, and until when not to try them again. */
  avoid: readonly { by: string; until: number; at?: number }[]
  /** The rest of the route as its last holder saw it, without us. */
  advice: readonly string[]
  /** Neighbours that have it, or brought it: it is not handed to them. */
  holders?: readonly string[]
  /** Agents on the ways that failed it: rather not over them. */
  shun?: readonly string[]
  /** Neighbours with whom we have no credit for it are left out. */
  isMetered?: boolean
}

/** @returns the neighbour and the route from it onward (advice for it) */
export const choose = (state: State, wish: Wish, now: number): { next: string; onward: string[] } | undefined => {
  let best: readonly string[] | undefined
  let least = Number.POSITIVE_INFINITY
  for (const way of ways(state, wish, now)) {
    if (!isUsable(state, wish, way[0], now)) continue
    const drawback = drawbackOf(state, wish, way, now)
    if (drawback >= least) continue
    best = way
    least = drawback
  }
  const [next, ...onward] = best ?? []
  return next === undefined ? undefined : { next, onward }
}

const ways = (state: State, wish: Wish, now: number): (readonly string[])[] => {
  const agent = state.known.get(wish.entity)?.agent
  const found = waysTo(state, wish.entity).filter((route) => route.expires > now && leadsTo(route, agent))
  return [agent === undefined ? [] : [agent], ...found.map((route) => route.hops.slice(1)), wish.advice]
}

const isUsable = (state: State, wish: Wish, next: string | undefined, now: number): boolean => {
  const link = state.links.get(next ?? '')
  return (
    isActive(link) &&
    !wish.path.includes(link.agent) &&
    !wish.holders?.includes(link.agent) &&
    !(wish.isMetered && costOf(state, link.agent, 'ours', now) === 0) &&
    !wish.avoid.some((one) => one.by === next && one.until > now && isSince(link, one.at))
  )
}

/** What a neighbour refused before the present link was made says nothing: it may have been for want of the link. */
const isSince = ({ since }: Link, at: number | undefined): boolean => at === undefined || at >= since

/** The weights only order: being connected counts for more than all the rest. */
const drawbackOf = (state: State, wish: Wish, way: readonly string[], now: number): number =>
  (state.links.get(way[0] ?? '')?.up ? 0 : 4) +
  (state.blamed.size > 0 && way.some((agent) => isBlamed(state.blamed.get(agent), now)) ? 2 : 0) +
  (wish.shun?.some((agent) => way.includes(agent)) ? 1 : 0)
