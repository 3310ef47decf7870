/**
 * One process to a home.
 *
 * The lock is SQLite's own, held on `lock.db` for as long as the process lives: the kernel frees it
 * whatever way the process ends, so there is never a stale one. `lock` beside it only names the
 * holder, for the message. Nothing else may open `lock.db`: closing it anywhere would free the lock.
 */
import { chmod, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Connection, openSqlite } from './engine/sqlite.ts'

/** A connection that nobody refers to is closed by the garbage collector, and the lock with it. */
const held = new Set<Connection>()

type Lock = { release(): Promise<void> }

/** Another process has the home, perhaps for a moment only. */
export class HomeInUse extends Error {
  override readonly name = 'HomeInUse'
}

/** @throws HomeInUse, which names the process */
export const lockHome = async (home: string): Promise<Lock> => {
  const file = join(home, 'lock.db')
  await hide(file)
  const holder = await openSqlite(file, 'lock')
  try {
    await holder.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    await holder.close()
    if (!(error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY')) throw error
    const name = await readFile(join(home, 'lock'), 'utf8').catch(() => 'another process')
    throw new HomeInUse(`${home} is in use by ${name.trim()}: stop it first, or use another --home`)
  }
  held.add(holder)
  await writeFile(join(home, 'lock'), `process ${process.pid}, since ${new Date().toISOString()}\n`)
  return { release: () => release(home, holder) }
}

/** For its owner alone: whoever can read it can lock it, too. One that is there is not opened. */
const hide = (file: string): Promise<void> =>
  writeFile(file, '', { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
    return chmod(file, 0o600)
  })

const release = async (home: string, holder: Connection): Promise<void> => {
  await rm(join(home, 'lock'), { force: true }) // while it is still ours
  held.delete(holder)
  await holder.close()
}
