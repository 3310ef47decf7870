/** How answers look on a terminal: columns, times, sizes. */

/** Columns as wide as their widest cell; the last one is left as it is. */
export const table = (head: string[], rows: string[][]): string => {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)))
  return [head, ...rows]
    .map((row) => row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join('  '))
    .join('\n')
}

/** `name  value` a line. */
export const facts = (pairs: Record<string, string | undefined>): string => {
  const there = Object.entries(pairs).filter((pair): pair is [string, string] => pair[1] !== undefined)
  const width = Math.max(...there.map(([name]) => name.length))
  return there.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}

/** Local time, to the second. */
export const clock = (at: number | null | undefined): string => {
  if (at === null || at === undefined) return '-'
  const date = new Date(at - new Date(at).getTimezoneOffset() * 60_000)
  return date.toISOString().slice(0, 19).replace('T', ' ')
}

export const bytes = (size: number): string => {
  if (size < 1024) return `${size} B`
  if (size < 1024 ** 2) return `${(size / 1024).toFixed(1)} KiB`
  if (size < 1024 ** 3) return `${(size / 1024 ** 2).toFixed(1)} MiB`
  return `${(size / 1024 ** 3).toFixed(2)} GiB`
}

export const span = (ms: number): string => {
  const [s, min, h, d] = [ms / 1000, ms / 60_000, ms / 3_600_000, ms / 86_400_000]
  if (s < 60) return `${Math.round(s)} s`
  if (min < 60) return `${Math.round(min)} min`
  return h < 48 ? `${Math.round(h)} h` : `${Math.round(d)} d`
}

export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`
