/**
 * Messages that left their mailbox for good.
 *
 *   in a mailbox --expunge--> left (in none) --clearLeft--> gone, its body with its last holder
 *
 * Between the two they can be read by their id: a session that was not told yet still shows them (RFC 2180 §4.1.1,
 * RFC 9051 §5.5). Nobody else finds them, for all look by mailbox. What a crash leaves is cleared at the start.
 */
import { dropRefs } from './blob.ts'
import type { Sink, Tx } from './db.ts'
import { noteGone } from './unindexed.ts'

/** Others wait for their commit as long as one page takes. */
const PAGE = 200

/**
 * @param shown ids that a session still shows
 * @returns how many went
 */
export const clearLeft = async (db: Sink, shown: () => Iterable<number> = () => []): Promise<number> => {
  const left = await db.read.range<{ id: number }>('SELECT id FROM message WHERE mailbox IS NULL')
  // Asked in a transaction: sessions have heard by then of all that were before it.
  const kept = new Set(await db.transaction(async () => shown()))
  const ids = left.flatMap(({ id }) => (kept.has(id) ? [] : [id]))
  let count = 0
  for (let at = 0; at < ids.length; at += PAGE) count += await clear(db, ids.slice(at, at + PAGE))
  return count
}

const clear = (db: Sink, page: readonly number[]): Promise<number> => db.transaction((tx) => clearSome(tx, page))

/** These, as far as they have left: whoever clears at the same time may have been first. */
export const clearSome = async (tx: Tx, ids: readonly number[]): Promise<number> => {
  const sql = 'SELECT id, body FROM message WHERE id IN (?*) AND mailbox IS NULL'
  const left = await tx.range<{ id: number; body: number }>(sql, [ids])
  const gone = left.map(({ id }) => id)
  await tx.run('DELETE FROM message WHERE id IN (?*)', [gone])
  await noteGone(tx, gone)
  await dropRefs(
    tx,
    left.map(({ body }) => body),
  )
  return left.length
}
