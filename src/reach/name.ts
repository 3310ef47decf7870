/**
 * When our own DNS name is to be changed:
 *
 *   idle --our addresses are others, or it is long ago--> due --done--> idle
 *                                                          │--later--> waits: 1 min, doubled up to 1 h --> due
 *                                                          └--stop---> stopped, until the gateway starts anew
 *
 * Providers of dyndns2 take an update without need for abuse, so nothing is sent twice. Times are epoch ms.
 */
import type { Verdict } from './dyndns.ts'
import type { Own } from './seen.ts'

export type Keeping = {
  told?: Own
  at: number
  failures: number
  /** Why nothing more is tried. */
  stopped?: string
}

export const unkept: Keeping = { at: 0, failures: 0 }

/** Providers drop a name that was not heard of for 28 days or more. */
const REFRESH_MS = 25 * 86_400_000
const FIRST_WAIT_MS = 60_000
const LAST_WAIT_MS = 3_600_000

export const isDue = (keeping: Keeping, own: Own, now: number): boolean => {
  if (keeping.stopped !== undefined || (own.v4 === undefined && own.v6 === undefined)) return false
  // A clock that was years ahead (so TLS failed) is set back: nobody waits until that time has come.
  const goneMs = Math.abs(now - keeping.at)
  if (keeping.failures > 0) return goneMs >= Math.min(LAST_WAIT_MS, FIRST_WAIT_MS * 2 ** (keeping.failures - 1))
  return !isTold(keeping.told, own) || goneMs >= REFRESH_MS
}

/** A family that we know no address of was not told, and is not asked for. */
const isTold = (told: Own | undefined, own: Own): boolean =>
  told !== undefined && (own.v4 ?? told.v4) === told.v4 && (own.v6 ?? told.v6) === told.v6

export const tried = (keeping: Keeping, own: Own, verdict: Verdict, now: number): Keeping => {
  if (verdict.do === 'done') return { told: own, at: now, failures: 0 }
  const failed = { ...keeping, at: now, failures: keeping.failures + 1 }
  return verdict.do === 'stop' ? { ...failed, stopped: verdict.why } : failed
}
