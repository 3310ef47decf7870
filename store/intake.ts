/**
 * Submissions that are durable and not yet delivered: a file beside the database, written to its end for each group of
 * them, and from its start again when none waits. What `given` holds is the caller's.
 *
 *   crc32 4 │ size of given 4 │ size of bytes 4 │ id 6 ║ given ║ bytes ║ the next …
 *
 * Numbers are little endian, and ids grow: what follows the last entry is torn, or of an earlier time, and ends the
 * reading. Which of them are delivered tells the table `intake_done`, for that is written with the delivery; all up to its
 * first row are. A row for each letter would cost three times the file's one write (O_DSYNC) to blocks it has already.
 */
import { constants } from 'node:fs'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { Refusal } from '../src/refusal.ts'
import type { Reader, Sink, Tx } from './db.ts'
import { syncPath, unlessThere } from './file.ts'
import { onDisk } from './spool.ts'

type Letter = { given: string; bytes: Buffer }
export type Waiting = Letter & { id: number }

export type IntakeFile = {
  /** Bytes, as far as they count. */
  readonly size: number
  /**
   * Resolves once they are on the disk.
   *
   * @param isAlone none waits: the file begins anew
   * @returns the first one's id; each of the others has one more
   * @throws Refusal `disk-full`
   */
  keep(letters: readonly Letter[], isAlone: boolean): Promise<number>
  /** @param isEmpty none waits: nothing stays */
  close(isEmpty: boolean): Promise<void>
}

export const intakeFileOf = (home: string): string => join(home, 'intake')

/** With those that wait, in the order they came. */
export const openIntakeFile = async (home: string, db: Sink): Promise<{ file: IntakeFile; left: Waiting[] }> => {
  const { entries, end } = decode(await bytesOf(home))
  const left = await undelivered(db.read, entries)
  const handle = await open(intakeFileOf(home), constants.O_RDWR | constants.O_CREAT | constants.O_DSYNC, 0o600)
  const size = left.length > 0 ? end : 0
  await handle.truncate(size) // of what a crash tore nothing follows what comes
  await syncPath(home)
  const file = new Intake(handle, size, (await lastId(db.read, entries)) + 1)
  const rows = await db.read.all<Letter>('SELECT given, bytes FROM intake ORDER BY id')
  if (rows.length === 0) return { file, left }
  const first = await file.keep(rows, left.length === 0)
  await db.transaction((tx) => tx.run('DELETE FROM intake'))
  return { file, left: [...left, ...rows.map((row, i) => ({ id: first + i, ...row }))] }
}

class Intake implements IntakeFile {
  private readonly handle: FileHandle
  private nextId: number
  size: number

  constructor(handle: FileHandle, size: number, nextId: number) {
    this.handle = handle
    this.size = size
    this.nextId = nextId
  }

  async keep(letters: readonly Letter[], isAlone: boolean): Promise<number> {
    const first = this.nextId
    this.nextId += letters.length // of a write that fails, too: whatever it left does not follow the next
    const group = letters.flatMap((letter, i) => encode({ id: first + i, ...letter }))
    const size = group.reduce((sum, { length }) => sum + length, 0)
    const start = isAlone ? 0 : this.size
    const { bytesWritten } = await onDisk(this.handle.writev(group, start))
    if (bytesWritten < size) throw new Refusal('disk-full', 'the disk that holds the intake is full')
    this.size = start + size
    return first
  }

  async close(isEmpty: boolean): Promise<void> {
    if (isEmpty) await this.handle.truncate(0)
    await this.handle.close()
  }
}

/** Whatever the file of a home holds now, delivered or not: read before the database that `undelivered` is asked of. */
export const readEntries = async (home: string): Promise<Waiting[]> => decode(await bytesOf(home)).entries

/** Those of them that wait still, in their order. */
export const undelivered = async (db: Pick<Reader, 'all'>, entries: readonly Waiting[]): Promise<Waiting[]> => {
  if (entries.length === 0) return []
  const done = await db.all<{ id: number }>('SELECT id FROM intake_done ORDER BY id')
  const ids = new Set(done.map(({ id }) => id))
  return entries.filter(({ id }) => id > (done[0]?.id ?? 0) && !ids.has(id))
}

/** In the transaction that delivers them. */
export const markDelivered = (tx: Tx, ids: readonly number[]): Promise<void> =>
  tx.insertMany(
    'intake_done',
    ['id'],
    ids.map((id) => [id]),
    { key: ['id'], update: [] },
  )

/** None waits. */
export const forgetDelivered = (tx: Tx): Promise<void> =>
  tx.later('DELETE FROM intake_done WHERE id < (SELECT max(id) FROM intake_done)', [])

const bytesOf = async (home: string): Promise<Buffer> =>
  (await readFile(intakeFileOf(home)).catch(unlessThere)) ?? Buffer.alloc(0)

const lastId = async (db: Reader, entries: readonly Waiting[]): Promise<number> => {
  const done = await db.one<{ id: number }>('SELECT max(id) AS id FROM intake_done')
  return Math.max(done?.id ?? 0, entries.at(-1)?.id ?? 0)
}

const HEAD = 18

const encode = ({ id, given, bytes }: Waiting): Buffer[] => {
  const head = Buffer.concat([Buffer.allocUnsafe(HEAD), Buffer.from(given)])
  head.writeUInt32LE(head.length - HEAD, 4)
  head.writeUInt32LE(bytes.length, 8)
  head.writeUIntLE(id, 12, 6)
  head.writeUInt32LE(crc32(bytes, crc32(head.subarray(4))), 0)
  return [head, bytes]
}

/** @returns what can be read from the start on, and where that ends */
const decode = (file: Buffer): { entries: Waiting[]; end: number } => {
  const entries: Waiting[] = []
  let end = 0
  let last = 0
  while (end + HEAD <= file.length) {
    const text = end + HEAD
    const bytes = text + file.readUInt32LE(end + 4)
    const next = bytes + file.readUInt32LE(end + 8)
    const id = file.readUIntLE(end + 12, 6)
    if (next > file.length || id <= last || crc32(file.subarray(end + 4, next)) !== file.readUInt32LE(end)) break
    entries.push({ id, given: file.toString('utf8', text, bytes), bytes: file.subarray(bytes, next) })
    end = next
    last = id
  }
  return { entries, end }
}
