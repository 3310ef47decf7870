/**
 * LINK1: how host and guest prove to each other, at every connection, that each is still the one the
 * other knew; and how the shared ratchet moves on. Pure: what was drawn or read is handed in.
 *
 *   guest (dialled)                            host
 *                            <── AURQ ───      nonce
 *   present    ── ARPL ──────────────────>     judge ── DIVERGED: nothing fits; clock: too often wrong
 *                            <── PROCEED ─     `pending`, in memory alone
 *   prepare: tentative, durable
 *              ── COMMIT ────────────────>     advance: durable
 *                            <── ARSL ────
 *   settle: durable
 *
 * A crash or a broken line between any two of these leaves at least one secret that both have: the host moves
 * on only after the guest keeps the new secret beside the old one, and the guest forgets the old one only when
 * the host has moved on. Whoever begins a connection with a neighbour, or answers ARPL, has thereby broken off every
 * other handshake on that link that they took part in; without that a late COMMIT would be a false alarm. Model: test/model/link1.pml.
 */
import { timingSafeEqual } from 'node:crypto'
import type { Arpl, Arsl, Commit, Proceed } from '../wire/link1.ts'
import { deviation, past, pushed, recentWarnings, WARNINGS_MOST, withinOf } from './connection-times.ts'
import { type Candidate, candidates, hasHistory, nextKey, proofOf, type Ratchet, type Which } from './ratchet.ts'

/** What both ends of one TLS connection have in common. */
export type Line = { ek: Buffer; nonce: string }
/** When one has spoken and when the answer came, by one's own clock: the other's clock was read in between. */
type Spell = { from: number; until: number }
type Proof = Arpl['proofs'][number]

/** The host's part between PROCEED and COMMIT. */
export type Pending = { from: Candidate; clock: number; within: number; proceed: Proceed; incarnation: string }

/** The guest: everything by which it may be known. @param most connections the host keeps */
export const present = (ratchet: Ratchet, line: Line, clock: number, most: number): Proof[] =>
  candidates(ratchet, line.ek, line.nonce).map((one) => {
    const { back, q } = past(one.times, most, clock)
    return { which: one.which, n: one.n, back, q, mac: guestProof(one, line, back, q) }
  })

export type Verdict =
  | { is: 'proceed'; pending: Pending }
  /** The secret is right and the clocks are not, once too often. */
  | { is: 'clock'; ratchet: Ratchet }
  | { is: 'diverged' }
  /** They never met: only the pairing has not come to its end on one side. */
  | { is: 'unpaired' }

/** The host: whether one of the guest's proofs fits what we have. @param random 32 bytes drawn for this connection */
export const judge = (
  ratchet: Ratchet,
  line: Line,
  arpl: Arpl,
  random: string,
  { from, until: now }: Spell,
): Verdict => {
  const within = withinOf(from, now)
  const match = matching(ratchet, line, arpl)
  if (match === undefined)
    return { is: hasHistory(ratchet) || arpl.proofs.some(({ which }) => which !== 'initial') ? 'diverged' : 'unpaired' }
  const { own, proof } = match
  const warned = deviation(own.times, proof, now, within) !== undefined
  const warnings = recentWarnings(ratchet.warnings, now)
  if (warned && warnings.length + 1 >= WARNINGS_MOST)
    return { is: 'clock', ratchet: { ...ratchet, warnings: [...warnings, now] } }
  const said = { which: proof.which, n: own.n + 1, random, at: now, warned }
  const proceed = { ...said, mac: hostProof(own.key, line, said) }
  return { is: 'proceed', pending: { from: own, clock: arpl.clock, within, proceed, incarnation: arpl.incarnation } }
}

/** The guest: durable before COMMIT leaves. @returns undefined if the host doesn't know what it should: DIVERGED */
export const prepare = (
  ratchet: Ratchet,
  line: Line,
  { proceed, spell, random, most }: { proceed: Proceed; spell: Spell; random: string; most: number },
): { ratchet: Ratchet; commit: Commit } | undefined => {
  const from = candidates(ratchet, line.ek, line.nonce).find(({ which }) => which === proceed.which)
  if (from === undefined || proceed.n !== from.n + 1 || !isEqual(proceed.mac, hostProof(from.key, line, proceed)))
    return undefined
  const key = nextKey(from.key, line.ek, proceed.random, random, proceed.n)
  const one = { ours: spell.from, theirs: proceed.at, within: withinOf(spell.from, spell.until) }
  const times = pushed(from.times, one, most, proceed.warned)
  const tentative = { n: proceed.n, key, times }
  // A first secret holds for this connection only: until the host has moved on, the token goes on proving us.
  const kept = proceed.which === 'initial' ? ratchet : { ...ratchet, key: from.key, n: from.n, times: from.times }
  return { ratchet: { ...kept, tentative }, commit: { random, mac: proofOf(key, 'k', line.ek) } }
}

/** The host: durable before ARSL leaves. @returns undefined if the guest has not made the new secret */
export const advance = (
  ratchet: Ratchet,
  line: Line,
  { pending, commit, most, now }: { pending: Pending; commit: Commit; most: number; now: number },
): { ratchet: Ratchet; arsl: Arsl } | undefined => {
  const { from, clock, within, proceed, incarnation } = pending
  const key = nextKey(from.key, line.ek, proceed.random, commit.random, proceed.n)
  if (!isEqual(commit.mac, proofOf(key, 'k', line.ek))) return undefined
  const times = pushed(from.times, { ours: proceed.at, theirs: clock, within }, most, proceed.warned)
  const warnings = [...recentWarnings(ratchet.warnings, now), ...(proceed.warned ? [now] : [])]
  const moved = { ...settled(ratchet, { n: proceed.n, key, times }, incarnation, now), warnings }
  return { ratchet: moved, arsl: { result: 'known', mac: proofOf(key, 'h', line.ek) } }
}

/** The guest, at the end. @returns undefined if it is not the host's word */
export const settle = (
  ratchet: Ratchet,
  line: Line,
  { arsl, incarnation, now }: { arsl: Arsl; incarnation: string; now: number },
): Ratchet | undefined => {
  const { tentative } = ratchet
  if (tentative === undefined || !isEqual(arsl.mac, proofOf(tentative.key, 'h', line.ek))) return undefined
  return settled(ratchet, tentative, incarnation, now)
}

/** One secret is left, whatever there was to choose from. */
const settled = (
  { agent, incarnation, warnings, epoch }: Ratchet,
  next: { n: number; key: string; times: Ratchet['times'] },
  theirs: string,
  at: number,
): Ratchet => ({ agent, incarnation, theirs, warnings, epoch, ...next, at })

const matching = (ratchet: Ratchet, line: Line, { proofs }: Arpl): { own: Candidate; proof: Proof } | undefined => {
  for (const own of candidates(ratchet, line.ek, line.nonce)) {
    const proof = proofs.find(
      (one) => one.n === own.n && isEqual(one.mac, guestProof({ ...own, which: one.which }, line, one.back, one.q)),
    )
    if (proof) return { own, proof }
  }
  return undefined
}

const codes: Record<Which, number> = { tentative: 1, key: 2, initial: 3 }

const guestProof = ({ which, key, n }: Pick<Candidate, 'which' | 'key' | 'n'>, line: Line, back: number, q: number) =>
  proofOf(key, 'c', line.ek, line.nonce, codes[which], n, back, q)

const hostProof = (key: string, line: Line, { which, n, random, at, warned }: Omit<Proceed, 'mac'>): string =>
  proofOf(key, 's', line.ek, line.nonce, codes[which], n, random, at, Number(warned))

const isEqual = (one: string, other: string): boolean =>
  one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))
