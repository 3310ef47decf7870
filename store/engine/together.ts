/**
 * Several writes as one statement: a trip to a thread costs more than most of them do, and a thread's answer waits for
 * the main thread to come round.
 *
 *   a; b; c  ─first time─>  a view whose columns are their values, a trigger on it that runs a, b and c
 *            ───always───>  INSERT INTO the view VALUES (…): all of them, or none
 *
 * Views and triggers are the connection's own (TEMP). A rollback may take them back, and then they are made again.
 */
import type { Statement } from './bulk.ts'

/** A program has some ten combinations that come often; what comes beyond so many is written one by one. */
const COMBINATIONS_MAX = 64
const STATEMENTS_MAX = 16

export const keepTogether = (exec: (sql: string) => Promise<void>) => {
  const names = new Map<string, string>()
  const made = new Set<string>()

  /** @returns undefined where they have to be run one by one */
  const asOne = async (statements: readonly Statement[]): Promise<Statement | undefined> => {
    if (statements.length < 2 || statements.length > STATEMENTS_MAX) return undefined
    const text = statements.map(({ sql }) => sql).join(';\n')
    const name = names.get(text) ?? `together_${names.size}`
    if (!names.has(text) && names.size >= COMBINATIONS_MAX) return undefined
    names.set(text, name)
    if (!made.has(name)) await exec(schemaOf(name, statements))
    made.add(name)
    const params = statements.flatMap((one) => one.params)
    return { sql: `INSERT INTO ${name} VALUES (${params.map(() => '?').join(', ')})`, params }
  }
  return { asOne, forget: () => made.clear() }
}

const schemaOf = (name: string, statements: readonly Statement[]): string => {
  let count = 0
  const steps = statements.map(({ sql, params }) => {
    const before = count
    count += params.length
    return sql.replace(/\?(\d+)/g, (_, place: string) => `NEW.p${before + Number(place)}`)
  })
  const columns = Array.from({ length: count }, (_, i) => `NULL AS p${i + 1}`)
  return `CREATE TEMP VIEW IF NOT EXISTS ${name} AS SELECT ${columns.join(', ')};
    CREATE TEMP TRIGGER IF NOT EXISTS ${name}_write INSTEAD OF INSERT ON ${name} BEGIN ${steps.join('; ')}; END`
}
