/**
 * Neighbours that are often away: a laptop, a machine that is switched off at night. Their silence
 * says little, so it is borne longer (src/custody/silence.ts). What counts are absences longer than one hop
 * deadline, as far as this gateway was there to see them. Times are epoch ms.
 */
import type { Link } from '../state.ts'

/** So many absences within so long, and a neighbour is known to be often away. */
const OFTEN = 3
const WITHIN_MS = 7 * 86_400_000

export const isOftenAway = (link: Link | undefined, now: number): boolean => {
  const [oldest, ...others] = link?.absences ?? []
  return oldest !== undefined && others.length + 1 >= OFTEN && oldest > now - WITHIN_MS
}

/** The link as its neighbour comes or goes. */
export const seen = (link: Link, up: boolean, longMs: number, now: number): Link => {
  const { downAt, ...rest } = link
  if (!up) return { ...rest, up, downAt: downAt ?? now }
  const isLong = downAt !== undefined && now - downAt >= longMs
  return { ...rest, up, ...(isLong && { absences: [...(link.absences ?? []), now].slice(-OFTEN) }) }
}
