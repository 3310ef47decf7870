/**
 * One envelope at one holder. The states, what is durable in each, and how each is left:
 *
 *   spooled  (origin only) the submitted bytes; 250 was said      --sealed--> waiting
 *   waiting  payload, envelope, stamps so far, hops that failed   --a next hop--> handing
 *   handing  the same, and the next hop                           --ACCEPTED--> handed | --refusal, fault--> waiting
 *   handed   the receipt; the payload is still kept               --final report--> done | --silence--> handing, another path
 *   done     the outcome, remembered until twice the expiry       --> forgotten
 *
 * Expiry leads from any of them to done. A destination goes to done at once: mailbox insert, this row and the report
 * owed are one transaction; unless another server keeps the mail (lodge.ts). A crash in any state is answered by the
 * event `due`, which the engine raises for every row not done when it starts.
 * Times are epoch ms.
 */
import { createHash } from 'node:crypto'
import { defaultPolicy, type Policy } from '../complaint/policy.ts'
import type { Verdict } from '../complaint/verdict.ts'
import { keyOf, type Priority, priorityOf } from '../envelope/envelope.ts'
import type { RefusalCode } from '../refusal.ts'
import type { TrailStep } from '../report/report.ts'

export type Custody = {
  key: string
  id: string
  origin: string
  role: 'origin' | 'relay' | 'destination'
  state: 'spooled' | 'waiting' | 'handing' | 'handed' | 'done'
  /** The recipient; not known at the origin while the address is still looked for. */
  to?: string
  /** Origin only: the submission, and the address as typed. The entity that wrote it is known at both ends. */
  submission?: string
  sender?: string
  address?: string
  messageId?: string
  /** Origin only: the agent the recipient's card named when it was handed on; they may have moved since. */
  agent?: string
  /** The stored bytes: as submitted while spooled, the sealed payload after; null when done. */
  body: number | null
  envelope?: string
  /** The payload's SHA-256, hex. */
  hash?: string
  stamps: string[]
  /** Agents that have had it, origin first, us last. */
  path: string[]
  from?: string
  next?: string
  /** The way on as the last holder saw it, without us; and as we advise the next hop, without it. */
  advice: string[]
  onward: string[]
  /** `isBroke`: it has no credit for us, or we none with it. */
  avoid: { by: string; until: number; at?: number; isBroke?: true }[]
  /** The last final no of a hop on the way: told, should no other way be found. */
  blocked?: RefusalCode
  /**
   * Neighbours it was handed to; all of them are heard. Whoever has not said no may have it, receipt
   * or not. `again`: an earlier copy got no answer, so that a no to a later one may not speak of both:
   * what that neighbour reports counts, until it says no to the next copy, too.
   */
  tried: { by: string; saidNo: boolean; again?: true }[]
  /** Neighbours that took it and were silent for too long: they may have it still, and get it no more. */
  stalled?: string[]
  /** Relay only: neighbours that brought another copy; they hear what `from` hears. */
  also?: string[]
  /** When a way round the neighbour that it waits for was last looked for. */
  soughtAt?: number
  /** Relay only: `from` has been told that it can't be handed on at present. */
  isLate?: true
  size: number
  priority: Priority
  created: number
  expires: number
  acceptedAt?: number
  /** Relay only: our patience ends before the envelope's life does. */
  keepUntil?: number
  /** Earliest next try; null when only an event can move it on. */
  retryAt: number | null
  attempts: number
  /** What a row waits for beside its time: `up:<agent>` or `who:<target>`. */
  awaits: string | null
  /** Origin only: when to tell the sender of a delay; null once told. */
  delayAt: number | null
  /** Origin only: its sender was told that two keys claim the address. */
  isDisputed?: true
  /** Given by the recipient's agent: the recipient knows the sender, and nothing is reserved for it. */
  permit?: string
  /** What it weighs with whoever handed it to us, and with each neighbour that took it, until it is judged: meter.ts. */
  reserved?: number
  lent?: { to: string; weight: number }[]
  /** Origin only: not before then, as its sender asked (FUTURERELEASE); its life begins there. */
  heldUntil?: number
  /** An administrator holds it back: it stays as it is until it is released, dropped, or its time is over. by-hand.ts */
  isHeldBack?: true
  /** Origin only: given up then, as its sender asked (DELIVERBY), however long it would else be tried. */
  returnAt?: number
  /** For somebody here whose mail another server keeps: recipient and sender as that server is told (lodge.ts). */
  lodge?: { to: string; from: string }
  /** When it counts as wanted if nobody has judged it by then. */
  judgeBy?: number
  /** It weighs nowhere any more: nobody can complain about it. */
  isJudged?: true
  verdict?: Verdict
  trail: TrailStep[]
  outcome?: { event: 'delivered' | 'refused' | 'expired'; code?: RefusalCode; by: string; at: number }
}

/** A message of somebody here before anything has become of it: what differs from one to the next is given. */
export const unsent = (me: string, given: Unsent): Custody => ({
  ...given,
  key: keyOf(me, given.id),
  origin: me,
  role: 'origin',
  state: 'spooled',
  stamps: [],
  path: [me],
  advice: [],
  onward: [],
  avoid: [],
  tried: [],
  priority: priorityOf(given.size),
  attempts: 0,
  awaits: null,
  trail: [],
})
type Unsent = Pick<Custody, 'id' | 'body' | 'size' | 'created' | 'expires' | 'retryAt' | 'delayAt'> &
  Partial<
    Pick<Custody, 'to' | 'submission' | 'sender' | 'address' | 'messageId' | 'permit' | 'returnAt' | 'isHeldBack'>
  >

/** How long things are tried and waited for, as the administrator set it. */
export type Terms = {
  /** The sender hears of a delay after this long. */
  delayMs: number
  /** Given up: somebody known but out of reach; an address that no search has found. */
  knownLifeMs: number
  unknownLifeMs: number
  /** The hop deadline: who has heard nothing for twice as long tries another path. The second: for a neighbour often away. */
  hopMs: number
  awayHopMs: number
  /** Kept for a neighbour that is away: so much, and so long. */
  heldBytes: number
  heldMs: number
  /** Searches we begin in a minute; and those a neighbour may bring at once, and one more every so often. */
  searchesPerMinute: number
  queryBurst: number
  queryEveryMs: number
  /** What happens to somebody here about whom others complain. */
  policy: Policy
}
export const defaultTerms: Terms = {
  delayMs: 2 * 3_600_000,
  knownLifeMs: 5 * 86_400_000,
  unknownLifeMs: 86_400_000,
  hopMs: 15 * 60_000,
  awayHopMs: 6 * 3_600_000,
  heldBytes: 100 * 2 ** 20,
  heldMs: 14 * 86_400_000,
  searchesPerMinute: 10,
  queryBurst: 20,
  queryEveryMs: 5000,
  policy: defaultPolicy,
}

/** An origin that handed its envelope on waits this long past the expiry for the report that says so. */
export const LAST_WORD_MS = 30 * 60_000
/** A letter is sealed in seconds, a gigabyte in minutes: what is not sealed by then met a fault and is sealed anew. */
export const SEAL_GUARD_MS = 5 * 60_000
/** How long a hop that refused is left alone for this envelope: as long as the usual hop deadline. */
export const AVOID_MS = 15 * 60_000

/** A hand-over that has said nothing for this long is taken up again: a guard, the link has its own time-outs. */
export const HAND_GUARD_MS = 3_600_000

const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 5 * 60_000

/**
 * Exponential backoff from 1 s to 5 min, spread over ± 25 % by the key itself: decisions draw
 * no random numbers, and envelopes that failed together must not return together.
 */
export const backoffMs = (key: string, attempts: number): number => {
  const base = Math.min(FIRST_RETRY_MS * 2 ** attempts, LONGEST_RETRY_MS)
  const spread = createHash('sha256').update(`${key}${attempts}`).digest().readUInt16BE(0) / 0xffff
  return Math.round(base * (0.75 + spread / 2))
}

/** No wait for the next try is as long but the sender's own: the clock was set back since. */
export const waitsTooLong = (row: Custody, now: number): boolean =>
  (row.state === 'spooled' || row.state === 'waiting') &&
  (row.heldUntil ?? 0) <= now &&
  (row.retryAt ?? 0) > now + 2 * LONGEST_RETRY_MS

/** When the engine must look at the row again, whatever happens. What is held back has no next try, only its end. */
export const dueAt = (row: Custody): number => {
  if (row.state === 'done') return isUnjudged(row) ? (row.judgeBy ?? forgetAt(row)) : forgetAt(row)
  const times = [lastMoment(row)]
  if (row.retryAt !== null && !row.isHeldBack) times.push(row.retryAt)
  if (row.delayAt !== null) times.push(row.delayAt)
  return Math.min(...times)
}

/**
 * When it is given up here. Whoever handed it on, receipt or not, leaves the last word to those
 * further on: it listens past the expiry, the longer the nearer it is to the origin, so that a
 * delivery in the last minute is not reported as a failure by somebody who only heard nothing. So it does
 * with a server that is taking it this moment.
 */
export const lastMoment = (row: Custody): number => {
  const end = Math.min(row.expires, row.keepUntil ?? row.expires)
  const isGivenAway = mayBeElsewhere(row) || (row.lodge !== undefined && row.state === 'handing')
  return isGivenAway ? end + Math.floor(LAST_WORD_MS / row.path.length) : end
}

/** Whether a neighbour may have it, not counting `but`: it was handed it, and has not said no. */
export const mayBeElsewhere = ({ tried }: Pick<Custody, 'tried'>, but?: string): boolean =>
  tried.some((one) => one.by !== but && !one.saidNo)

/** The neighbour that it waits for here, where that counts against what we keep for anybody. */
export const heldFor = (row: Custody | undefined): string | undefined =>
  row?.role === 'relay' && row.state === 'waiting' && row.awaits?.startsWith('up:') ? row.awaits.slice(3) : undefined

/** What a row counts beside its payload: it and what is reported of it take some kilobytes, however small the payload is. */
export const ROW_BYTES = 16 * 1024

/** The neighbour that brought it, as long as it lies here for others, whatever it waits for. */
export const broughtBy = (row: Custody | undefined): string | undefined =>
  row?.role === 'relay' && row.state !== 'done' ? row.from : undefined

/**
 * (origin, id) is remembered until twice the expiry, so that a late copy is known as a repeat; and
 * never less than that, whatever another's clock or malice wrote into `created`.
 */
export const forgetAt = (row: Custody): number =>
  Math.max(row.expires + Math.max(LAST_WORD_MS, row.expires - row.created), row.judgeBy ?? 0)

/** Whether credit is still reserved for it: it can be complained about, and is remembered so long. */
export const isUnjudged = ({ reserved, lent = [] }: Custody): boolean => reserved !== undefined || lent.length > 0
