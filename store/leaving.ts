/**
 * Messages that left their mailbox for good.
 *
 *   in a mailbox --expunge--> left (in none) --clearLeft--> gone, its body with its last holder
 *
 * Between the two they can be read by their id: a session that was not told yet still shows them (RFC 2180 §4.1.1,
 * RFC 9051 §5.5). Nobody else finds them, for all look by mailbox. What a crash leaves is cleared at the start.
 */
import { dropRefs } from './blob.ts'
import type { Sink } from './db.ts'
import { noteGone } from './unindexed.ts'

/** Others wait for their commit as long as one page takes. */
const PAGE = 200

/**
 * @param shown ids that a session still shows
 * @returns how many went
 */
export const clearLeft = async (db: Sink, shown: readonly number[] = []): Promise<number> => {
  for (let count = 0; ; ) {
    const page = await db.transaction(async (tx) => {
      const left = await tx.range<{ id: number; body: number }>(
        `SELECT id, body FROM message WHERE mailbox IS NULL AND id NOT IN (?*) LIMIT ${PAGE}`,
        [shown],
      )
      const ids = left.map(({ id }) => id)
      await tx.run('DELETE FROM message WHERE id IN (?*)', [ids])
      await noteGone(tx, ids)
      await dropRefs(
        tx,
        left.map(({ body }) => body),
      )
      return left.length
    })
    count += page
    if (page < PAGE) return count
  }
}
