/**
 * The next hop for an envelope: the agent itself if it is a neighbour, else the way found by a
 * search, else the way its last holder advised. Never back to where it has been, never to a
 * neighbour that failed it lately, and never over a link that is not active.
 */
import { isActive } from '../link/standing.ts'
import type { State } from '../state.ts'

export type Wish = {
  /** The recipient, and the agent known to represent them, where it is known. */
  entity: string
  /** Where the envelope has been, origin first. */
  path: readonly string[]
  /** Neighbours that failed it: until when not to try them again. */
  avoid: readonly { by: string; until: number }[]
  /** The rest of the route as its last holder saw it, without us. */
  advice: readonly string[]
}

/** @returns the neighbour and the route from it onward (advice for it); prefers one that is connected now */
export const choose = (state: State, wish: Wish, now: number): { next: string; onward: string[] } | undefined => {
  const usable = ways(state, wish, now).filter(([next]) => isUsable(state, wish, next, now))
  const best = usable.find(([next]) => state.links.get(next ?? '')?.up) ?? usable[0]
  const [next, ...onward] = best ?? []
  return next === undefined ? undefined : { next, onward }
}

const ways = (state: State, wish: Wish, now: number): (readonly string[])[] => {
  const agent = state.known.get(wish.entity)?.agent
  const route = state.routes.get(wish.entity)
  return [
    agent === undefined ? [] : [agent],
    route !== undefined && route.expires > now ? route.hops.slice(1) : [],
    wish.advice,
  ]
}

const isUsable = (state: State, wish: Wish, next: string | undefined, now: number): boolean =>
  next !== undefined &&
  isActive(state.links.get(next)) &&
  !wish.path.includes(next) &&
  !wish.avoid.some((one) => one.by === next && one.until > now)
