/**
 * Documents: values kept whole, as JSON under a key, with the few columns they are looked for by.
 * Loaded and saved in bulk: one statement for a batch, whatever its size. What may be many comes in
 * pages or as keys alone, for a page stalls the loop only some milliseconds.
 */
import type { Source, Tx } from './db.ts'
import type { Cell } from './engine/bulk.ts'
import type { Param } from './engine/sqlite.ts'

export type Documents<Doc, Column extends string> = {
  readonly table: string
  keyOf(doc: Doc): string
  /** Those there are, in no order. */
  load(from: Source, keys: readonly string[]): Promise<Doc[]>
  /** All of them, read page by page, by key. */
  all(from: Source): Promise<Doc[]>
  /** Those with one of the values in a column, at most `limit`. */
  by(from: Source, column: Column, values: readonly (string | number)[], limit?: number): Promise<Doc[]>
  /** Keys alone, and of all unless a limit is given: also where they are a hundred thousand. */
  keysBy(from: Source, column: Column, values: readonly (string | number)[], limit?: number): Promise<string[]>
  /** Keys of those whose time has come, the longest due first. */
  due(from: Source, column: Column, now: number, limit: number): Promise<string[]>
  /** New or in place of the old. Of several with one key the last counts. */
  save(tx: Tx, docs: readonly Doc[]): Promise<void>
  drop(tx: Tx, keys: readonly string[]): Promise<void>
}

/** What a column holds of a document. */
type Columns<Doc, Column extends string> = Record<Column, (doc: Doc) => Cell | undefined>

const PAGE = 500

/** Documents of several tables by their keys, all in one trip; each of those there are is given to the `take` of its own. */
export const loadTogether = async (from: Source, wanted: readonly Wanted[]): Promise<void> => {
  const asked = wanted.filter(({ keys }) => keys.length > 0)
  if (asked.length === 0) return
  const sql = asked.map(({ table }) => `SELECT '${table}' AS "table", data FROM ${table} WHERE id IN (?*)`)
  const rows = await from.read.range<{ table: string; data: string }>(
    sql.join(' UNION ALL '),
    asked.map(({ keys }) => keys),
  )
  const takes = new Map(asked.map(({ table, take }) => [table, take]))
  for (const { table, data } of rows) takes.get(table)?.(data)
}

type Wanted = { table: string; keys: readonly string[]; take(data: string): void }

/** @param take is given each document there is */
export const wants = <Doc>(
  { table }: Documents<Doc, never>,
  keys: readonly string[],
  take: (doc: Doc) => void,
): Wanted => ({ table, keys, take: (data) => take(JSON.parse(data)) })

/** @param fixed columns that stay what they were at first: their indexes are left alone when a document is replaced */
export const documents = <Doc extends object, Column extends string>(
  table: string,
  key: (doc: Doc) => string,
  columns: Columns<Doc, Column>,
  fixed: readonly Column[] = [],
): Documents<Doc, Column> => {
  const names: Column[] = Object.keys(columns) as Column[]
  const update = [...names.filter((name) => !fixed.includes(name)), 'data']
  const read = async (from: Source, where: string, params: readonly Param[]): Promise<Doc[]> => {
    const rows = await from.read.range<{ data: string }>(`SELECT data FROM ${table} ${where}`, params)
    return rows.map(({ data }) => JSON.parse(data))
  }
  const readKeys = async (from: Source, where: string, params: readonly Param[]): Promise<string[]> => {
    const rows = await from.read.range<{ id: string }>(`SELECT id FROM ${table} ${where}`, params)
    return rows.map(({ id }) => id)
  }
  return {
    table,
    keyOf: key,
    load: async (from, keys) => (keys.length === 0 ? [] : read(from, 'WHERE id IN (?*)', [keys])),
    async all(from) {
      const docs: Doc[] = []
      for (let after = ''; ; ) {
        const page = await read(from, `WHERE id > ? ORDER BY id LIMIT ${PAGE}`, [after])
        docs.push(...page)
        const last = page.at(-1)
        if (last === undefined || page.length < PAGE) return docs
        after = key(last)
      }
    },
    by: (from, column, values, limit = PAGE) => read(from, `WHERE ${column} IN (?*) LIMIT ?`, [values, limit]),
    keysBy: (from, column, values, limit = Number.MAX_SAFE_INTEGER) =>
      readKeys(from, `WHERE ${column} IN (?*) LIMIT ?`, [values, limit]),
    due: (from, column, now, limit) => readKeys(from, `WHERE ${column} <= ? ORDER BY ${column} LIMIT ?`, [now, limit]),
    save: async (tx, docs) => {
      if (docs.length === 0) return
      // One statement may not meet a key twice.
      const last = new Map(docs.map((doc) => [key(doc), doc]))
      const rows = [...last].map(([id, doc]) => [id, ...names.map((name) => columns[name](doc) ?? null), doc])
      await tx.insertMany(table, ['id', ...names, 'data'], rows, { key: ['id'], update })
    },
    drop: async (tx, keys) => {
      const sql = `DELETE FROM ${table} WHERE id IN (SELECT value FROM json_each(?1))`
      if (keys.length > 0) await tx.later(sql, [JSON.stringify(keys)])
    },
  }
}
