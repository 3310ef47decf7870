/**
 * How much an account keeps, and how much it may: the sizes of its messages, each counted in every mailbox it is in
 * (RFC 9208 §5.1, STORAGE). Counted in the transaction that adds or removes them.
 *
 * The limit binds what a mail client puts here. What is delivered is kept out at the door instead (`isFull`), and
 * what the gateway itself has to tell is always kept. So an account may be over its limit, by a message or two.
 */
import { Refusal } from '../src/refusal.ts'
import type { Db, Keeping, Tx } from './db.ts'

/** Bytes. `limit` Infinity: none. */
type Quota = { used: number; limit: number }

/** `own` 0: this account has no limit, whatever others have. */
const limitOf = (own: number | null, usual: number): number => (own === 0 ? Number.POSITIVE_INFINITY : (own ?? usual))

/** @param usual the limit of accounts that have none of their own */
export const quotaOf = async (db: Db, account: number, usual: number): Promise<Quota> => {
  const sql = 'SELECT used_bytes AS used, quota_bytes AS own FROM account WHERE id = ?'
  const row = db.keeping.get(account) ?? (await db.read.one<Keeping>(sql, [account]))
  return { used: row?.used ?? 0, limit: limitOf(row?.own ?? null, usual) }
}

/** Whether no more is to be delivered: one message may go beyond the limit, or a large one would never come. */
export const isFull = async (db: Db, account: number, usual: number): Promise<boolean> => {
  const { used, limit } = await quotaOf(db, account, usual)
  return used >= limit
}

/** @param own bytes; 0 for no limit, null for the usual one. @returns whether there is such an account */
export const setQuota = (db: Db, account: number, own: number | null): Promise<boolean> =>
  db.transaction(async (tx) => {
    const sql = `UPDATE account SET quota_bytes = ? WHERE id = ? RETURNING ${columns}`
    const rows = await tx.all<Row>(sql, [own, account])
    remember(tx, rows)
    return rows.length > 0
  })

/**
 * Messages came or went: by account, how many bytes.
 *
 * @param usual if given, growth beyond the limit is refused
 * @throws Refusal mailbox-full
 */
export const charge = async (tx: Tx, growth: ReadonlyMap<number, number>, usual?: number): Promise<void> => {
  if (growth.size === 0) return
  const isSeen = [...growth.keys()].every((account) => tx.seen.accounts.has(account)) // as after `takeNumbers`
  const rows = await (isSeen ? countOn(tx, growth) : readOn(tx, growth))
  refuseBeyond(rows, growth, usual)
  remember(tx, rows)
}

const refuseBeyond = (rows: readonly Row[], growth: ReadonlyMap<number, number>, usual: number | undefined): void => {
  if (usual === undefined) return
  if (rows.some(({ id, used, own }) => (growth.get(id) ?? 0) > 0 && used > limitOf(own, usual)))
    throw new Refusal('mailbox-full', 'Your mailbox has no room for that; delete some mail, and empty the Trash')
}

/** A trip less: nothing has to be read. */
const countOn = async (tx: Tx, growth: ReadonlyMap<number, number>): Promise<Row[]> => {
  const sql = `UPDATE account SET used_bytes = used_bytes + grown.bytes
    FROM (SELECT value ->> 0 AS account, value ->> 1 AS bytes FROM json_each(?1)) AS grown WHERE account.id = grown.account`
  await tx.later(sql, [JSON.stringify([...growth])])
  return [...growth].map(([id, bytes]) => {
    const { used = 0, own = null } = tx.seen.accounts.get(id) ?? {}
    return { id, used: used + bytes, own }
  })
}

const readOn = (tx: Tx, growth: ReadonlyMap<number, number>): Promise<Row[]> =>
  tx.all<Row>(
    `UPDATE account SET used_bytes = used_bytes + CASE id ${'WHEN ? THEN ? '.repeat(growth.size)}END
     WHERE id IN (?*) RETURNING ${columns}`,
    [...[...growth].flat(), [...growth.keys()]],
  )

type Row = Keeping & { id: number }
const columns = 'id, used_bytes AS used, quota_bytes AS own'

const remember = (tx: Tx, rows: readonly Row[]): void => {
  for (const { id, used, own } of rows) tx.seen.accounts.set(id, { used, own })
  tx.afterCommit(() => {
    for (const { id, used, own } of rows) tx.keeping.set(id, { used, own })
  })
}
