/**
 * Payloads on their way in, as files in `<home>/blob/part`, named by neighbour and hash.
 *
 *   (nothing) --take--> being written --finish--> a draft (store/spool.ts), durable
 *                            |  \--drop--> (nothing): wrong bytes, full disk
 *                          keep: the link broke
 *                            v
 *                         waiting --take--> being written, from where it was
 *                            \--7 days, or too many for one neighbour--> (nothing)
 *
 * Nothing here is promised to anybody: a part is not synced while it grows, and what a crash
 * leaves of it is hashed again when it is taken up. If it was damaged, the hash of the
 * whole shows it, and the payload is asked for from its beginning.
 */
import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../../store/file.ts'
import { adoptFile, onDisk } from '../../store/spool.ts'
import type { Payload } from './frame.ts'
import type { Arrived } from './handlers.ts'
import type { LinkLimits } from './limits.ts'

export type Part = {
  /** Bytes already there, hashed. */
  offset: number
  write(chunk: Buffer): Promise<void>
  /** @returns undefined if the hash is wrong; the part is gone then */
  finish(): Promise<Arrived | undefined>
  /** For the next attempt. */
  keep(): Promise<void>
  drop(): Promise<void>
}

export type Parts = {
  /** How much of a payload from this neighbour is there. */
  offset(from: string, payload: Payload): Promise<number>
  /** Opens it for writing from `offset`, once whoever had it open before has let go of it. @throws Refusal `disk-full` */
  take(from: string, payload: Payload, offset: number): Promise<Part | { retry: number }>
  /** Removes parts nobody took up again. */
  sweep(now: number): Promise<void>
}

export const openParts = async (home: string, limits: LinkLimits): Promise<Parts> => {
  const folder = join(home, 'blob', 'part')
  await makeFolder(folder)
  /** Open parts, by name: resolves when let go of. */
  const held = new Map<string, Promise<void>>()

  const pathOf = (from: string, { sha256 }: Payload) => join(folder, `${from}-${sha256}`)
  const sizeOf = (path: string): Promise<number> =>
    stat(path).then(
      ({ size }) => size,
      () => 0,
    )
  const offset = async (from: string, payload: Payload) => Math.min(await sizeOf(pathOf(from, payload)), payload.size)

  const all = async () => {
    const names = await readdir(folder)
    const parts = names.map(async (name) => ({
      name,
      at: (await stat(join(folder, name)).catch(() => undefined))?.mtimeMs ?? 0,
    }))
    return (await Promise.all(parts)).sort((one, other) => one.at - other.at)
  }
  const remove = async (name: string) => {
    if (!held.has(join(folder, name))) await rm(join(folder, name), { force: true })
  }
  const makeRoom = async (from: string) => {
    const theirs = (await all()).filter(({ name }) => name.startsWith(from))
    for (const { name } of theirs.slice(0, Math.max(0, theirs.length - limits.partsPerNeighbour + 1)))
      await remove(name)
  }

  return {
    offset,
    async take(from, payload, wanted) {
      const path = pathOf(from, payload)
      while (held.has(path)) await held.get(path)
      let letGo = (): void => {}
      held.set(
        path,
        new Promise((resolve) => {
          letGo = () => {
            held.delete(path)
            resolve()
          }
        }),
      )
      try {
        if (wanted === 0) await makeRoom(from)
        const there = await offset(from, payload)
        if (wanted > there) {
          letGo()
          return { retry: there }
        }
        return await openPart(home, path, payload, wanted, letGo)
      } catch (error) {
        letGo()
        throw error
      }
    },
    async sweep(now) {
      for (const { name, at } of await all()) if (now - at > limits.partKeepMs) await remove(name)
    },
  }
}

const openPart = async (
  home: string,
  path: string,
  payload: Payload,
  offset: number,
  letGo: () => void,
): Promise<Part> => {
  const file = await onDisk(open(path, offset > 0 ? 'r+' : 'w', 0o600))
  const hash = createHash('sha256')
  try {
    await file.truncate(offset)
    if (offset > 0) await hashAgain(file, hash, offset)
  } catch (error) {
    await file.close()
    throw error
  }
  let at = offset
  const end = async (then: () => Promise<unknown>) => {
    try {
      await file.close()
      await then()
    } finally {
      letGo()
    }
  }
  const drop = () => end(() => rm(path, { force: true }))
  return {
    offset,
    async write(chunk) {
      hash.update(chunk)
      for (let done = 0; done < chunk.length; ) {
        const { bytesWritten } = await onDisk(file.write(chunk, done, chunk.length - done, at))
        done += bytesWritten
        at += bytesWritten
      }
    },
    async finish() {
      if (hash.digest('hex') !== payload.sha256) {
        await drop()
        return undefined
      }
      let arrived: Arrived | undefined
      await end(async () => {
        arrived = await adoptFile(home, path, payload)
      })
      return arrived
    },
    keep: () => end(async () => {}),
    drop,
  }
}

const READ_BYTES = 256 * 1024

const hashAgain = async (file: FileHandle, hash: Hash, bytes: number): Promise<void> => {
  const buffer = Buffer.allocUnsafe(READ_BYTES)
  for (let at = 0; at < bytes; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(READ_BYTES, bytes - at), at)
    if (bytesRead === 0) return // shorter than a moment ago: the whole's hash will not hold
    hash.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
}
