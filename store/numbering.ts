/**
 * Uids and modseqs, given out per mailbox (RFC 9051 §2.3.1.1, RFC 7162 §3.1).
 *
 * Every transaction that changes a mailbox takes one modseq of it, and as many uids as it adds.
 * Writers are alone, so what was read here still stands when it is written.
 */
import { Refusal } from '../src/refusal.ts'
import type { Keeping, Tx } from './db.ts'

/** `uid` is the first of those taken; `vanishedAfter` as in vanished.ts. */
export type Numbers = { account: number; uid: number; modseq: number; vanishedAfter: number }

/**
 * With them comes what the account keeps (quota.ts), which is another statement's trip less.
 *
 * @param counts how many uids each mailbox needs, 0 for a modseq alone
 * @throws Refusal mailbox-missing, if a mailbox is gone
 */
export const takeNumbers = async (
  tx: Tx,
  counts: ReadonlyMap<number, number>,
): Promise<Map<number, Numbers & Keeping>> => {
  if (counts.size === 0) return new Map()
  const added = `CASE id ${'WHEN ? THEN ? '.repeat(counts.size)}END`
  const rows = await tx.all<Omit<Numbers, 'uid'> & Keeping & { id: number; uidNext: number }>(
    `UPDATE mailbox SET uid_next = uid_next + ${added}, highest_modseq = highest_modseq + 1 WHERE id IN (?*)
     RETURNING id, account, uid_next AS "uidNext", highest_modseq AS modseq, vanished_after AS "vanishedAfter",
       (SELECT used_bytes FROM account WHERE account.id = mailbox.account) AS used,
       (SELECT quota_bytes FROM account WHERE account.id = mailbox.account) AS own`,
    [...[...counts].flat(), [...counts.keys()]],
  )
  if (rows.length < counts.size) throw new Refusal('mailbox-missing', 'the folder is gone')
  return new Map(rows.map(({ id, uidNext, ...rest }) => [id, { ...rest, uid: uidNext - (counts.get(id) ?? 0) }]))
}

/** How often each mailbox is named. */
export const countBy = (mailboxes: Iterable<number>): Map<number, number> => {
  const counts = new Map<number, number>()
  for (const mailbox of mailboxes) counts.set(mailbox, (counts.get(mailbox) ?? 0) + 1)
  return counts
}
