/**
 * Uids and modseqs, given out per mailbox (RFC 9051 §2.3.1.1, RFC 7162 §3.1).
 *
 * Every transaction that changes a mailbox takes one modseq of it, and as many uids as it adds.
 * Writers are alone, so what was read here still stands when it is written.
 */
import { Refusal } from '../src/refusal.ts'
import type { Tx } from './db.ts'

/** `uid` is the first of those taken. */
export type Numbers = { account: number; uid: number; modseq: number }

/**
 * @param counts how many uids each mailbox needs, 0 for a modseq alone
 * @throws Refusal mailbox-missing, if a mailbox is gone
 */
export const takeNumbers = async (tx: Tx, counts: ReadonlyMap<number, number>): Promise<Map<number, Numbers>> => {
  const ids = [...counts.keys()]
  const rows = await tx.all<{ id: number; account: number; uidNext: number; modseq: number }>(
    'SELECT id, account, uid_next AS "uidNext", highest_modseq AS modseq FROM mailbox WHERE id IN (?*)',
    [ids],
  )
  if (rows.length < ids.length) throw new Refusal('mailbox-missing', 'the folder is gone')
  const next = rows.map(({ id, uidNext, modseq }) => [id, uidNext + (counts.get(id) ?? 0), modseq + 1])
  await tx.updateMany('mailbox', 'id', ['uid_next', 'highest_modseq'], next)
  return new Map(rows.map(({ id, account, uidNext, modseq }) => [id, { account, uid: uidNext, modseq: modseq + 1 }]))
}

/** How often each mailbox is named. */
export const countBy = (mailboxes: Iterable<number>): Map<number, number> => {
  const counts = new Map<number, number>()
  for (const mailbox of mailboxes) counts.set(mailbox, (counts.get(mailbox) ?? 0) + 1)
  return counts
}
