/**
 * Bulk writes: rows as one statement, whatever their number.
 *
 * They go through JSON: a call per row costs a trip to a thread each, some 50 µs (SQLite itself: 3 µs).
 * JSON has no bytes, so those of all rows travel as one blob beside it, cut up again by `substr`.
 */

export type Value = string | number | boolean | null | Buffer
/** A cell of a bulk write; an object is kept as its JSON text. */
export type Cell = Value | object
type Rows = readonly (readonly Cell[])[]
/** What a repeat of a key does: nothing, or these columns of the row replace the old ones. */
export type OnRepeat = { key: readonly string[]; update: readonly string[] }
export type Statement = { sql: string; params: readonly Value[] }

/** One statement carries at most this much: it is copied twice on its way. */
const BULK_BYTES = 4 << 20
const BULK_ROWS = 1000

/** One statement, as long as the rows fit in it. Bytes of a row that comes alone need no cutting up. */
export function* inserts(
  table: string,
  columns: readonly string[],
  rows: Rows,
  repeat?: OnRepeat,
): Generator<Statement> {
  const [row] = rows
  if (row && rows.length === 1 && hasBytes(row)) {
    const sql = `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map((_, i) => `?${i + 1}`).join(', ')})`
    return yield { sql: repeat ? `${sql} ${onRepeat(repeat)}` : sql, params: row.map(alone) }
  }
  for (const { params, blobs } of packed(rows)) {
    const cells = columns.map((_, i) => cell(i, blobs.has(i)))
    const sql = `INSERT INTO ${table} (${columns.join(', ')}) SELECT ${cells.join(', ')} FROM json_each(?1)`
    yield { sql: repeat ? `${sql} WHERE true ${onRepeat(repeat)}` : sql, params }
  }
}

/** Each row begins with the key, then come the new values of `columns`. Keys that are not there are skipped. */
export function* updates(table: string, key: string, columns: readonly string[], rows: Rows): Generator<Statement> {
  for (const { params, blobs } of packed(rows)) {
    const cells = columns.map((_, i) => `${cell(i + 1, blobs.has(i + 1))} AS c${i}`)
    const sets = columns.map((name, i) => `${name} = fresh.c${i}`)
    const fresh = `SELECT value ->> 0 AS k, ${cells.join(', ')} FROM json_each(?1)`
    const sql = `UPDATE ${table} SET ${sets.join(', ')} FROM (${fresh}) AS fresh WHERE ${table}.${key} = fresh.k`
    yield { sql, params }
  }
}

/** About how many bytes the values are. */
export const sizeOf = (values: readonly Value[]): number =>
  values.reduce<number>(
    (sum, value) => sum + (typeof value === 'object' || typeof value === 'string' ? (value?.length ?? 0) : 8),
    0,
  )

/** Not where one of them is empty: sqlite3 takes that for NULL. */
const hasBytes = (row: readonly Cell[]): boolean => {
  const blobs = row.filter((cell) => Buffer.isBuffer(cell))
  return blobs.length > 0 && blobs.every((blob) => blob.length > 0)
}

const alone = (value: Cell): Value =>
  typeof value === 'object' && value !== null && !Buffer.isBuffer(value) ? JSON.stringify(value) : value

const cell = (index: number, isBlob: boolean): string =>
  isBlob ? `substr(?2, (value ->> ${index} ->> 0) + 1, value ->> ${index} ->> 1)` : `value ->> ${index}`

const onRepeat = ({ key, update }: OnRepeat): string => {
  const sets = update.map((name) => `${name} = excluded.${name}`)
  return `ON CONFLICT (${key.join(', ')}) DO ${sets.length > 0 ? `UPDATE SET ${sets.join(', ')}` : 'NOTHING'}`
}

type Packed = { params: Value[]; blobs: ReadonlySet<number> }

/** Rows as JSON arrays; bytes become their place in the blob, [offset, length]. */
function* packed(rows: Rows): Generator<Packed> {
  // One statement text for all packs of a call: the columns that hold bytes anywhere.
  const blobs = new Set<number>()
  for (const row of rows) {
    for (let i = 0; i < row.length; i++) if (Buffer.isBuffer(row[i])) blobs.add(i)
  }
  let cells: unknown[][] = []
  let pieces: Buffer[] = []
  let at = 0
  // One byte more, for sqlite3 takes an empty blob for NULL.
  const pack = (): Packed => {
    const json = JSON.stringify(cells)
    return { params: blobs.size > 0 ? [json, Buffer.concat([...pieces, ONE_BYTE])] : [json], blobs }
  }
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
