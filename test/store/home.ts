/** A home of its own for a test, gone after it, and letters to fill it with. */
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startWalk } from '../../src/mail/walk.ts'
import { type Account, create } from '../../store/account.ts'
import type { Change } from '../../store/change.ts'
import type { Sink, Source } from '../../store/db.ts'
import { find } from '../../store/mailbox.ts'
import type { Draft } from '../../store/message.ts'
import { removeMany } from '../../store/move.ts'
import { draftOf } from '../../store/spool.ts'
import { openStore, type Store } from '../../store/store.ts'

type Bench = Store & { account: Account; changes: Change[]; folder(name: string): Promise<number> }

/** Runs before and after each test of the suite at hand; the answer gives the one of the test at hand. */
export const eachWithStore = (): (() => Bench) => {
  let bench: Bench | undefined
  beforeEach(async () => {
    bench = await openBench(await newHome())
  })
  afterEach(async () => {
    await bench?.close()
    if (bench) await rm(bench.home, { recursive: true, force: true })
  })
  return () => {
    if (!bench) throw new Error('only inside a test')
    return bench
  }
}

/** Takes messages out of their mailbox, whatever their flags. */
export const takeOut = (db: Sink, mailbox: number, uids: readonly number[]): Promise<void> =>
  db.transaction(async (tx) => {
    const sql = 'SELECT id FROM message WHERE mailbox = ? AND uid IN (?*)'
    const found = await tx.all<{ id: number }>(sql, [mailbox, uids])
    await removeMany(
      tx,
      found.map(({ id }) => id),
    )
  })

export const newHome = (): Promise<string> => mkdtemp(join(tmpdir(), 'vouchsafe-store-'))

const openBench = async (home: string): Promise<Bench> => {
  const store = await openStore(home)
  const account = await create(store.db, { address: 'ann@a.test', name: 'Ann', entityId: 'entity-ann' })
  if (account === 'exists') throw new Error('a new home has an account')
  await putKeys(home, account.entityId)
  const changes: Change[] = []
  store.db.changes.on('change', (change) => changes.push(change))
  return { ...store, account, changes, folder: (name) => folderOf(store.db, account.id, name) }
}

/** Files where the keys of a home with one account lie: that they are there is all the store knows of keys. */
export const putKeys = async (home: string, entityId: string): Promise<void> => {
  await mkdir(join(home, 'key'), { mode: 0o700 })
  for (const name of ['agent.pem', `entity-${entityId}.asc`])
    await writeFile(join(home, 'key', name), 'secret', { mode: 0o600 })
}

export const folderOf = async (db: Source, account: number, name: string): Promise<number> => {
  const found = await find(db, account, name)
  if (!found) throw new Error(`no folder ${name}`)
  return found.id
}

export const letterOf = (text: string, subject = 'a letter'): Buffer =>
  Buffer.from(`From: Ann <ann@a.test>\r\nSubject: ${subject}\r\nMessage-ID: <1@a.test>\r\n\r\n${text}\r\n`)

export const parse = (bytes: Buffer) => {
  const walk = startWalk()
  walk.push(bytes)
  return walk.end()
}

export const draft = async (home: string, bytes: Buffer, more: Partial<Draft> = {}): Promise<Draft> => ({
  body: await draftOf(home, bytes),
  parsed: parse(bytes),
  internalDate: 1_700_000_000_000,
  ...more,
})

/** Everything in a table, for claims about what is left. */
export const rowsOf = (db: Sink, table: string): Promise<Record<string, unknown>[]> =>
  db.read.all(`SELECT * FROM ${table} ORDER BY 1`)

/** A disk of 1 MiB in memory. @returns false where this user may not */
export const smallDisk = (folder: string): boolean => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'pipe' })
    return true
  } catch (error) {
    if (process.env.CI === 'true') throw error
    console.warn('      skipped: no tmpfs can be mounted here; run it as root')
    return false
  }
}

/** Files with bodies of a home that this process has open, also such as are gone from their folder. */
export const bodiesOpen = (home: string): Promise<string[]> => filesOpen(join(home, 'blob'))

/** Files of this process that begin so. */
export const filesOpen = async (beginning: string): Promise<string[]> => {
  const names = await readdir('/proc/self/fd')
  const targets = await Promise.all(names.map((name) => readlink(join('/proc/self/fd', name)).catch(() => '')))
  return targets.filter((target) => target.startsWith(beginning))
}
