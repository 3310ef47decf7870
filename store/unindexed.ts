/**
 * What the full-text index (text-index.ts) is yet to learn of the messages: which came, which are gone.
 */
import type { Sink, Source, Tx } from './db.ts'
import { bodyTexts, headers } from './text.ts'
import type { TextIndex, Texts } from './text-index.ts'

/** One batch: so many messages, or so many bytes of them. Read and folded in some 10 ms; the rest is another thread's. */
const BATCH = 40
const BATCH_BYTES = 256 << 10

/** Indexes the next messages. @returns false if there were none */
export const indexNext = async (from: Source, index: TextIndex): Promise<boolean> => {
  const upTo = await index.upTo()
  const next = await from.read.range<{ id: number; account: number | null; size: number }>(
    `SELECT message.id AS id, account, size FROM message LEFT JOIN mailbox ON mailbox.id = message.mailbox
     WHERE message.id > ? ORDER BY message.id LIMIT ${BATCH}`,
    [upTo],
  )
  let bytes = 0
  const batch = next.filter(({ size }, i) => {
    bytes += size
    return i === 0 || bytes <= BATCH_BYTES
  })
  const last = batch.at(-1)
  if (!last) return false
  await index.add(await textsOf(from, batch), last.id)
  return true
}

const textsOf = async (
  from: Source,
  batch: readonly { id: number; account: number | null; size: number }[],
): Promise<Texts[]> => {
  const bodies = await bodyTexts(from, batch)
  const facts = await headers(from, [...bodies.keys()])
  return batch.flatMap(({ id, account }) => {
    const [header, below] = [facts.get(id), bodies.get(id)]
    const isThere = account !== null && header !== undefined && below !== undefined // else it left its mailbox
    return isThere ? [{ id, account, header, ...below }] : []
  })
}

/** Notes in the transaction in which messages go for good that their texts have to, too. */
export const noteGone = (tx: Tx, ids: readonly number[]): Promise<void> =>
  tx.insertMany(
    'unindexed',
    ['message'],
    ids.map((id) => [id]),
    { key: ['message'], update: [] },
  )

const GONE_PAGE = 500

/** Takes the next texts out that are noted. @returns false if there were none */
export const forgetNext = async (db: Sink, index: TextIndex): Promise<boolean> => {
  const gone = await db.read.range<{ id: number }>(
    `SELECT message AS id FROM unindexed ORDER BY message LIMIT ${GONE_PAGE}`,
  )
  if (gone.length === 0) return false
  const ids = gone.map(({ id }) => id)
  await index.remove(ids)
  await db.transaction((tx) => tx.run('DELETE FROM unindexed WHERE message IN (?*)', [ids]))
  return true
}
