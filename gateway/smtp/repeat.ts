/**
 * A message that comes again because its client never heard our 250: answered as the first time, and taken once.
 *
 *   begun ──durable──> said ──the client speaks on, or hangs up in peace──> forgotten
 *                        └──the connection breaks─┐
 *     └──the client is gone before we can answer──┴──> lost ──10 min, or its repeat's answer is heard──> forgotten
 *
 * Only `lost` (and `begun` by a client that is gone) makes a repeat. Whoever had its 250, or may have had it, and sends the
 * same again means it twice. It is the same by account, recipients with what they want to hear, and every byte as the
 * client wrote it: what our edits add bears the time.
 * Held in memory: after a crash of ours a client that sends again is taken for one that means it twice.
 */
import type { Hash } from 'node:crypto'
import type { Submission } from './submission.ts'

export type Answer = {
  /** Nobody heard it. */
  lost(): void
  /** Somebody may have heard it. */
  heard(): void
}

export type Attempt = Answer & {
  /** The message is durable under this id. */
  taken(id: string): void
  failed(): void
}

/** @param before the id that the message was taken under */
export type Repeat = Answer & { before: string }

export type Repeats = {
  begin(name: string, isGone: () => boolean): Promise<Repeat | Attempt>
}

type Entry = { id: Promise<string | undefined>; isLost: boolean; isGone: () => boolean; until: number }

/** Clients try again within minutes; RFC 5321 §4.5.4.1 has servers wait 30 min, people do not. */
const KEPT_MS = 10 * 60_000
/** Some 200 bytes each. More broken connections in ten minutes are no accident. */
const KEPT_MAX = 10_000

export const openRepeats = (now: () => number): Repeats => {
  const entries = new Map<string, Entry>()
  const sweep = () => {
    for (const [name, { until }] of entries) {
      if (until > now() && entries.size < KEPT_MAX) return // in the order of their time
      entries.delete(name)
    }
  }
  return {
    async begin(name, isGone) {
      const forget = (entry: Entry) => {
        if (entries.get(name) === entry) entries.delete(name)
      }
      sweep()
      const before = entries.get(name)
      if (before && (before.isLost || before.isGone())) {
        const id = await before.id
        if (id !== undefined) return { before: id, lost() {}, heard: () => forget(before) }
      }
      let settle: (id: string | undefined) => void = () => {}
      const id = new Promise<string | undefined>((resolve) => {
        settle = resolve
      })
      const entry: Entry = { id, isLost: false, isGone, until: now() + KEPT_MS }
      entries.delete(name) // to stand last
      entries.set(name, entry)
      return {
        taken: settle,
        failed() {
          settle(undefined)
          forget(entry)
        },
        lost() {
          entry.isLost = true
        },
        heard: () => forget(entry),
      }
    },
  }
}

/** What makes it the same message. @param sent a hash that has taken in its bytes; it ends here */
export const nameOfSubmission = (given: Omit<Submission, 'id' | 'at'>, sent: Hash): string => {
  const { account, ret, envid, holdUntil, deliverBy } = given
  const recipients = given.recipients.map(({ address, notify, orcpt }) => [address, [...notify].sort(), orcpt ?? ''])
  const parts = [account, ret, envid ?? '', holdUntil !== undefined, deliverBy?.mode ?? '', recipients.sort()]
  return sent.update(JSON.stringify(parts)).digest('base64')
}
