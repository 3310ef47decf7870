/**
 * What a benchmark says: a table for people, the same as JSON in report/, and the statistics both stand on.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** The smallest value that at least this share of all values do not exceed. */
export const quantile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** 957, 50.3, 2.04: three digits that mean something. */
export const short = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3))

/** The first row is the head; columns but the first are flush right. */
export const printTable = (rows: readonly (readonly string[])[]): void => {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)))
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('   ')
  const [head = [], ...body] = rows
  console.log(`\n${line(head)}\n${widths.map((width) => '-'.repeat(width)).join('   ')}`)
  for (const row of body) console.log(line(row))
}

/** Whether a figure reaches what it has to. */
export const verdict = (value: number, relation: '≥' | '≤', target: number): string =>
  `${relation} ${target}: ${(relation === '≥' ? value >= target : value <= target) ? 'reached' : 'NOT REACHED'}`

/** Writes report/bench-<name>.json below the working directory. */
export const writeReport = (name: string, figures: object): void => {
  mkdirSync('report', { recursive: true })
  const machine = { node: process.version, cores: cpus().length, cpu: cpus()[0]?.model.trim() }
  const path = join('report', `bench-${name}.json`)
  writeFileSync(path, `${JSON.stringify({ at: new Date().toISOString(), machine, ...figures }, null, 2)}\n`)
  console.log(`\n${path} has the single runs.`)
}
