/**
 * What a link may carry, by its state:
 *
 *   none --through the web--> probation --14 days--> active
 *   none --a person chose it--> active
 *   probation, active --R1, R2 (src/credit/conduct.ts)--> suspended --7 days--> revoked, or back on probation
 *
 * Throttled is no state: it is an active link whose neighbour has no credit left just now.
 */
import { ACTIVE_LIMIT, PROBATION_LIMIT } from '../credit/credit.ts'
import type { RefusalCode } from '../refusal.ts'
import type { Link } from '../state.ts'

/** Whether the two are connected: also a suspended neighbour hears complaints and may answer for itself. */
export const isLinked = (link: Link | undefined): link is Link => link !== undefined && link.state !== 'revoked'

/** Whether it may carry mail and questions at present. */
export const isActive = (link: Link | undefined): link is Link =>
  link !== undefined && (link.state === 'active' || link.state === 'probation') && link.frozen === undefined

/** Whether it counts among those who may know somebody: a frozen one can't be asked at present, and so nothing is certain. */
export const mayKnow = (link: Link): boolean => isActive(link) || isFrozen(link)

/** Nothing is taken from it or handed to it until a person has seen to it, or a day has gone by (alarm.ts). */
export const isFrozen = (link: Link): boolean => isLinked(link) && link.frozen !== undefined

/** Whether there is nothing to be settled between the two: a link that is frozen may be made again. */
export const isSettled = (link: Link | undefined): link is Link => isLinked(link) && !isFrozen(link)

/** The refusal of mail over a link that is not active. */
export const whyNot = (link: Link | undefined): RefusalCode =>
  link === undefined
    ? 'link-unknown'
    : isFrozen(link)
      ? 'link-frozen'
      : link.state === 'suspended'
        ? 'link-suspended'
        : 'link-revoked'

/** When it came into its present state. */
export const sinceOf = ({ since, stateSince = 0 }: Pick<Link, 'since' | 'stateSince'>): number =>
  Math.max(since, stateSince)

/** L: how much unwanted mail this neighbour may cost us before nothing more is taken from it. */
export const limitOf = ({ state, limit }: Link): number =>
  limit ?? (state === 'probation' ? PROBATION_LIMIT : ACTIVE_LIMIT)
