/**
 * Documents: values kept whole, as JSON under a key, with the few columns they are looked for by.
 * Loaded and saved in bulk: one statement for a batch, whatever its size.
 */
import type { Source, Tx } from './db.ts'
import type { Cell } from './engine/sqlite.ts'

export type Documents<Doc, Column extends string> = {
  /** Those there are, in no order. */
  load(from: Source, keys: readonly string[]): Promise<Doc[]>
  all(from: Source): Promise<Doc[]>
  /** Those with one of the values in a column. */
  by(from: Source, column: Column, values: readonly (string | number)[]): Promise<Doc[]>
  /** Those whose time has come, the longest due first. */
  due(from: Source, column: Column, now: number, limit: number): Promise<Doc[]>
  /** New or in place of the old. Of several with one key the last counts. */
  save(tx: Tx, docs: readonly Doc[]): Promise<void>
  drop(tx: Tx, keys: readonly string[]): Promise<void>
}

/** What a column holds of a document. */
type Columns<Doc, Column extends string> = Record<Column, (doc: Doc) => Cell | undefined>

export const documents = <Doc extends object, Column extends string>(
  table: string,
  key: (doc: Doc) => string,
  columns: Columns<Doc, Column>,
): Documents<Doc, Column> => {
  const names: Column[] = Object.keys(columns) as Column[]
  const read = async (from: Source, where: string, params: Parameters<Source['read']['range']>[1]): Promise<Doc[]> => {
    const rows = await from.read.range<{ data: string }>(`SELECT data FROM ${table} ${where}`, params)
    return rows.map(({ data }) => JSON.parse(data))
  }
  return {
    load: async (from, keys) => (keys.length === 0 ? [] : read(from, 'WHERE id IN (?*)', [keys])),
    all: (from) => read(from, '', []),
    by: (from, column, values) => read(from, `WHERE ${column} IN (?*)`, [values]),
    due: (from, column, now, limit) => read(from, `WHERE ${column} <= ? ORDER BY ${column} LIMIT ?`, [now, limit]),
    save: (tx, docs) => {
      // One statement may not meet a key twice.
      const last = new Map(docs.map((doc) => [key(doc), doc]))
      const rows = [...last].map(([id, doc]) => [id, ...names.map((name) => columns[name](doc) ?? null), doc])
      return tx.insertMany(table, ['id', ...names, 'data'], rows, { key: ['id'], update: [...names, 'data'] })
    },
    drop: async (tx, keys) => {
      if (keys.length > 0) await tx.run(`DELETE FROM ${table} WHERE id IN (?*)`, [keys])
    },
  }
}
