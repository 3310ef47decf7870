/**
 * One envelope at one holder. The states, what is durable in each, and how each is left:
 *
 *   spooled  (origin only) the submitted bytes; 250 was said      --sealed--> waiting
 *   waiting  payload, envelope, stamps so far, hops that failed   --a next hop--> handing
 *   handing  the same, and the next hop                           --ACCEPTED--> handed | --refusal, fault--> waiting
 *   handed   the receipt; the payload is still kept               --final report--> done
 *   done     the outcome, remembered until twice the expiry       --> forgotten
 *
 * Expiry leads from any of them to done. A destination goes to done at once: mailbox insert,
 * this row and the report owed are one transaction. A crash in any state is answered by the
 * event `due`, which the engine raises for every row not done when it starts.
 * Times are epoch ms.
 */
import { createHash } from 'node:crypto'
import type { Priority } from '../envelope/envelope.ts'
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
  /** Origin only: the submission and the address as typed. */
  submission?: string
  address?: string
  messageId?: string
  /** The stored bytes: as submitted while spooled, the sealed payload after; null when done. */
  body: number | null
  envelope?: string
  stamps: string[]
  /** Agents that have had it, origin first, us last. */
  path: string[]
  from?: string
  next?: string
  /** The way on as the last holder saw it, without us; and as we advise the next hop, without it. */
  advice: string[]
  onward: string[]
  avoid: { by: string; until: number }[]
  size: number
  priority: Priority
  created: number
  expires: number
  acceptedAt?: number
  /** Earliest next try; null when only an event can move it on. */
  retryAt: number | null
  attempts: number
  /** What a waiting row waits for: `up:<agent>` or `who:<target>`. */
  awaits: string | null
  delayTold: boolean
  trail: TrailStep[]
  outcome?: { event: 'delivered' | 'refused' | 'expired'; code?: RefusalCode; by: string; at: number }
}

/** The sender hears of a delay after this long. */
export const DELAY_MS = 2 * 3_600_000
/** Given up: somebody known but out of reach; an address that no search has found. */
export const KNOWN_LIFE_MS = 5 * 86_400_000
export const UNKNOWN_LIFE_MS = 86_400_000
/** An origin that handed its envelope on waits this long past the expiry for the report that says so. */
export const LAST_WORD_MS = 30 * 60_000
/** How long a hop that refused is left alone for this envelope. */
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

/** When the engine must look at the row again, whatever happens. */
export const dueAt = (row: Custody): number => {
  if (row.state === 'done') return forgetAt(row)
  const times = [lastMoment(row)]
  if (row.retryAt !== null) times.push(row.retryAt)
  if (row.role === 'origin' && !row.delayTold) times.push(row.created + DELAY_MS)
  return Math.min(...times)
}

/** When it is given up here. The origin leaves the last word to whoever has custody. */
export const lastMoment = (row: Custody): number =>
  row.role === 'origin' && row.state === 'handed' ? row.expires + LAST_WORD_MS : row.expires

/** (origin, id) is remembered until twice the expiry, so that a late copy is known as a repeat. */
export const forgetAt = (row: Custody): number => row.expires + (row.expires - row.created)
