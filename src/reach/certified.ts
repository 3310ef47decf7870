/**
 * When a certificate is fetched from an authority (ACME):
 *
 *   held --two thirds of its life are over, or other names or another authority are wanted--> due --fetched--> held
 *                                                                                              │
 *                     due <--10 min, doubled up to a day, and as long as the authority asks-- failed
 *                     due <--a person says so, but not before the authority wants to be asked--┘
 *
 * A third of 90 days is a month in which a fault can be mended. An authority counts failures (Let's Encrypt takes five an
 * hour for a name), so they outlive a restart; other settings are tried at once. Times are epoch ms.
 */
export type Wanted = { authority: string; names: string[] }
/** A certificate at hand. */
export type Held = Wanted & { from: number; until: number }
/** `of` names the settings they were made with. `askedUntil`: so long the authority asked to be left alone, 0 if it did not. */
export type Tries = { of: string; failures: number; nextAt: number; askedUntil: number; why: string }

const FIRST_WAIT_MS = 10 * 60_000
const LAST_WAIT_MS = 86_400_000
/** Whatever an authority asks for: its longest limits run for a week. */
const ASKED_MAX_MS = 8 * 86_400_000

export const isDue = (wanted: Wanted, held: Held | undefined, now: number): boolean =>
  held === undefined ||
  held.authority !== wanted.authority ||
  wanted.names.some((name) => !held.names.includes(name)) ||
  now >= renewAt(held)

/** Of a certificate of six days the third day, of one of ninety the sixtieth. */
const renewAt = ({ from, until }: Held): number => from + ((until - from) * 2) / 3

/** @param isUrged a person says that what failed is mended */
export const mayTry = (tries: Tries | undefined, of: string, now: number, isUrged: boolean): boolean => {
  if (tries === undefined || tries.of !== of) return true
  const at = isUrged ? tries.askedUntil : tries.nextAt
  return now >= at || at > now + ASKED_MAX_MS // so long nobody waits: it failed by a clock that was set back since
}

/** @param retryAt when the authority wants to be asked again at the earliest */
export const failed = (
  tries: Tries | undefined,
  { of, why, retryAt = 0 }: { of: string; why: string; retryAt?: number | undefined },
  now: number,
): Tries => {
  const failures = tries?.of === of ? tries.failures + 1 : 1
  const own = now + Math.min(LAST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1))
  const askedUntil = Math.min(retryAt, now + ASKED_MAX_MS)
  return { of, failures, nextAt: Math.max(own, askedUntil), askedUntil, why }
}
