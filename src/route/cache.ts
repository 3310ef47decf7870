/**
 * Ways that were found: up to three to an entity, of which no two share a link, the newest search's
 * first. Held for 10 000 entities; who was not written to for the longest goes first. Ways are in
 * memory whole: 1 KB each, 30 MB at the very most. Times are epoch ms.
 */
import { createHash } from 'node:crypto'
import type { Change, State } from '../state.ts'
import type { Route } from './memory.ts'

export const MOST_WAYS = 3
const MOST_ENTITIES = 10_000
/** Longest a way is used before it is searched again. */
export const ROUTE_LIFE_MS = 86_400_000

type Found = Omit<Route, 'key'>

export const routeOf = (found: Found): Route => ({
  ...found,
  key: `${found.entity}/${createHash('sha256').update(found.hops.join(' ')).digest('hex').slice(0, 16)}`,
})

/** The first answer of a search: older ways that share a link with it go. */
export const renew = (state: State, found: Found, now: number, proof?: string): Change[] => {
  const route = routeOf(found)
  const others = waysTo(state, found.entity).filter((one) => one.key !== route.key)
  const kept = others.filter((one) => isLive(one, route, now) && !sharesLink(one, route)).slice(0, MOST_WAYS - 1)
  const gone = others.filter((one) => !kept.includes(one))
  return [...makeRoom(state, found.entity), ...gone.map(dropped), { put: 'route', row: route, ...(proof && { proof }) }]
}

/** A further answer: kept if it shares no link with what there is. */
export const add = (state: State, found: Found, now: number, proof?: string): Change[] => {
  const route = routeOf(found)
  const all = waysTo(state, found.entity)
  const live = all.filter((one) => isLive(one, route, now))
  if (live.length >= MOST_WAYS || live.some((one) => sharesLink(one, route))) return []
  const gone = all.filter((one) => !live.includes(one))
  return [
    ...makeRoom(state, found.entity),
    ...gone.map(dropped),
    { put: 'route', row: route, isFurther: true, ...(proof && { proof }) },
  ]
}

/** A way to where the entity was before it moved is none. */
const isLive = (one: Route, route: Route, now: number): boolean =>
  one.expires > now && one.hops.at(-1) === route.hops.at(-1)

/** Not to where the entity was before a letter of theirs, under a newer card, came from elsewhere. */
export const leadsTo = ({ hops }: Route, agent: string | undefined): boolean =>
  agent === undefined || hops.at(-1) === agent

/** All ways to an entity, or those of them that `isBad`. */
export const dropWays = (state: State, entity: string, isBad: (route: Route) => boolean = () => true): Change[] =>
  waysTo(state, entity).filter(isBad).map(dropped)

export const dropped = ({ key, entity }: Route): Change => ({ drop: 'route', key, entity })

export const waysTo = (state: State, entity: string): readonly Route[] => state.routes.get(entity) ?? []

/** The map's order is that of use: its first entry has waited longest. */
const makeRoom = (state: State, entity: string): Change[] => {
  if (state.routes.has(entity) || state.routes.size < MOST_ENTITIES) return []
  const [oldest] = state.routes.values()
  return (oldest ?? []).map(dropped)
}

const sharesLink = (a: Route, b: Route): boolean => {
  const links = new Set(linksOf(a.hops))
  return linksOf(b.hops).some((link) => links.has(link))
}

/** A link is the same from either end. */
const linksOf = (hops: readonly string[]): string[] =>
  hops.slice(1).map((to, i) => [hops[i] ?? '', to].sort().join(' '))
