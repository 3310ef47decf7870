/**
 * The schema, brought forward: schema/NNN-name.sql in order, each once and as a whole, never back.
 *
 * A file that was applied is never edited again; its checksum tells. A database that knows more
 * than this program is refused, not guessed at. The files are SQLite's dialect of plain SQL;
 * INTEGER PRIMARY KEY AUTOINCREMENT is an identity whose numbers are never used twice.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { Connection } from './engine/sqlite.ts'

type Migration = { number: number; name: string; sql: string; checksum: string }

const folder = new URL('./schema/', import.meta.url)

export const migrate = async (db: Connection, files: () => Promise<Migration[]> = readMigrations): Promise<void> => {
  await db.exec(
    'CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, at INTEGER NOT NULL)',
  )
  const applied = await db.all<Omit<Migration, 'sql'>>('SELECT number, name, checksum FROM migration ORDER BY number')
  const known = await files()
  const newest = applied.at(-1)?.number ?? 0
  if (newest > (known.at(-1)?.number ?? 0)) {
    throw new Error(
      `this database was last used by a newer Vouchsafe (schema ${newest}, this program knows ${known.at(-1)?.number}): use that one, or restore an older backup`,
    )
  }
  for (const each of known) {
    const before = applied.find(({ number }) => number === each.number)
    if (!before) await apply(db, each)
    else if (before.checksum !== each.checksum) {
      throw new Error(
        `schema ${before.name} is not the one this database was made with: use the Vouchsafe that made it, or, where files of this one were changed, install it anew`,
      )
    }
  }
}

const apply = async (db: Connection, { number, name, sql, checksum }: Migration): Promise<void> => {
  await db.exec('BEGIN IMMEDIATE')
  try {
    await db.exec(sql)
    await db.run('INSERT INTO migration (number, name, checksum, at) VALUES (?, ?, ?, ?)', [
      number,
      name,
      checksum,
      Date.now(),
    ])
    await db.exec('COMMIT')
  } catch (error) {
    await db.exec('ROLLBACK').catch(() => {})
    throw error
  }
}

const readMigrations = async (): Promise<Migration[]> => {
  const names = (await readdir(folder)).filter((name) => /^\d{3}-.*\.sql$/.test(name)).sort()
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), 'utf8')
      return { number: Number(name.slice(0, 3)), name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}
