/**
 * A backup is a folder with the shape of a home: a copy of the database as of one moment, with the letters of the
 * intake in it, the large bodies it names, the keys and the configuration. Taken beside a running gateway.
 *
 * In it are the things named here and nothing else; so logs, sockets, locks and unfinished spools are not,
 * nor invitations, for they count once, nor what is shared with neighbours (LINK1), for it moves on: a restored
 * home begins anew with each of them.
 *
 * Large bodies never change once they have their name, so on the same disk they are linked, not copied.
 * They are taken before the database and, what came meanwhile, after it; should one that the database
 * names have gone in between, the database is taken again. Keys are taken before and after it, too:
 * an account's key is older than the account and outlives it.
 */
import { randomBytes } from 'node:crypto'
import { constants, type Dirent } from 'node:fs'
import { chmod, copyFile, link, open, readdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { freshRatchet } from '../src/link/ratchet.ts'
import { Refusal } from '../src/refusal.ts'
import { inserts, updates } from './engine/bulk.ts'
import { openLying, openSqlite } from './engine/sqlite.ts'
import { makeFolder, readIfThere, syncPath, unlessThere } from './file.ts'
import { intakeFileOf, readEntries, undelivered, type Waiting } from './intake.ts'
import { lockHome } from './lock.ts'
import { databaseOf } from './store.ts'
import { bodyFiles } from './sweep.ts'
import { removeTextIndex } from './text-index.ts'
import { refuseEmpty, type Verdict, verify } from './verify.ts'

/** What a backup says of itself, in `backup.json`. */
type Manifest = { v: 1; at: number; home: string; messages: number; bodies: number; bytes: number }

const MANIFEST = 'backup.json'
/** What of a home is copied as it is. The configuration first: with it, half a restore is one that lacks its database, and not a folder to `init`. */
const COPIED = ['vouchsafe.toml', 'key', 'tls']
const TRIES = 5
/** Behind the name of one that is being made. */
const PARTIAL = '.partial'

/**
 * Backs a home up to a folder that does not exist yet; it appears there once it is whole and verified.
 *
 * @throws Error if the folder exists or is a part of the home, or the home is not whole: a bad backup is worse than none
 */
export const backup = async (
  home: string,
  to: string,
  progress?: (done: number, of: number) => void,
): Promise<Manifest> => {
  const target = resolve(to)
  await refuseEmpty(resolve(home))
  if (await isThere(target)) throw new Error(`${target} exists: name a new folder`)
  if (await isWithin(home, target)) throw new Error(`${target} is inside the home: name a folder outside of it`)
  // Of its own: another that is under way to the same name is left alone, and has the name if it is ready first.
  const partial = `${target}.${randomBytes(4).toString('hex')}${PARTIAL}`
  try {
    const manifest = await take(home, partial, progress)
    await rename(partial, target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
      throw new Error(`another backup made ${target} meanwhile: this one is not kept`)
    })
    await syncPath(dirname(target))
    return manifest
  } catch (error) {
    await rm(partial, { recursive: true, force: true }) // keys and mail; and on a full disk what is in the way
    // The home is only read: the other disk is meant.
    if (error instanceof Refusal && error.code === 'disk-full')
      throw new Error(`the disk of ${dirname(target)} is full: make room there, or name a folder elsewhere`)
    throw error
  }
}

/** Whether a folder is a backup, and no home to work in. */
export const isBackup = (folder: string): Promise<boolean> => isThere(join(folder, MANIFEST))

/** Backups in the same folder that are not whole: being made, or cut off by a crash. They have keys in them. */
export const unfinishedBeside = async (to: string): Promise<string[]> => {
  const folder = dirname(resolve(to))
  const names = (await readdir(folder)).filter((name) => name.endsWith(PARTIAL)).sort()
  const hasKeys = await Promise.all(names.map((name) => isThere(join(folder, name, 'key'))))
  return names.filter((_name, i) => hasKeys[i]).map((name) => join(folder, name))
}

const take = async (
  home: string,
  partial: string,
  progress?: (done: number, of: number) => void,
): Promise<Manifest> => {
  await makeFolder(join(partial, 'blob'))
  await copyNamed(home, partial, COPIED)
  await refuseOpened(home, partial)
  await takeBodies(home, partial)
  const letters = await readEntries(home) // before the database, which tells those that are delivered meanwhile
  for (let tries = 1; !(await takeDatabase(home, partial, letters)); tries++) {
    if (tries === TRIES)
      throw new Error('mail came and went faster than it could be copied: try again at a quieter time')
  }
  await copyNamed(home, partial, ['key'])
  await dropUnnamed(partial)
  const verdict = await verify(partial, progress, resolve(home))
  if (verdict.problems.length > 0) throw new Error(`this home is not whole: ${summary(verdict)}`)
  const { messages, bodies, bytes } = verdict
  const manifest: Manifest = { v: 1, at: Date.now(), home: resolve(home), messages, bodies, bytes }
  await writeFile(join(partial, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 })
  await syncTree(partial)
  return manifest
}

/**
 * Makes a home from a backup, where there is none yet. The backup is verified first and stays as it is.
 *
 * @throws Error if there is a home already, it would lie inside the backup, or the backup is not whole
 */
export const restore = async (
  from: string,
  home: string,
  progress?: (done: number, of: number) => void,
): Promise<Manifest> => {
  await refuseMade(home)
  const text = await readIfThere(join(from, MANIFEST))
  if (text === undefined) throw new Error(`${resolve(from)} is no backup: it has no ${MANIFEST}`)
  if (await isWithin(from, resolve(home)))
    throw new Error(`${resolve(home)} is inside the backup: restore into a folder outside of it`)
  const manifest: Manifest = JSON.parse(text)
  if (manifest.v !== 1) throw new Error(`this backup was made by a newer Vouchsafe: use that one`)
  const verdict = await verify(from, progress)
  if (verdict.problems.length > 0) throw new Error(whyNotRestored(resolve(from), verdict))
  await makeFolder(home)
  const lock = await lockHome(home)
  try {
    await refuseMade(home)
    await bring(from, home)
  } finally {
    await lock.release()
  }
  return manifest
}

/** One that came by a disk or a share that keeps no permissions is as it was but for these, and there no chmod helps. */
const whyNotRestored = (from: string, verdict: Verdict): string =>
  verdict.problems.every((problem) => problem.includes('can be read by others'))
    ? `the keys in ${from} can be read by others: chmod -R go= ${from}. ` +
      'If its disk keeps no permissions (FAT, some shares), copy it to one that does, and restore from there'
    : `this backup is not whole: ${summary(verdict)}`

const refuseMade = async (home: string): Promise<void> => {
  if (await isThere(databaseOf(home)))
    throw new Error(`${resolve(home)} has a database already: restore into a new folder`)
}

const bring = async (from: string, home: string): Promise<void> => {
  await removeTextIndex(home) // of a database that was here before
  await rm(intakeFileOf(home), { force: true })
  // The database last, so that half a restore is not taken for a home.
  await copyNamed(from, home, [...COPIED, 'blob'])
  const partial = `${databaseOf(home)}.partial`
  // What a crash left beside a database that was here before, or half of a restore: SQLite would play it into this one.
  for (const database of [databaseOf(home), partial])
    for (const log of ['-wal', '-shm', '-journal']) await rm(database + log, { force: true })
  await copyFile(databaseOf(from), partial)
  await chmod(partial, 0o600) // a backup may be made read-only
  await renewValidity(partial)
  await oweRekey(partial)
  await syncTree(home)
  await rename(partial, databaseOf(home))
  await syncPath(home)
}

/** The database as of now, without what must not come back. @returns false if a body it names went away meanwhile */
const takeDatabase = async (home: string, to: string, letters: readonly Waiting[]): Promise<boolean> => {
  const copy = databaseOf(to)
  await rm(copy, { force: true })
  await (await open(copy, 'a', 0o600)).close() // for its mode; VACUUM INTO takes an empty file
  const source = await openLying(databaseOf(home))
  await source.run('VACUUM INTO ?', [copy]).finally(() => source.close())
  const db = await openSqlite(copy, 'write')
  try {
    // Secrets: not from the table alone, but from the file.
    await db.exec('PRAGMA secure_delete = ON; DELETE FROM invitation; DELETE FROM ratchet')
    const waiting = (await undelivered(db, letters)).map(({ given, bytes }) => [given, bytes])
    await db.write([...inserts('intake', ['given', 'bytes'], waiting)])
    const files = await db.all<{ file: string }>('SELECT file FROM body WHERE file IS NOT NULL')
    for (const { file } of files) if (!(await takeBody(home, to, file))) return false
    // No log beside a backup: it may lie on a disk that can't be written.
    await db.exec('PRAGMA journal_mode = DELETE')
    return true
  } finally {
    await db.close()
  }
}

/**
 * A new UIDVALIDITY for every folder: uids given out since the backup will be given out again, for
 * other messages, and clients must not take them for those they have seen (RFC 9051 §2.3.1.1).
 */
const renewValidity = async (database: string): Promise<void> => {
  const db = await openSqlite(database, 'write')
  try {
    const rows = await db.all<{ id: number; account: number; last: number }>(
      `SELECT mailbox.id AS id, account, last_uid_validity AS last FROM mailbox JOIN account ON account.id = account`,
    )
    const last = new Map<number, number>()
    const fresh = rows.map((row) => {
      const validity = Math.max(last.get(row.account) ?? row.last, Math.floor(Date.now() / 1000)) + 1
      last.set(row.account, validity)
      return [row.id, validity]
    })
    await db.write([...updates('mailbox', 'id', ['uid_validity'], fresh)])
    await db.write([...updates('account', 'id', ['last_uid_validity'], [...last])])
    await db.exec('PRAGMA journal_mode = DELETE')
  } finally {
    await db.close()
  }
}

/** Every neighbour will be told, by the word of our operator, that what we shared is lost. */
const oweRekey = async (database: string): Promise<void> => {
  const db = await openSqlite(database, 'write')
  try {
    const links = await db.all<{ id: string }>('SELECT id FROM link')
    const rekey = { epoch: Date.now(), reason: 'restore' } as const
    const rows = links.map(({ id }) => [id, { ...freshRatchet(id, randomBytes(8).toString('hex')), rekey }])
    await db.write([...inserts('ratchet', ['id', 'data'], rows)])
    await db.exec('PRAGMA journal_mode = DELETE')
  } finally {
    await db.close()
  }
}

const takeBodies = async (home: string, to: string): Promise<void> => {
  for (const file of await bodyFiles(join(home, 'blob'))) await takeBody(home, to, file)
}

const takeBody = async (home: string, to: string, file: string): Promise<boolean> => {
  const target = join(to, 'blob', file)
  if (await isThere(target)) return true
  await makeFolder(dirname(target))
  const source = join(home, 'blob', file)
  try {
    await link(source, target).catch(() => copyFile(source, target, constants.COPYFILE_FICLONE))
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}

const dropUnnamed = async (home: string): Promise<void> => {
  const db = await openSqlite(databaseOf(home), 'read')
  const rows = await db.all<{ file: string }>('SELECT file FROM body WHERE file IS NOT NULL').finally(() => db.close())
  const named = new Set(rows.map(({ file }) => file))
  for (const file of await bodyFiles(join(home, 'blob'))) if (!named.has(file)) await rm(join(home, 'blob', file))
}

/**
 * Files and folders of these names, as far as they are there, with their modes; links to others are followed.
 * One that goes away meanwhile is left out: whether that does harm, the verification tells.
 */
const copyNamed = async (from: string, to: string, names: readonly string[]): Promise<void> => {
  for (const name of names) {
    const [source, target] = [join(from, name), join(to, name)]
    const found = await stat(source).catch(unlessThere)
    if (found?.isFile()) await copyFile(source, target).catch(unlessThere)
    if (!found?.isDirectory()) continue
    await makeFolder(target)
    await copyNamed(source, target, await readdir(source))
  }
}

/**
 * Where a disk keeps no permissions, keys that were copied there lie open, whatever is done to them.
 *
 * @throws Error that names the disk, and not the keys
 */
export const refuseOpened = async (from: string, to: string): Promise<void> => {
  const isOpen = async (file: string) => ((await stat(file).catch(unlessThere))?.mode ?? 0) & 0o077
  for (const name of (await readdir(join(to, 'key')).catch(unlessThere)) ?? [])
    if ((await isOpen(join(to, 'key', name))) && !(await isOpen(join(from, 'key', name))))
      throw new Error(
        `the disk of ${dirname(to)} keeps no permissions, so the keys would lie open to others there: ` +
          'name a folder on another, or mount it for its owner alone',
      )
}

const syncTree = async (dir: string): Promise<void> => {
  const entries: Dirent[] = await readdir(dir, { withFileTypes: true })
  for (const entry of entries) {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) await syncTree(path)
    else if (entry.isFile()) await syncPath(path)
  }
  await syncPath(dir)
}

const summary = ({ problems }: Verdict): string =>
  problems.slice(0, 3).join('; ') + (problems.length > 3 ? `; and ${problems.length - 3} more` : '')

/** Whether a folder that is not there yet would lie inside another, by whatever path it was named. */
const isWithin = async (outer: string, target: string): Promise<boolean> => {
  const [top, below] = [await realpath(outer), await realPlace(target)]
  return below === top || below.startsWith(top + sep)
}

/** As `realpath`, of what is not there yet as well. */
const realPlace = (path: string): Promise<string> =>
  realpath(path).catch(async (error) => {
    if (error.code !== 'ENOENT' || dirname(path) === path) throw error
    return join(await realPlace(dirname(path)), basename(path))
  })

const isThere = async (path: string): Promise<boolean> => {
  const handle = await open(path, 'r').catch(() => undefined)
  await handle?.close()
  return handle !== undefined
}
