/**
 * How mailboxes stand, for STATUS: what a session shows is counted from its rows, the rest by the database, to which
 * ten thousand messages are milliseconds.
 *
 * The rows count only if they are of the same moment as the mailbox: a client takes HIGHESTMODSEQ and UIDNEXT for
 * what it may rely on, so they must not be of a later one than the numbers beside them (RFC 7162 §3.1.2.1).
 */
import { flag } from '../../../store/change.ts'
import { type Mailbox, type Status, statuses } from '../../../store/mailbox.ts'
import type { Edge } from '../edge.ts'
import type { View } from './view.ts'

/** By id; those gone meanwhile are not in it. @param asked items of STATUS: others are not counted, but 0 */
export const standings = async (
  { store, watch }: Pick<Edge, 'store' | 'watch'>,
  mailboxes: readonly Mailbox[],
  asked: readonly string[],
): Promise<Map<number, Status>> => {
  const standing = new Map<number, Status>()
  for (const mailbox of mailboxes) {
    const view = watch.view(mailbox.id)
    if (view?.modseq === mailbox.highestModseq) standing.set(mailbox.id, counted(mailbox, view, asked))
  }
  const others = mailboxes.filter(({ id }) => !standing.has(id)).map(({ id }) => id)
  if (others.length > 0) for (const status of await statuses(store.db, others)) standing.set(status.id, status)
  return standing
}

const counted = (mailbox: Mailbox, view: View, asked: readonly string[]): Status => {
  const { id, uidNext, uidValidity, highestModseq, recentFrom } = mailbox
  const unseen = view.unseen.among(view)
  const [messages, recent] = [view.total, view.countFrom(recentFrom)]
  const counts = { unseen: unseen?.size ?? 0, size: 0, deleted: 0, deletedSize: 0 }
  if (!unseen || asked.some((item) => LOOKED_FOR.has(item))) lookFor(view, counts)
  return { id, uidNext, uidValidity, highestModseq, messages, recent, ...counts }
}

/** Items for which all rows are looked at. */
const LOOKED_FOR: ReadonlySet<string> = new Set(['SIZE', 'DELETED', 'DELETED-STORAGE'])

const lookFor = (view: View, counts: Pick<Status, 'unseen' | 'size' | 'deleted' | 'deletedSize'>): void => {
  counts.unseen = 0
  view.eachRow(({ flags, size }) => {
    counts.size += size
    if ((flags & flag.seen) === 0) counts.unseen++
    if ((flags & flag.deleted) === 0) return
    counts.deleted++
    counts.deletedSize += size
  })
}
