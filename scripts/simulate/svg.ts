/**
 * A line chart as SVG text: axes with round numbers, a legend, nothing that needs a script. Colours are
 * Okabe and Ito's, which also people see apart who see few colours. Sizes are pixels.
 */
type Axis = { label: string; isLog?: boolean }
/** Points by growing x. */
export type Series = { name: string; points: readonly (readonly [x: number, y: number])[] }
export type Plot = { title: string; x: Axis; y: Axis; series: readonly Series[] }

const [WIDTH, HEIGHT] = [820, 420]
const BOX = { left: 72, right: WIDTH - 260, top: 40, bottom: HEIGHT - 56 }
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000']

export const drawPlot = ({ title, x, y, series }: Plot): string => {
  const points = series.flatMap((one) => one.points).filter(([px, py]) => isDrawn(x, px) && isDrawn(y, py))
  const across = scaleOf(
    x,
    points.map(([px]) => px),
    BOX.left,
    BOX.right,
  )
  const up = scaleOf(
    y,
    points.map(([, py]) => py),
    BOX.bottom,
    BOX.top,
  )
  const parts = [
    text(BOX.left, 22, title, 'font-size="15" font-weight="bold"'),
    ...across.ticks.flatMap((tick) => [
      line(across.at(tick), BOX.top, across.at(tick), BOX.bottom, '#e4e4e4'),
      text(across.at(tick), BOX.bottom + 18, number(tick), 'text-anchor="middle"'),
    ]),
    ...up.ticks.flatMap((tick) => [
      line(BOX.left, up.at(tick), BOX.right, up.at(tick), '#e4e4e4'),
      text(BOX.left - 8, up.at(tick) + 4, number(tick), 'text-anchor="end"'),
    ]),
    line(BOX.left, BOX.bottom, BOX.right, BOX.bottom, '#444'),
    line(BOX.left, BOX.top, BOX.left, BOX.bottom, '#444'),
    text((BOX.left + BOX.right) / 2, HEIGHT - 16, x.label, 'text-anchor="middle"'),
    text(0, 0, y.label, `text-anchor="middle" transform="translate(16 ${(BOX.top + BOX.bottom) / 2}) rotate(-90)"`),
    ...series.flatMap((one, i) => [...curve(one, i, { x, y }, across.at, up.at), ...legend(one, i)]),
  ]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

/** A logarithm has no place for 0. */
const isDrawn = (axis: Axis, value: number): boolean => Number.isFinite(value) && (!axis.isLog || value > 0)

type Scale = { at(value: number): number; ticks: number[] }

const scaleOf = (axis: Axis, values: number[], start: number, end: number): Scale => {
  const least = Math.min(...values, axis.isLog ? Number.POSITIVE_INFINITY : 0)
  const most = Math.max(...values)
  if (values.length === 0 || least === most) return { at: () => start, ticks: [] }
  const [low, high, ticks] = axis.isLog ? decades(least, most) : steps(least, most)
  const turn = (value: number) => (axis.isLog ? Math.log10(value) : value)
  const stretch = (end - start) / (turn(high) - turn(low))
  return { at: (value) => start + (turn(value) - turn(low)) * stretch, ticks }
}

const decades = (least: number, most: number): [number, number, number[]] => {
  const first = Math.floor(Math.log10(least))
  const last = Math.max(first + 1, Math.ceil(Math.log10(most)))
  return [10 ** first, 10 ** last, Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i))]
}

/** Some five steps of 1, 2 or 5 times a power of ten. */
const steps = (least: number, most: number): [number, number, number[]] => {
  const rough = (most - least) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5].find((times) => times * power >= rough) ?? 10)
  const first = Math.floor(least / step)
  const count = Math.ceil(most / step) - first
  return [first * step, (first + count) * step, Array.from({ length: count + 1 }, (_, i) => (first + i) * step)]
}

const colourOf = (i: number): string => COLOURS[i % COLOURS.length] ?? '#000'

const curve = (
  one: Series,
  i: number,
  { x, y }: { x: Axis; y: Axis },
  across: (value: number) => number,
  up: (value: number) => number,
): string[] => {
  const drawn = one.points.filter(([px, py]) => isDrawn(x, px) && isDrawn(y, py))
  const way = drawn.map(([px, py]) => `${across(px).toFixed(1)},${up(py).toFixed(1)}`).join(' ')
  return [`<polyline fill="none" stroke="${colourOf(i)}" stroke-width="2" points="${way}"/>`]
}

const legend = (one: Series, i: number): string[] => {
  const [left, top] = [BOX.right + 14, BOX.top + 10 + 20 * i]
  return [
    `<line x1="${left}" y1="${top}" x2="${left + 22}" y2="${top}" stroke="${colourOf(i)}" stroke-width="2"/>`,
    text(left + 28, top + 4, one.name),
  ]
}

const line = (x1: number, y1: number, x2: number, y2: number, colour: string): string =>
  `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="${colour}"/>`

const text = (x: number, y: number, words: string, more = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escapeText(words)}</text>`

/** Also for HTML. */
export const escapeText = (words: string): string =>
  words.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')

const number = (value: number): string =>
  Math.abs(value) >= 10_000 ? `${Number((value / 1000).toPrecision(4))}k` : String(Number(value.toPrecision(4)))
