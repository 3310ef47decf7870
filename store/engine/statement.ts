/**
 * Prepared statements, kept by their text, and what is said when one fails.
 */
import type sqlite3 from 'sqlite3'
import { Refusal } from '../../src/refusal.ts'

const KEPT_STATEMENTS = 256

/** Prepared once, used again and again: the cost of parsing is that of a small statement itself. `copies` take turns. */
export const keepStatements = (handle: sqlite3.Database, copies: number) => {
  const kept = new Map<string, Promise<sqlite3.Statement>[]>()
  const letGo = (statement: Promise<sqlite3.Statement>) =>
    statement.then(
      (each) => new Promise<void>((done) => each.finalize(() => done())),
      () => {}, // one that never was needs nothing
    )
  return {
    get(sql: string): Promise<sqlite3.Statement> {
      const known = kept.get(sql) ?? []
      const next = known.length < copies ? undefined : known.shift()
      const statement = next ?? prepare(handle, sql)
      known.push(statement)
      kept.set(sql, known)
      if (next) return next
      statement.catch(() => kept.delete(sql))
      const [oldest] = kept.keys()
      if (kept.size > KEPT_STATEMENTS && oldest !== undefined) {
        // After what is under way on it.
        for (const each of kept.get(oldest) ?? []) void letGo(each)
        kept.delete(oldest)
      }
      return statement
    },
    /** Those of these texts, or all. */
    async drop(texts: Iterable<string> = kept.keys()): Promise<void> {
      const gone = [...texts].flatMap((sql) => {
        const statements = kept.get(sql) ?? []
        kept.delete(sql)
        return statements
      })
      await Promise.all(gone.map(letGo))
    },
  }
}

export const prepare = (handle: sqlite3.Database, sql: string): Promise<sqlite3.Statement> =>
  new Promise((resolve, reject) => {
    const statement: sqlite3.Statement = handle.prepare(sql, (error: Error | null) => {
      if (error) reject(fault(error, sql))
      else resolve(statement)
    })
  })

/** A full disk is expected and has a code; anything else is the world failing, told with the statement that met it. */
export const fault = (cause: Error & { code?: string }, sql: string): Error => {
  if (cause.code === 'SQLITE_FULL') return new Refusal('disk-full', 'the disk that holds the database is full')
  return Object.assign(new Error(`${cause.message} (${sql.slice(0, 120)})`, { cause }), { code: cause.code })
}

/** SQLite's words for a file that is not what it should be. */
const BROKEN = new Set(['SQLITE_CORRUPT', 'SQLITE_NOTADB'])

export const isBroken = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && BROKEN.has(error.code)
