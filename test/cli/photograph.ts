/** What a camera sees of half blocks on a terminal that paints black on white: a PGM picture. */
const PIXELS = 6 // to a module

const [PAINT, PLAIN] = ['\x1b[30;107m', '\x1b[0m']

/** The characters between its colours. @throws Error if it does not begin and end with them */
export const drawnOn = (line: string): string[] => {
  if (line.startsWith(PAINT) && line.endsWith(PLAIN)) return [...line.slice(PAINT.length, -PLAIN.length)]
  throw new Error('a line sets its colours and takes them back')
}

export const photograph = (terminal: string): Buffer => {
  const lines = terminal.split('\n').map(drawnOn)
  const rows = lines.flatMap((line) => [
    line.map((char) => char === '▀' || char === '█'),
    line.map((char) => char === '▄' || char === '█'),
  ])
  const width = (rows[0]?.length ?? 0) * PIXELS
  const wide = rows.map((row) => Buffer.from(row.flatMap((isDark) => new Array<number>(PIXELS).fill(isDark ? 0 : 255))))
  const tall = wide.flatMap((row) => new Array<Buffer>(PIXELS).fill(row))
  return Buffer.concat([Buffer.from(`P5 ${width} ${tall.length} 255\n`), ...tall])
}
