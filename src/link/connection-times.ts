/**
 * The queue of the last connections, and what it says about clocks. Both sides keep the same
 * connections, each by both clocks; so the time since the oldest of them must be equal on both sides,
 * whatever the clocks show. A clock that was set meanwhile makes a difference once: from then on
 * is counted anew. Only three differences within a day suspend a link, for an honest clock isn't set
 * three times a day. All in ms.
 */
import type { Times } from './ratchet.ts'

/** Connections kept: `link.times` of the configuration, by default the fewest. */
export const TIMES_LEAST = 10
export const TIMES_MOST = 100

/** A second a day is a bad clock; ten connections are at most some days apart, a hundred are weeks. */
const LIMIT_MS = 5_000
const LIMIT_LONG_MS = 10_000
const LONG = 20

/** A reading that was longer under way than the answer to a hello may be is none of a slow line. */
const WITHIN_MOST_MS = 20_000
export const withinOf = (from: number, until: number): number => Math.min(Math.max(0, until - from), WITHIN_MOST_MS)

/** So many warnings within `WARNED_MS` suspend the link for as long. */
export const WARNINGS_MOST = 3
export const WARNED_MS = 86_400_000

/** What the guest says of its queue: how far back, and how long ago that is by its clock. */
export type Past = { back: number; q: number }

/** @param most how many the host keeps: the guest's queue may be longer */
export const past = (times: readonly Times[], most: number, clock: number): Past => {
  const back = Math.min(times.length, most)
  const oldest = times[times.length - back]
  return { back, q: oldest === undefined ? 0 : clock - oldest.ours }
}

/**
 * By how much their clock went wrong against ours since; undefined if it didn't, or nothing is known of that time.
 *
 * @param within how long their reading may have been under way
 */
export const deviation = (
  times: readonly Times[],
  { back, q }: Past,
  now: number,
  within: number,
): number | undefined => {
  const oldest = times[times.length - back]
  if (back === 0 || oldest === undefined) return undefined
  const difference = q - (now - oldest.ours)
  const limit = (back > LONG ? LIMIT_LONG_MS : LIMIT_MS) + within + oldest.within
  return Math.abs(difference) > limit ? difference : undefined
}

/** @param isWrong then what was before tells nothing any more */
export const pushed = (times: readonly Times[], one: Times, most: number, isWrong: boolean): Times[] =>
  isWrong ? [one] : [...times, one].slice(-most)

export const recentWarnings = (warnings: readonly number[], now: number): number[] =>
  warnings.filter((at) => Math.abs(now - at) < WARNED_MS)
