/**
 * SQLite, as one connection that answers promises.
 *
 * The rest of the store writes plain SQL for any engine and knows three things from here:
 *
 *   ?     a value
 *   ?*    a list of numbers or texts, of any length, empty too: `uid IN (?*)`
 *   bulk  `range`, `insertMany` and `updateMany`: one statement whatever the number of rows
 *
 * Bulk goes through JSON: a call per row costs a trip to a thread each, some 50 µs (SQLite itself: 3 µs).
 * JSON has no bytes, so those of all rows travel as one blob beside it, cut up again by `substr`.
 * Statements on a writing connection run strictly in the order of the calls. None is read halfway
 * (sqlite3's `get` would be), for that would hold an old snapshot open.
 */
import sqlite3 from 'sqlite3'
import { fault, keepStatements, prepare } from './statement.ts'

export type Value = string | number | boolean | null | Buffer
export type Param = Value | readonly (string | number)[]
/** A cell of a bulk write; an object is kept as its JSON text. */
export type Cell = Value | object
/** What a repeat of a key does: nothing, or these columns of the row replace the old ones. */
export type OnRepeat = { key: readonly string[]; update: readonly string[] }

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
  insertMany(
    table: string,
    columns: readonly string[],
    rows: readonly (readonly Cell[])[],
    repeat?: OnRepeat,
  ): Promise<void>
  /** Each row begins with the key, then come the new values of `columns`. Keys that are not there are skipped. */
  updateMany(table: string, key: string, columns: readonly string[], rows: readonly (readonly Cell[])[]): Promise<void>
  /** The highest id ever given out in a table, even if its row is gone. */
  lastId(table: string): Promise<number>
  close(): Promise<void>
}

/** One statement carries at most this much: it is copied twice on its way. */
const BULK_BYTES = 4 << 20
const BULK_ROWS = 1000
/** A kept statement keeps what was last bound to it, too; those with more are not kept. */
const KEPT_BYTES = 64 << 10

/** `lock` is for a database that holds nothing: it never waits for another process. */
export const openSqlite = async (file: string, mode: 'write' | 'read' | 'lock'): Promise<Connection> => {
  const flags = mode === 'read' ? sqlite3.OPEN_READONLY : sqlite3.OPEN_READWRITE | sqlite3.OPEN_CREATE
  const handle = await new Promise<sqlite3.Database>((resolve, reject) => {
    const opened: sqlite3.Database = new sqlite3.Database(file, flags, (error) => {
      if (error) reject(fault(error, file))
      else resolve(opened)
    })
  })
  const connection = connect(handle, mode !== 'read')
  await connection.exec(PRAGMAS[mode])
  return connection
}

const PRAGMAS = {
  read: 'PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY',
  // FULL: a commit is on the disk when it returns. The log goes back into the database every 16 MB.
  write: `PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
    PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864`,
  lock: 'PRAGMA busy_timeout = 0',
}

const connect = (handle: sqlite3.Database, isWriter: boolean): Connection => {
  // A statement begins its next round only when the main thread has seen the last one's end; two of them overlap.
  const statements = keepStatements(handle, isWriter ? 1 : 2)
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

  const run = (sql: string, params: readonly Param[] = []): Promise<{ changes: number }> =>
    inTurn(async () => {
      const values = params.map(bound)
      const isKept = sizeOf(values) <= KEPT_BYTES
      const statement = isKept ? await statements.get(plain(sql)) : await prepare(handle, plain(sql))
      return new Promise((resolve, reject) => {
        statement.run(values, function (error) {
          if (!isKept) statement.finalize()
          if (error) reject(fault(error, sql))
          else resolve({ changes: this.changes })
        })
      })
    })

  const exec = (sql: string): Promise<void> =>
    inTurn(
      () =>
        new Promise((resolve, reject) => {
          handle.exec(sql, (error) => (error ? reject(fault(error, sql)) : resolve()))
        }),
    )

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
    async insertMany(table, columns, rows, repeat) {
      for (const { json, blob, blobs } of packed(rows)) {
        const cells = columns.map((_, i) => cell(i, blobs.has(i)))
        const sql = `INSERT INTO ${table} (${columns.join(', ')}) SELECT ${cells.join(', ')} FROM json_each(?1)`
        await run(`${sql}${repeat ? ` WHERE true ${onRepeat(repeat)}` : ''}`, blob ? [json, blob] : [json])
      }
    },
    async updateMany(table, key, columns, rows) {
      for (const { json, blob, blobs } of packed(rows)) {
        const cells = columns.map((_, i) => `${cell(i + 1, blobs.has(i + 1))} AS c${i}`)
        const sets = columns.map((name, i) => `${name} = fresh.c${i}`)
        const fresh = `SELECT value ->> 0 AS k, ${cells.join(', ')} FROM json_each(?1)`
        const sql = `UPDATE ${table} SET ${sets.join(', ')} FROM (${fresh}) AS fresh WHERE ${table}.${key} = fresh.k`
        await run(sql, blob ? [json, blob] : [json])
      }
    },
    async lastId(table) {
      // Kept by SQLite for AUTOINCREMENT, whoever chose the ids.
      const [row] = await all<{ seq: number }>('SELECT seq FROM sqlite_sequence WHERE name = ?', [table])
      return row?.seq ?? 0
    },
    async close() {
      await last.catch(() => {})
      await statements.drop()
      await new Promise<void>((resolve, reject) => {
        handle.close((error) => (error ? reject(fault(error, 'close')) : resolve()))
      })
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
const sizeOf = (values: readonly Value[]): number =>
  values.reduce<number>(
    (sum, value) => sum + (typeof value === 'object' || typeof value === 'string' ? (value?.length ?? 0) : 8),
    0,
  )

const cell = (index: number, isBlob: boolean): string =>
  isBlob ? `substr(?2, (value ->> ${index} ->> 0) + 1, value ->> ${index} ->> 1)` : `value ->> ${index}`

const onRepeat = ({ key, update }: OnRepeat): string => {
  const sets = update.map((name) => `${name} = excluded.${name}`)
  return `ON CONFLICT (${key.join(', ')}) DO ${sets.length > 0 ? `UPDATE SET ${sets.join(', ')}` : 'NOTHING'}`
}

type Packed = { json: string; blob: Buffer | null; blobs: ReadonlySet<number> }

/** Rows as JSON arrays; bytes become their place in the blob, [offset, length]. */
function* packed(rows: readonly (readonly Cell[])[]): Generator<Packed> {
  // One statement text for all packs of a call: the columns that hold bytes anywhere.
  const blobs = new Set<number>()
  for (const row of rows) {
    for (let i = 0; i < row.length; i++) if (Buffer.isBuffer(row[i])) blobs.add(i)
  }
  let cells: unknown[][] = []
  let pieces: Buffer[] = []
  let at = 0
  // One byte more, for sqlite3 takes an empty blob for NULL.
  const pack = (): Packed => ({
    json: JSON.stringify(cells),
    blob: blobs.size > 0 ? Buffer.concat([...pieces, ONE_BYTE]) : null,
    blobs,
  })
  for (const row of rows) {
    if (cells.length >= BULK_ROWS || at >= BULK_BYTES) {
      yield pack()
      cells = []
      pieces = []
      at = 0
    }
    cells.push(
      row.map((value) => {
        if (!Buffer.isBuffer(value)) return value
        pieces.push(value)
        at += value.length
        return [at - value.length, value.length]
      }),
    )
  }
  if (cells.length > 0) yield pack()
}

const ONE_BYTE = Buffer.alloc(1)
