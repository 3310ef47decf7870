/**
 * Large texts on their way: read from a draft that is not kept yet, or written where only we look
 * until every check has passed. A crash leaves them in blob/tmp, which the store sweeps at its start.
 */
import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { collected } from '../../store/blob.ts'
import { makeFolder } from '../../store/file.ts'
import type { BodyDraft } from '../../store/spool.ts'

/** All of it, or `start` up to, not including, `end`. */
export const openDraft = (home: string, draft: BodyDraft, { start, end }: Range = WHOLE): Readable =>
  'bytes' in draft
    ? Readable.from([draft.bytes.subarray(start, end)], { objectMode: false })
    : createReadStream(join(home, 'blob', draft.file), { start, end: end - 1 })

/** The same, in memory. */
export const readDraft = async (home: string, draft: BodyDraft, { start, end }: Range = WHOLE): Promise<Buffer> => {
  if ('bytes' in draft) return draft.bytes.subarray(start, end)
  return start < end ? collected(openDraft(home, draft, { start, end })) : Buffer.alloc(0)
}

type Range = { start: number; end: number }
const WHOLE: Range = { start: 0, end: Number.POSITIVE_INFINITY }

/** `remove` also ends every reading: of what is refused, not all is read. */
export type Spool = { sink(chunk: Uint8Array): Promise<void>; read(): Readable; remove(): Promise<void> }

export const spoolPlain = async (home: string): Promise<Spool> => {
  const folder = join(home, 'blob', 'tmp')
  await makeFolder(folder)
  const path = join(folder, randomBytes(16).toString('hex'))
  const file = await open(path, 'wx', 0o600)
  const readers: Readable[] = []
  return {
    sink: async (chunk) => void (await file.writeFile(chunk)), // writeFile goes on where the last one ended, and writes all
    read() {
      const reader = createReadStream(path).on('error', () => {}) // its reader is told; without one nobody is to hear of it
      readers.push(reader)
      return reader
    },
    async remove() {
      for (const reader of readers) reader.destroy()
      await file.close()
      await rm(path, { force: true })
    },
  }
}
