/**
 * Sequence sets: `2,4:7,9,12:*`. RFC 3501 §9 (sequence-set), RFC 4315 §4 (uid-set).
 *
 * `*` is the largest number in use and is kept as Infinity until that is known. A set is never spelled out as
 * numbers: `1:4294967295` stays one range.
 */
export type Range = { from: number; to: number }

const LARGEST = 0xffffffff

/** Undefined for anything that is not a sequence set. */
export const parseSet = (text: string): Range[] | undefined => {
  const ranges: Range[] = []
  for (const item of text.split(',')) {
    const [first, second, third] = item.split(':')
    const from = parseNumber(first)
    const to = second === undefined ? from : parseNumber(second)
    if (from === undefined || to === undefined || third !== undefined) return undefined
    ranges.push({ from, to })
  }
  return ranges
}

const parseNumber = (text: string | undefined): number | undefined => {
  if (text === '*') return Number.POSITIVE_INFINITY
  if (text === undefined || !/^[1-9]\d{0,9}$/.test(text)) return undefined
  const number = Number(text)
  return number > LARGEST ? undefined : number
}

/** Ascending, apart from each other, with `*` put in: `559:*` over 100 is 100:559, the last message included. */
export const resolveSet = (ranges: readonly Range[], largest: number): Range[] => {
  const known = ranges.map(({ from, to }) => {
    const a = from === Number.POSITIVE_INFINITY ? largest : from
    const b = to === Number.POSITIVE_INFINITY ? largest : to
    return a <= b ? { from: a, to: b } : { from: b, to: a }
  })
  known.sort((a, b) => a.from - b.from)
  const merged: Range[] = []
  for (const range of known) {
    const last = merged.at(-1)
    if (last && range.from <= last.to + 1) last.to = Math.max(last.to, range.to)
    else merged.push(range)
  }
  return merged
}

/** Numbers in the order given, runs of them as `a:b`: as COPYUID and SEARCH results want them. */
export const formatSet = (numbers: readonly number[]): string => {
  const items: string[] = []
  for (let i = 0; i < numbers.length; ) {
    let end = i
    while (numbers[end + 1] === (numbers[end] ?? 0) + 1) end++
    items.push(end === i ? `${numbers[i]}` : `${numbers[i]}:${numbers[end]}`)
    i = end + 1
  }
  return items.join(',')
}
