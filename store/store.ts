/** A home's store: locked for this process, opened, swept of what a crash left. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { openDb } from './commit.ts'
import type { Db } from './db.ts'
import { makeFolder } from './file.ts'
import { clearLeft } from './leaving.ts'
import { lockHome } from './lock.ts'
import { sweepBlobs } from './sweep.ts'
import { openTextIndex, type TextIndex } from './text-index.ts'

/** `swept` are the files a crash had left, now gone. */
export type Store = { home: string; db: Db; texts: TextIndex; swept: string[]; close(): Promise<void> }

export const databaseOf = (home: string): string => join(home, 'vouchsafe.db')

/** An empty one, for whoever has the lock. */
export const makeDatabase = async (home: string): Promise<void> => {
  const db = await openDatabase(home)
  await makeFolder(db.blobDir).finally(() => db.close())
}

/** Made if there is none, for its mode; SQLite gives its log the same. */
const openDatabase = async (home: string): Promise<Db> => {
  await (await open(databaseOf(home), 'a', 0o600)).close()
  return openDb(databaseOf(home))
}

/** Opens the home's store, making it if there is none. Throws if another process has it. */
export const openStore = async (home: string): Promise<Store> => {
  await makeFolder(home)
  const lock = await lockHome(home)
  let db: Db | undefined
  try {
    const opened = await openDatabase(home)
    db = opened
    await clearLeft(opened)
    const swept = await sweepBlobs(opened)
    const texts = openTextIndex(home)
    const end = async () => {
      await texts.close()
      await opened.close()
      await lock.release()
    }
    let ending: Promise<void> | null = null
    const close = () => {
      ending ??= end()
      return ending
    }
    return { home, db: opened, texts, swept, close }
  } catch (error) {
    await db?.close()
    await lock.release()
    throw error
  }
}
