/**
 * Names that stay subscribed though their mailbox is gone: only the client that subscribed takes that back
 * (RFC 9051 §6.3.7). A mailbox that is there knows itself whether it is subscribed (mailbox.ts).
 */
import type { Source, Tx } from './db.ts'

/** Beyond, the oldest are forgotten: a client that makes and removes folders all day asked for none of it. */
const KEPT_MAX = 1000

/** In code point order. */
export const lost = async (from: Source, account: number): Promise<string[]> => {
  const sql = 'SELECT name FROM lost_subscription WHERE account = ? ORDER BY name'
  return (await from.read.all<{ name: string }>(sql, [account])).map(({ name }) => name)
}

export const keepLost = async (tx: Tx, account: number, name: string): Promise<void> => {
  await tx.run('INSERT INTO lost_subscription (account, name) VALUES (?, ?)', [account, name])
  const tooMany = 'SELECT id FROM lost_subscription WHERE account = ? ORDER BY id DESC LIMIT 1000 OFFSET ?'
  await tx.run(`DELETE FROM lost_subscription WHERE id IN (${tooMany})`, [account, KEPT_MAX])
}

/** @returns whether it was one */
export const dropLost = async (tx: Tx, account: number, name: string): Promise<boolean> =>
  (await tx.run('DELETE FROM lost_subscription WHERE account = ? AND name = ?', [account, name])).changes > 0
