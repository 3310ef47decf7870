/**
 * RERR: a hop of a route says that its own next link on it does not carry. It goes back along the way
 * the envelope came, and each who hears it drops its ways to that entity over that link; the next way
 * is taken. Believed only of a hop that stands on the route, about the hop after itself, and from the
 * neighbour that comes next on it. Whoever invents one about its own links loses but the traffic that
 * it could have dropped. Its signature is verified before its event exists. Times are epoch ms.
 */
import { type Effect, nothing, type Step } from '../effect.ts'
import { isActive } from '../link/standing.ts'
import type { State } from '../state.ts'
import { MAX_HOPS, type RerrRecord } from '../wire/record.ts'
import { draw } from './bucket.ts'
import { dropWays } from './cache.ts'

/** Signed by `by`; `jws` is what is passed on. */
export type Failure = RerrRecord & { by: string; jws: string }

/** An older one may have been kept by somebody to be shown again, and clocks need not agree better. */
const FRESH_MS = 3_600_000

export const failed = (state: State, from: string, failure: Failure, now: number): Step => {
  const { route, by, next, entity, at } = failure
  const here = route.indexOf(state.me)
  const there = route.indexOf(by)
  const isSound = here >= 0 && route[here + 1] === from && there > here && route[there + 1] === next
  if (!isSound || !isActive(state.links.get(from)) || Math.abs(now - at) > FRESH_MS) return nothing
  const pace = { burst: state.terms.queryBurst, everyMs: state.terms.queryEveryMs }
  const [row, isLeft] = draw(
    state.buckets.get(from),
    { neighbour: from, origin: by, target: entity, ttl: 0 },
    pace,
    now,
  )
  if (!isLeft) return { changes: [{ note: { of: 'bucket', row } }], effects: [] }
  const before = route[here - 1]
  const onward: Effect[] =
    before !== undefined && isActive(state.links.get(before))
      ? [{ do: 'tell', to: before, message: { t: 'RERR', rerr: failure.jws } }]
      : []
  return {
    changes: [
      { note: { of: 'bucket', row } },
      ...dropWays(state, entity, ({ hops }) => hops.some((hop, i) => hop === by && hops[i + 1] === next)),
    ],
    effects: onward,
  }
}

type Way = { to?: string; path: readonly string[] }

/** The way an envelope was advised to go on begins with a link that carries nothing. A neighbour that is only away is no such case. */
export const complain = (state: State, row: Way & { advice: readonly string[] }): Effect[] => {
  const link = state.links.get(row.advice[0] ?? '')
  if (isActive(link)) return []
  return about(row, row.advice, link === undefined ? 'unknown' : 'revoked')
}

/** The next hop has been away for a hop deadline. For the recipient's own agent we keep custody: nobody need go round. */
export const complainAway = (
  row: Way & { awaits: string | null; next?: string; onward: readonly string[] },
): Effect[] => {
  const { next, onward, awaits } = row
  const isAway = next !== undefined && awaits === `up:${next}` // not, if it waits for credit
  return isAway && onward.length > 0 ? about(row, [next, ...onward], 'down') : []
}

/** `path`: where it has been, we last; so whoever handed it to us hears of it. */
const about = ({ to, path }: Way, onward: readonly string[], reason: RerrRecord['reason']): Effect[] => {
  const route = [...path, ...onward]
  const before = path.at(-2)
  const [next] = onward
  const isSound = route.length <= MAX_HOPS && new Set(route).size === route.length
  if (to === undefined || next === undefined || before === undefined || !isSound) return []
  return [{ do: 'rerr', to: before, record: { route, next, entity: to, reason } }]
}
