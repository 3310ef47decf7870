/**
 * Bytes on their way to be a body: written as they come, and complete before anybody names them.
 *
 *   startBody ──write──> finish ──> draft: in memory, or a file that is on the disk
 *                        abort ──> gone
 *
 * Up to INLINE_MAX they stay in memory and become a row of the table `body` (blob.ts); larger ones are files, written in
 * `blob/tmp/` and moved to `blob/xx/…` once they are whole. A draft nobody puts is gone with the next start (sweep.ts).
 */
import { createHash, type Hash, hash, randomBytes } from 'node:crypto'
import { type FileHandle, open, readFile, rename, rm, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Refusal } from '../src/refusal.ts'
import { makeFolder, syncPath } from './file.ts'

/** `sha256` is hex. `file` is below `blob/`. */
export type BodyDraft = { size: number; sha256: string } & ({ bytes: Buffer } | { file: string })
export type BodyWriter = {
  write(chunk: Buffer): Promise<void>
  /** The draft, durable where it is a file. */
  finish(): Promise<BodyDraft>
  abort(): Promise<void>
}

/** Above, a file costs less than the database's log, which writes everything twice. */
export const INLINE_MAX = 65_536
export const startBody = (home: string): BodyWriter => new Spool(join(home, 'blob'))

/** `hash` is of what was written. */
type Filling = { handle: FileHandle; hash: Hash }

class Spool implements BodyWriter {
  private readonly dir: string
  private temporary = '' // drawn when a file is needed: most bodies are small
  private chunks: Buffer[] = []
  private size = 0
  private file: Filling | null = null

  constructor(dir: string) {
    this.dir = dir
  }

  async write(chunk: Buffer): Promise<void> {
    this.size += chunk.length
    if (this.file) return append(this.file, [chunk])
    this.chunks.push(chunk)
    if (this.size <= INLINE_MAX) return
    this.temporary = join(this.dir, 'tmp', randomBytes(16).toString('hex'))
    await onDisk(makeFolder(dirname(this.temporary)))
    this.file = { handle: await onDisk(open(this.temporary, 'wx', 0o600)), hash: createHash('sha256') }
    await append(this.file, this.chunks)
    this.chunks = []
  }

  async finish(): Promise<BodyDraft> {
    if (!this.file) return inMemory(Buffer.concat(this.chunks))
    const { handle, hash } = this.file
    await onDisk(handle.sync())
    await handle.close()
    this.file = null
    return { size: this.size, sha256: hash.digest('hex'), file: await settle(this.dir, this.temporary) }
  }

  async abort(): Promise<void> {
    this.chunks = []
    await this.file?.handle.close()
    this.file = null
    if (this.temporary !== '') await rm(this.temporary, { force: true })
  }
}

/** Hashed when somebody asks: of a letter that stays here only its copy beneath trace fields is kept. */
const inMemory = (bytes: Buffer): BodyDraft => {
  let sum: string | undefined
  return {
    size: bytes.length,
    bytes,
    get sha256() {
      sum ??= hash('sha256', bytes)
      return sum
    },
  }
}

/** Bytes at hand as a draft, spooled like any other if they are many. */
export const draftOf = async (home: string, bytes: Buffer): Promise<BodyDraft> => {
  const body = startBody(home)
  try {
    await body.write(bytes)
    return await body.finish()
  } catch (error) {
    await body.abort()
    throw error
  }
}

/**
 * Makes a complete file of the caller's, who has checked size and hash, a draft; it is gone from where it was, on the
 * same disk.
 */
export const adoptFile = async (
  home: string,
  path: string,
  { size, sha256 }: { size: number; sha256: string },
): Promise<BodyDraft> => {
  if (size <= INLINE_MAX) {
    const bytes = await readFile(path)
    await unlink(path)
    return { size, sha256, bytes }
  }
  const handle = await open(path, 'r')
  await onDisk(handle.sync()).finally(() => handle.close())
  return { size, sha256, file: await settle(join(home, 'blob'), path) }
}

/** Forgets a draft that will not be put. */
export const discardDraft = async (home: string, draft: BodyDraft): Promise<void> => {
  if ('file' in draft) await rm(join(home, 'blob', draft.file), { force: true })
}

/** A complete file under its final name, the name itself on the disk. */
const settle = async (dir: string, path: string): Promise<string> => {
  const name = randomBytes(16).toString('hex')
  const folder = join(dir, name.slice(0, 2))
  const isNew = await onDisk(makeFolder(folder))
  await onDisk(rename(path, join(folder, name)))
  await onDisk(syncPath(folder))
  if (isNew) await onDisk(syncPath(dir))
  return `${name.slice(0, 2)}/${name}`
}

const append = async ({ handle, hash }: Filling, chunks: readonly Buffer[]): Promise<void> => {
  for (const chunk of chunks) {
    hash.update(chunk)
    for (let at = 0; at < chunk.length; ) at += (await onDisk(handle.write(chunk, at))).bytesWritten
  }
}

/** @throws Refusal `disk-full` */
export const onDisk = async <T>(work: Promise<T>): Promise<T> => {
  try {
    return await work
  } catch (error) {
    if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT') {
      throw new Refusal('disk-full', 'the disk that holds the messages is full')
    }
    throw error
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)
