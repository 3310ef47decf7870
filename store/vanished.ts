/**
 * Which uids left a mailbox, and at which modseq: what a client that was away is told first (RFC 7162 §3.2.10.1).
 *
 * Kept for the last HORIZON changes of a mailbox at least, and for twice as many at most. What left before that is
 * not forgotten altogether: whoever asks is told every uid that is not there, which is as right, only longer.
 * `mailbox.vanished_after` is the modseq up to which that is so.
 */
import type { Source, Tx } from './db.ts'
import type { Numbers } from './numbering.ts'
import { type Range, runsOf } from './range.ts'

/** Whoever deletes a hundred letters a day, one by one, and is away for a year, is within it. */
const HORIZON = 65_536

/** @param uids ascending */
export const keepVanished = async (
  tx: Tx,
  mailbox: number,
  { modseq, vanishedAfter }: Pick<Numbers, 'modseq' | 'vanishedAfter'>,
  uids: readonly number[],
  horizon = HORIZON,
): Promise<void> => {
  const rows = runsOf(uids).map(({ from, to }) => [mailbox, modseq, from, to])
  await tx.insertMany('vanished', ['mailbox', 'modseq', 'first', 'last'], rows)
  if (modseq - vanishedAfter <= 2 * horizon) return
  await tx.run('DELETE FROM vanished WHERE mailbox = ? AND modseq <= ?', [mailbox, modseq - horizon])
  await tx.run('UPDATE mailbox SET vanished_after = ? WHERE id = ?', [modseq - horizon, mailbox])
  tx.seen.mailboxes.delete(mailbox)
}

/**
 * What left after a modseq, in no order, and perhaps a uid twice.
 *
 * @returns undefined if that is too long ago: then whatever is not there may have left
 */
export const vanishedSince = async (from: Source, mailbox: number, modseq: number): Promise<Range[] | undefined> => {
  const runs = await from.read.range<Range>(
    'SELECT first AS "from", last AS "to" FROM vanished WHERE mailbox = ? AND modseq > ?',
    [mailbox, modseq],
  )
  // Asked second: what was forgotten while the runs were read is noticed.
  const row = await from.read.one<{ after: number }>('SELECT vanished_after AS "after" FROM mailbox WHERE id = ?', [
    mailbox,
  ])
  return row && row.after > modseq ? undefined : runs
}
