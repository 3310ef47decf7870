/**
 * Uids and modseqs, given out per mailbox (RFC 9051 §2.3.1.1, RFC 7162 §3.1).
 *
 * Every transaction that changes a mailbox takes one modseq of it, and as many uids as it adds.
 * Writers are alone, so what was read here still stands when it is written, and when the next takes numbers.
 */
import { Refusal } from '../src/refusal.ts'
import type { Keeping, Numbering, Tx } from './db.ts'

/** `uid` is the first of those taken. */
export type Numbers = Numbering & { uid: number }

/**
 * With a mailbox its account is seen, and what that keeps: quota.ts.
 *
 * @param counts how many uids each mailbox needs, 0 for a modseq alone
 * @throws Refusal mailbox-missing, if a mailbox is gone
 */
export const takeNumbers = async (tx: Tx, counts: ReadonlyMap<number, number>): Promise<Map<number, Numbers>> => {
  if (counts.size === 0) return new Map()
  const isKnown = (id: number) => tx.seen.accounts.has(tx.seen.mailboxes.get(id)?.account ?? 0)
  await ([...counts.keys()].every(isKnown) ? countOn(tx, counts) : readOn(tx, counts))
  const taken = new Map<number, Numbers>()
  for (const [id, count] of counts) {
    const now = tx.seen.mailboxes.get(id)
    if (now) taken.set(id, { ...now, uid: now.uidNext - count })
  }
  return taken
}

/** A trip less: nothing has to be read. */
const countOn = async (tx: Tx, counts: ReadonlyMap<number, number>): Promise<void> => {
  for (const [id, count] of counts) {
    const was = tx.seen.mailboxes.get(id)
    if (was) tx.seen.mailboxes.set(id, { ...was, uidNext: was.uidNext + count, modseq: was.modseq + 1 })
  }
  const sql = `UPDATE mailbox SET uid_next = uid_next + taken.uids, highest_modseq = highest_modseq + 1
    FROM (SELECT value ->> 0 AS mailbox, value ->> 1 AS uids FROM json_each(?1)) AS taken WHERE mailbox.id = taken.mailbox`
  await tx.later(sql, [JSON.stringify([...counts])])
}

const readOn = async (tx: Tx, counts: ReadonlyMap<number, number>): Promise<void> => {
  const added = `CASE id ${'WHEN ? THEN ? '.repeat(counts.size)}END`
  const rows = await tx.all<Numbering & Keeping & { id: number }>(
    `UPDATE mailbox SET uid_next = uid_next + ${added}, highest_modseq = highest_modseq + 1 WHERE id IN (?*)
     RETURNING id, account, uid_next AS "uidNext", highest_modseq AS modseq, vanished_after AS "vanishedAfter",
       (SELECT used_bytes FROM account WHERE account.id = mailbox.account) AS used,
       (SELECT quota_bytes FROM account WHERE account.id = mailbox.account) AS own`,
    [...[...counts].flat(), [...counts.keys()]],
  )
  if (rows.length < counts.size) throw new Refusal('mailbox-missing', 'the folder is gone')
  if (tx.seen.mailboxes.size > SEEN_MAX) tx.seen.forget()
  for (const { id, account, used, own, ...numbers } of rows) {
    tx.seen.mailboxes.set(id, { account, ...numbers })
    tx.seen.accounts.set(account, { used, own })
  }
}

/** Mailboxes lately written to; some 200 bytes each. */
const SEEN_MAX = 10_000

/** How often each id is named. */
export const countBy = (ids: Iterable<number>): Map<number, number> => {
  const counts = new Map<number, number>()
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}
