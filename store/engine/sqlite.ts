/**
 * SQLite, as one connection that answers promises.
 *
 * The rest of the store writes plain SQL for any engine and knows three things from here:
 *
 *   ?     a value
 *   ?*    a list of numbers or texts, of any length, empty too: `uid IN (?*)`
 *   bulk  `range`, and `write` of what bulk.ts makes: one statement whatever the number of rows
 *
 * Statements on a writing connection run strictly in the order of the calls. None is read halfway
 * (sqlite3's `get` would be), for that would hold an old snapshot open.
 */
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import sqlite3 from 'sqlite3'
import { unlessThere } from '../file.ts'
import { type Statement, sizeOf, type Value } from './bulk.ts'
import { fault, keepStatements, prepare } from './statement.ts'
import { keepTogether } from './together.ts'

export type Param = Value | readonly (string | number)[]
/** Rows by their id. */
export type Texts<Name extends string> = Map<number, { id: number } & Record<Name, string>>

export type Connection = {
  all<T>(sql: string, params?: readonly Param[]): Promise<T[]>
  /** As `all`, for many rows of numbers and texts (no bytes): 20 ms for 10 000 rows, where `all` takes 70. */
  range<T>(sql: string, params?: readonly Param[]): Promise<T[]>
  /** For many rows of an id and bytes, or NULL, which are left out: 20 ms for 10 000 headers, where `all` takes 90. */
  blobs(sql: string, params?: readonly Param[]): Promise<Map<number, Buffer>>
  /** For many rows of an id and texts under these names, none of them NULL: half of what `range` takes. */
  texts<Name extends string>(sql: string, names: readonly Name[], params?: readonly Param[]): Promise<Texts<Name>>
  run(sql: string, params?: readonly Param[]): Promise<{ changes: number }>
  /** Several statements without values: schema, BEGIN, COMMIT. */
  exec(sql: string): Promise<void>
  /** In their order, most of the time in one trip; their values are `?1`, `?2` … */
  write(statements: readonly Statement[]): Promise<void>
  /** Several as one, which takes back all of them if it fails; undefined where they can't be one. */
  asOne(statements: readonly Statement[]): Promise<Statement | undefined>
  /** The highest id ever given out in a table, even if its row is gone. */
  lastId(table: string): Promise<number>
  /** Lets go of the pages it keeps in memory; the system still has most of them. */
  rest(): Promise<void>
  close(): Promise<void>
}

/**
 * A kept statement keeps what was last bound to it, too; those with more are not kept. A batch of a busy gateway has
 * some 400 kB, and to prepare its statement takes as long as to run it.
 */
const KEPT_BYTES = 1 << 20
/** Those that ever had so much are kept no longer than there is work. */
const LARGE_BYTES = 64 << 10

type Mode = 'write' | 'read' | 'lock' | 'lying'

/** `lock` is for a database that holds nothing: who has it keeps it, so nobody waits for long. `lying` is `openLying`'s. */
export const openSqlite = async (file: string, mode: Mode): Promise<Connection> => {
  const flags = FLAGS[mode]
  const handle = await new Promise<sqlite3.Database>((resolve, reject) => {
    const opened: sqlite3.Database = new sqlite3.Database(file, flags, (error) => {
      if (error) reject(fault(error, file))
      else resolve(opened)
    })
  })
  const connection = connect(handle, mode === 'write' || mode === 'lock')
  await connection.exec(PRAGMAS[mode])
  return connection
}

/**
 * To read a home as it lies, perhaps on a disk that can't be written: there SQLite can't make the files that readers
 * of a log share, and has to be told that nobody writes. With a log beside it that would be half of the database.
 */
export const openLying = async (file: string): Promise<Connection> => {
  const connection = await openSqlite(file, 'read')
  try {
    await connection.all('SELECT 1 FROM sqlite_schema LIMIT 1')
    return connection
  } catch (error) {
    await connection.close()
    const isLogged = ((await stat(`${file}-wal`).catch(unlessThere))?.size ?? 0) > 0
    if ((error as { code?: string }).code !== 'SQLITE_CANTOPEN' || isLogged || !(await isReadOnly(file))) throw error
    return openSqlite(`${pathToFileURL(file).href}?immutable=1`, 'lying')
  }
}

const isReadOnly = (file: string): Promise<boolean> =>
  access(file, constants.W_OK).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'EROFS',
  )

const FLAGS = {
  read: sqlite3.OPEN_READONLY,
  lying: sqlite3.OPEN_READONLY | sqlite3.OPEN_URI,
  write: sqlite3.OPEN_READWRITE | sqlite3.OPEN_CREATE,
  lock: sqlite3.OPEN_READWRITE | sqlite3.OPEN_CREATE,
}

const READING = 'PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY'
const PRAGMAS = {
  read: READING,
  lying: READING,
  // FULL: a commit is on the disk when it returns. The log goes back into the database every 16 MB.
  write: `PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
    PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864`,
  // Of several that come at the same moment each may be in the others' way: without a wait now and then none gets it.
  lock: 'PRAGMA busy_timeout = 100',
}

const connect = (handle: sqlite3.Database, isWriter: boolean): Connection => {
  // A statement begins its next round only when the main thread has seen the last one's end; two of them overlap.
  const statements = keepStatements(handle, isWriter ? 1 : 2)
  const large = new Set<string>()
  const columnsOf = new Map<string, string[]>()
  let last: Promise<unknown> = Promise.resolve()

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    if (!isWriter) return work()
    const done = last.then(work, work)
    last = done
    return done
  }

  const all = <T>(sql: string, params: readonly Param[] = []): Promise<T[]> =>
    inTurn(async () => {
      const statement = await statements.get(plain(sql))
      return new Promise((resolve, reject) => {
        statement.all<T>(params.map(bound), (error, rows) => (error ? reject(fault(error, sql)) : resolve(rows)))
      })
    })

  const together = keepTogether((sql) => exec(sql))

  const run = (sql: string, params: readonly Param[] = []): Promise<{ changes: number }> =>
    inTurn(async () => {
      const values = params.map(bound)
      const size = sizeOf(values)
      const isKept = size <= KEPT_BYTES
      if (isKept && size > LARGE_BYTES) large.add(plain(sql))
      const statement = isKept ? await statements.get(plain(sql)) : await prepare(handle, plain(sql))
      return new Promise((resolve, reject) => {
        statement.run(values, function (error) {
          if (!isKept) statement.finalize()
          if (error) reject(fault(error, sql))
          else resolve({ changes: this.changes })
        })
      })
    })

  const exec = (sql: string): Promise<void> => {
    if (sql.startsWith('ROLLBACK')) together.forget()
    return inTurn(
      () =>
        new Promise((resolve, reject) => {
          handle.exec(sql, (error) => (error ? reject(fault(error, sql)) : resolve()))
        }),
    )
  }

  const write = async (statements: readonly Statement[]): Promise<void> => {
    const one = await together.asOne(statements)
    for (const { sql, params } of one ? [one] : statements) await run(sql, params)
  }

  const range = async <T>(sql: string, params: readonly Param[] = []): Promise<T[]> => {
    let columns = columnsOf.get(sql)
    if (!columns) {
      const [row] = await all<object>(`SELECT * FROM (${sql}) AS rows LIMIT 1`, params)
      if (!row) return []
      columns = Object.keys(row)
      columnsOf.set(sql, columns)
    }
    const cells = columns.map((name) => `"${name}"`).join(', ')
    const [found] = await all<{ rows: string }>(
      `SELECT json_group_array(json_array(${cells})) AS "rows" FROM (${sql}) AS rows`,
      params,
    )
    const rows: unknown[][] = JSON.parse(found?.rows ?? '[]')
    return rows.map((row) => named(columns, row) as T)
  }

  const blobs = async (sql: string, params: readonly Param[] = []): Promise<Map<number, Buffer>> => {
    // All bytes travel as one: group_concat takes any for text and changes none of them.
    const [found] = await all<{ sizes: string | null; bytes: Buffer | null }>(
      `SELECT ${sizesOf(['bytes'])} AS sizes, CAST(group_concat(bytes, '') AS BLOB) AS bytes
       FROM (${sql}) WHERE bytes IS NOT NULL`,
      params,
    )
    const sizes = numbersIn(found?.sizes)
    const rows = new Map<number, Buffer>()
    let at = 0
    for (let i = 0; i + 1 < sizes.length; i += 2) {
      const size = sizes[i + 1] ?? 0
      rows.set(sizes[i] ?? 0, found?.bytes?.subarray(at, at + size) ?? Buffer.alloc(0))
      at += size
    }
    return rows
  }

  const texts = async <Name extends string>(
    sql: string,
    names: readonly Name[],
    params: readonly Param[] = [],
  ): Promise<Texts<Name>> => {
    const columns = names.map((name, i) => `group_concat("${name}", '') AS c${i}`)
    const [found = {}] = await all<Record<string, string | null>>(
      `SELECT ${sizesOf(names)} AS sizes, ${columns.join(', ')} FROM (${sql})`,
      params,
    )
    const sizes = numbersIn(found.sizes)
    const width = names.length + 1
    const rows: Texts<Name> = new Map()
    for (let i = 0; i < sizes.length; i += width) {
      const id = sizes[i] ?? 0
      rows.set(id, { id } as { id: number } & Record<Name, string>)
    }
    for (const [n, name] of names.entries()) {
      const cut = cutter(found[`c${n}`] ?? '')
      let i = n + 1
      for (const row of rows.values()) {
        row[name] = cut(sizes[i] ?? 0) as (typeof row)[Name]
        i += width
      }
    }
    return rows
  }

  return {
    all,
    run,
    exec,
    range,
    blobs,
    texts,
    write,
    asOne: async (statements) => (statements.length === 1 ? statements[0] : together.asOne(statements)),
    async lastId(table) {
      // Kept by SQLite for AUTOINCREMENT, whoever chose the ids.
      const [row] = await all<{ seq: number }>('SELECT seq FROM sqlite_sequence WHERE name = ?', [table])
      return row?.seq ?? 0
    },
    async rest() {
      await statements.drop(large)
      large.clear()
      await exec('PRAGMA shrink_memory')
    },
    async close() {
      await last.catch(() => {})
      for (;;) {
        await statements.drop()
        const error = await new Promise<Error | null>((closed) => handle.close(closed))
        if (error === null) return
        // A read that was under way has made its next statement meanwhile: it is dropped, too.
        if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw fault(error, 'close')
      }
    },
  }
}

/** Names beside every cell would cost more than the cells: 10 000 rows as arrays are written and read in half the time. */
const named = (columns: readonly string[], cells: readonly unknown[]): object => {
  const row: Record<string, unknown> = {}
  for (let i = 0; i < columns.length; i++) row[columns[i] ?? ''] = cells[i]
  return row
}

/** The id of each row and how many octets it has in these columns, all of them in one text. */
const sizesOf = (names: readonly string[]): string =>
  `group_concat(${['id', ...names.map((name) => `octet_length("${name}")`)].join(" || ',' || ")})`

const numbersIn = (list: string | null | undefined): number[] => JSON.parse(`[${list ?? ''}]`)

/** Cuts a text from its beginning, by octets; where it is ASCII, those are its characters. */
const cutter = (text: string): ((octets: number) => string) => {
  let at = 0
  const bytes = Buffer.byteLength(text) === text.length ? undefined : Buffer.from(text)
  return (octets) => {
    at += octets
    return bytes ? bytes.toString('utf8', at - octets, at) : text.slice(at - octets, at)
  }
}

const plain = (sql: string): string => sql.replaceAll('(?*)', '(SELECT value FROM json_each(?))')
const isList = (param: Param): param is readonly (string | number)[] => Array.isArray(param)
const bound = (param: Param): Value => (isList(param) ? JSON.stringify(param) : param)
