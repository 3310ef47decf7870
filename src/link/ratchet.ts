/**
 * What two neighbours share besides their keys: a secret that moves on at every connection, and the
 * times of the last connections. Whoever copied a home has both only until either of the two
 * moves on: the next one of them to connect no longer fits, and that is how a theft is found.
 *
 *   (nothing) ──first connection──> key n=1 ──connection──> key n=2 ──> …
 *   any ──paired again──> the same, and `initial` ──connection──> key n=1
 *   any ──their REKEY, or ours──> `initial` alone ──connection──> key n=1
 *
 * One ratchet serves a link whoever dials. `tentative` is what the guest (who dialled) has written
 * before it told the host to move on: after a crash in between nobody knows whether the host did, and either
 * key proves the guest. Secrets are base64url of 32 bytes, times epoch ms. HKDF: RFC 5869.
 */
import { createHmac, hkdfSync } from 'node:crypto'
import type { RekeyOwed } from '../identity/rekey.ts'

/** One connection, by both clocks, and how far apart the two readings may have been: words take their time. */
export type Times = { ours: number; theirs: number; within: number }

export type Ratchet = {
  agent: string
  /** Drawn when this life of the ratchet began, by us and by them: tells a restored home from the one before. */
  incarnation: string
  theirs?: string
  /** Connections so far. */
  n: number
  /** Absent before the first connection. */
  key?: string
  times: Times[]
  tentative?: { n: number; key: string; times: Times[] }
  /** What the first connection is proved by: a token both know, or `OPEN`: the code word of that very connection. */
  initial?: string
  /** When a clock was found wrong; those of the last day. */
  warnings: number[]
  /** Epoch of their last REKEY: an older one counts no more. */
  epoch: number
  /** The one we owe them. */
  rekey?: RekeyOwed
  /** When it last moved on. */
  at: number
}

export const OPEN = 'open'

/** @param initial a token that both sides know, base64url; without one the code word takes its place */
export const freshRatchet = (agent: string, incarnation: string, initial: string = OPEN): Ratchet => ({
  agent,
  incarnation,
  n: 0,
  times: [],
  initial,
  warnings: [],
  epoch: 0,
  at: 0,
})

/** Both have paired again: that counts beside what there was, until one connection has proved it. */
export const pairedAgain = (was: Ratchet | undefined, fresh: Ratchet): Ratchet =>
  was === undefined ? fresh : { ...was, initial: fresh.initial ?? OPEN, warnings: [] }

/** Everything before is forgotten, ours or theirs having been lost or stolen. */
export const begunAnew = (was: Ratchet, incarnation: string): Ratchet => ({
  ...freshRatchet(was.agent, incarnation),
  epoch: was.epoch,
  ...(was.rekey && { rekey: was.rekey }),
})

/** Whether anything but a pairing is behind it: without, there is nothing to diverge from. */
export const hasHistory = ({ key, tentative }: Ratchet): boolean => key !== undefined || tentative !== undefined

/** What a side may prove itself by. */
export type Which = 'tentative' | 'key' | 'initial'
export type Candidate = { which: Which; key: string; n: number; times: Times[] }

/** @param ek exporter of this TLS connection @param word the host's code word */
export const candidates = (ratchet: Ratchet, ek: Buffer, word: string): Candidate[] => {
  const { tentative, key, n, times, initial } = ratchet
  return [
    ...(tentative ? [{ which: 'tentative' as const, ...tentative }] : []),
    ...(key === undefined ? [] : [{ which: 'key' as const, key, n, times }]),
    ...(initial === undefined
      ? []
      : [{ which: 'initial' as const, key: firstKey(initial === OPEN ? word : initial, ek), n: 0, times: [] }]),
  ]
}

/** Bound to the TLS connection: what was overheard or relayed elsewhere is worth nothing here. */
const firstKey = (secret: string, ek: Buffer): string => derive(secret, ek, Buffer.from('vouchsafe-link first'))

export const nextKey = (key: string, ek: Buffer, host: string, guest: string, n: number): string =>
  derive(key, ek, Buffer.concat([Buffer.from('vouchsafe-link next'), bytes(host), bytes(guest), count(n)]))

/** A label for each message, so that none stands for another; everything behind it has a fixed length. */
export const proofOf = (
  key: string,
  label: 'c' | 's' | 'k' | 'h',
  ek: Buffer,
  ...parts: (string | number)[]
): string => {
  const mac = createHmac('sha256', bytes(key)).update(label).update(ek)
  for (const part of parts) mac.update(typeof part === 'number' ? count(part) : bytes(part))
  return mac.digest('base64url')
}

const derive = (secret: string, ek: Buffer, info: Buffer): string =>
  Buffer.from(hkdfSync('sha256', bytes(secret), ek, info, 32)).toString('base64url')

const bytes = (base64url: string): Buffer => Buffer.from(base64url, 'base64url')

/** Eight bytes, big-endian; differences of times may be negative. */
const count = (value: number): Buffer => {
  const eight = Buffer.alloc(8)
  eight.writeBigInt64BE(BigInt(value))
  return eight
}
