/**
 * How mailboxes stand, for STATUS: what a session shows is counted from its rows, the rest by the database, to which
 * ten thousand messages are milliseconds.
 *
 * The rows count only if they are of the same moment as the mailbox: a client takes HIGHESTMODSEQ and UIDNEXT for
 * what it may rely on, so they must not be of a later one than the numbers beside them (RFC 7162 §3.1.2.1).
 */
import { flag } from '../../store/change.ts'
import { type Mailbox, type Status, statuses } from '../../store/mailbox.ts'
import type { Edge } from './edge.ts'
import type { View } from './view.ts'

/** By id; those gone meanwhile are not in it. */
export const standings = async (
  { store, watch }: Pick<Edge, 'store' | 'watch'>,
  mailboxes: readonly Mailbox[],
): Promise<Map<number, Status>> => {
  const standing = new Map<number, Status>()
  for (const mailbox of mailboxes) {
    const view = watch.view(mailbox.id)
    if (view?.modseq === mailbox.highestModseq) standing.set(mailbox.id, counted(mailbox, view))
  }
  const others = mailboxes.filter(({ id }) => !standing.has(id)).map(({ id }) => id)
  if (others.length > 0) for (const status of await statuses(store.db, others)) standing.set(status.id, status)
  return standing
}

const counted = ({ id, uidNext, uidValidity, highestModseq, recentFrom }: Mailbox, view: View): Status => {
  const counts = { messages: 0, recent: 0, unseen: 0, size: 0, deleted: 0, deletedSize: 0 }
  view.eachRow(({ uid, flags, size }) => {
    counts.messages++
    counts.size += size
    if (uid >= recentFrom) counts.recent++
    if ((flags & flag.seen) === 0) counts.unseen++
    if ((flags & flag.deleted) === 0) return
    counts.deleted++
    counts.deletedSize += size
  })
  return { id, uidNext, uidValidity, highestModseq, ...counts }
}
