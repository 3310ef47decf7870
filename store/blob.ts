/**
 * Bodies: bytes kept exactly as they came, counted by those who hold them.
 *
 *   draft (spool.ts): not yet anybody's ──putBodies──> 1 holder ──addRefs──> n
 *   the last dropRefs takes the row, and the file once that is committed
 *
 * A body with one holder is counted by being there, one with more in the table `shared`.
 *
 * Small ones live in the table `body`, larger ones are files, `blob/xx/…`. What a crash leaves of them is for sweep.ts.
 */
import { open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Source, Tx } from './db.ts'
import { unlessThere } from './file.ts'
import { countBy } from './numbering.ts'
import { type BodyDraft, INLINE_MAX } from './spool.ts'

/** A new body, or one more holder of a kept one. */
export type BodySource = BodyDraft | { id: number } | CountedBody
/** A body whose holders the caller counts, all of them at once (`putCounted`). */
type CountedBody = { id: number; isCounted: true }

/** Parts of files up to this much are read at once, larger ones streamed. */
const READ_MAX = 1 << 20

/**
 * Keeps bodies, each with as many holders as times it is named.
 *
 * @returns an id for each source, in their order; the same draft twice is one body
 */
export const putBodies = async (tx: Tx, sources: readonly BodySource[]): Promise<number[]> => {
  const drafts = new Map<BodyDraft, number>()
  for (const source of sources) if (!('id' in source)) drafts.set(source, (drafts.get(source) ?? 0) + 1)
  let id = drafts.size > 0 ? tx.draw('body', drafts.size) : 0
  const bodies = [...drafts].map(([draft, holders]) => {
    drafts.set(draft, id)
    return { id: id++, draft, holders }
  })
  await putCounted(tx, bodies)
  await addRefs(
    tx,
    sources.flatMap((source) => ('id' in source && !('isCounted' in source) ? [source.id] : [])),
  )
  return sources.map((source) => ('id' in source ? source.id : (drafts.get(source) ?? 0)))
}

/** Keeps bodies under ids that were drawn for them before, each with its number of holders. */
export const putCounted = async (
  tx: Tx,
  bodies: readonly { id: number; draft: BodyDraft; holders: number }[],
): Promise<void> => {
  const cells = bodies.map(({ id, draft: { size, sha256, ...kept } }) => [
    id,
    size,
    sha256,
    'file' in kept ? kept.file : null,
    'bytes' in kept ? kept.bytes : null,
  ])
  await tx.insertMany('body', ['id', 'size', 'sha256', 'file', 'bytes'], cells)
  const shared = bodies.flatMap(({ id, holders }) => (holders > 1 ? [[id, holders - 1]] : []))
  await tx.insertMany('shared', ['body', 'more'], shared)
  tx.afterCommit(() => {
    for (const { id, draft } of bodies) if ('bytes' in draft) tx.fresh.keep(id, draft.bytes)
  })
}

/** One more holder for each id; an id may be named several times. Holding what is gone is a bug, and throws. */
export const addRefs = async (tx: Tx, ids: readonly number[]): Promise<void> => {
  for (const [count, each] of byCount(ids)) {
    const { changes } = await tx.run(
      `INSERT INTO shared (body, more) SELECT id, ? FROM body WHERE id IN (?*)
       ON CONFLICT (body) DO UPDATE SET more = more + excluded.more`,
      [count, each],
    )
    if (changes !== each.length) throw new Error(`a body among ${each.slice(0, 5)} is gone`)
  }
}

/** One holder less for each id; what nobody holds is gone, its file after the commit. */
export const dropRefs = async (tx: Tx, ids: readonly number[]): Promise<void> => {
  if (ids.length === 0) return
  for (const [count, each] of byCount(ids)) {
    await tx.later(`UPDATE shared SET more = more - ?1 WHERE body IN ${listed('?2')}`, [count, JSON.stringify(each)])
  }
  const files = await dropUnheld(tx, ids)
  const param = [JSON.stringify(ids)]
  await tx.later(`DELETE FROM parsed WHERE body IN ${listed('?1')} AND ${unheld('parsed.body')}`, param)
  await tx.later(`DELETE FROM shared WHERE body IN ${listed('?1')} AND more <= 0`, param)
  tx.afterCommit(() => {
    for (const id of ids) tx.fresh.forget(id)
    // Should it fail, the sweep at the next start takes it.
    for (const file of files) unlink(join(tx.blobDir, file)).catch(() => {})
  })
}

/** @returns the files of those that had one. Of what was lately kept in the database it is known that it has none: a trip less. */
const dropUnheld = async (tx: Tx, ids: readonly number[]): Promise<string[]> => {
  const inside = ids.filter((id) => tx.fresh.get(id))
  if (inside.length > 0)
    await tx.later(`DELETE FROM body WHERE id IN ${listed('?1')} AND ${unheld('body.id')}`, [JSON.stringify(inside)])
  if (inside.length === ids.length) return []
  const gone = await tx.all<{ file: string | null }>(
    `DELETE FROM body WHERE id IN (?*) AND ${unheld('body.id')} RETURNING file`,
    [ids],
  )
  return gone.flatMap(({ file }) => file ?? [])
}

const listed = (param: string): string => `(SELECT value FROM json_each(${param}))`
const unheld = (body: string): string => `NOT EXISTS (SELECT 1 FROM shared WHERE shared.body = ${body} AND more >= 0)`

/** How many times each is named: mostly all of them once. */
const byCount = (ids: readonly number[]): Map<number, number[]> => {
  const groups = new Map<number, number[]>()
  for (const [id, count] of countBy(ids)) {
    const group = groups.get(count)
    if (group) group.push(id)
    else groups.set(count, [id])
  }
  return groups
}

/** All bytes, in constant memory. Whoever asks holds the body: if it is gone, or not whole, this throws. */
export const openBody = async (db: Source, id: number): Promise<Readable> => {
  const found = await bodyFrom(db, id)
  return Buffer.isBuffer(found) ? Readable.from([found], { objectMode: false }) : found
}

/** The same, or all from `from` on; at once where they are few: a stream for 5 kB costs as much as the rest of reading them. */
export const bodyFrom = async (db: Source, id: number, from = 0): Promise<Buffer | Readable> => {
  const found = db.fresh.get(id)?.subarray(from) ?? (await readRange(db, '?', id, from, MAX, true))
  if (found === undefined) throw new Error(`body ${id} is gone`)
  return found
}

/** All bytes, in memory: for bodies known to be small. */
export const readBody = async (db: Source, id: number): Promise<Buffer> => collected(await bodyFrom(db, id))

export const collected = async (bytes: Buffer | Readable): Promise<Buffer> => {
  if (Buffer.isBuffer(bytes)) return bytes
  const chunks: Buffer[] = []
  for await (const chunk of bytes) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/**
 * Bytes of a message, `from` up to, not including, `to`: at once, or as a stream where they are many and in a file.
 * Undefined if it is gone; fewer, or none, where the range reaches beyond the end.
 */
export const messageRange = (
  db: Source,
  id: number,
  from: number,
  to: number,
): Promise<Buffer | Readable | undefined> => readRange(db, '(SELECT body FROM message WHERE id = ?)', id, from, to)

const MAX = Number.MAX_SAFE_INTEGER

/** @throws Error if the file of a body that is wanted to its end is shorter than it was */
const readRange = async (
  db: Source,
  which: string,
  id: number,
  from: number,
  to: number,
  isToEnd = false,
): Promise<Buffer | Readable | undefined> => {
  const length = Math.max(0, to - from)
  const row = await db.read.one<{ size: number; file: string | null; bytes: Buffer | null }>(
    `SELECT size, file, substr(bytes, ?, ?) AS bytes FROM body WHERE id = ${which}`,
    [from + 1, Math.min(length, INLINE_MAX), id],
  )
  if (!row) return undefined
  if (row.file === null) return row.bytes ?? Buffer.alloc(0)
  const handle = await open(join(db.blobDir, row.file), 'r').catch(unlessThere)
  if (!handle) return undefined
  // What was cut off must not go out as if that were all.
  if (isToEnd && (await handle.stat()).size < row.size) {
    await handle.close()
    throw new Error(`body ${id} has lost its end (blob/${row.file})`)
  }
  const rest = Math.max(0, Math.min(length, row.size - from))
  if (rest > READ_MAX) return handle.createReadStream({ start: from, end: from + rest - 1, highWaterMark: 256 << 10 })
  try {
    const bytes = Buffer.allocUnsafe(rest)
    const { bytesRead } = await handle.read(bytes, 0, rest, from)
    return bytes.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
