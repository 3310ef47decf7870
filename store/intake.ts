/**
 * Submissions that are durable and not yet delivered, in the order they came. What `given` holds is the caller's.
 */
import type { Source, Tx } from './db.ts'

export type Waiting = { id: number; given: string; bytes: Buffer }

export const keepWaiting = (tx: Tx, rows: readonly Omit<Waiting, 'id'>[]): Promise<void> =>
  tx.insertMany(
    'intake',
    ['given', 'bytes'],
    rows.map(({ given, bytes }) => [given, bytes]),
  )

/** The next after one of them. */
export const nextWaiting = (from: Source, after: number, limit: number): Promise<Waiting[]> =>
  from.read.all(`SELECT id, given, bytes FROM intake WHERE id > ? ORDER BY id LIMIT ${limit}`, [after])

/** How many there are, and how large they are together. */
export const countWaiting = async (from: Source): Promise<{ rows: number; bytes: number }> => {
  const found = await from.read.one<{ rows: number; bytes: number }>(
    'SELECT count(*) AS "rows", COALESCE(sum(octet_length(bytes)), 0) AS bytes FROM intake',
  )
  return found ?? { rows: 0, bytes: 0 }
}

/** In the transaction that delivers them. */
export const dropWaiting = async (tx: Tx, ids: readonly number[]): Promise<void> => {
  if (ids.length > 0)
    await tx.later('DELETE FROM intake WHERE id IN (SELECT value FROM json_each(?1))', [JSON.stringify(ids)])
}
