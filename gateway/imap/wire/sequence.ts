/**
 * Sequence sets: `2,4:7,9,12:*`. RFC 3501 §9 (sequence-set), RFC 4315 §4 (uid-set).
 *
 * `*` is the largest number in use and is kept as Infinity until that is known. A set is never spelled out as
 * numbers: `1:4294967295` stays one range.
 */
import type { Range } from '../../../store/range.ts'

/** No uid and no number is larger. RFC 3501 §9, nz-number. */
export const LARGEST = 0xffffffff

/** What `$` stands for: the messages the last search saved, whatever they are by then. RFC 5182. */
export const SAVED: Range[] = []

/** Undefined for anything that is not a sequence set. */
export const parseSet = (text: string): Range[] | undefined => {
  if (text === '$') return SAVED
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

/** What is in both; each ascending and apart, as `resolveSet` gives them. */
export const intersect = (some: readonly Range[], others: readonly Range[]): Range[] => {
  const both: Range[] = []
  for (let i = 0, k = 0; ; ) {
    const [a, b] = [some[i], others[k]]
    if (!a || !b) return both
    const [from, to] = [Math.max(a.from, b.from), Math.min(a.to, b.to)]
    if (from <= to) both.push({ from, to })
    if (a.to < b.to) i++
    else k++
  }
}

/** The ranges without some numbers; all ascending. */
export const without = (ranges: readonly Range[], numbers: readonly number[]): Range[] => {
  const rest: Range[] = []
  let next = 0
  for (const range of ranges) {
    let { from } = range
    while ((numbers[next] ?? Number.POSITIVE_INFINITY) < from) next++
    for (let number = numbers[next]; number !== undefined && number <= range.to; number = numbers[++next]) {
      if (number > from) rest.push({ from, to: number - 1 })
      from = number + 1
    }
    if (from <= range.to) rest.push({ from, to: range.to })
  }
  return rest
}

/** `1:3,7`. */
export const formatRanges = (ranges: readonly Range[]): string =>
  ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}:${to}`)).join(',')

/** Numbers in the order given, runs of them as `a:b`: as COPYUID and SEARCH results want them. */
export const formatSet = (numbers: readonly number[]): string => {
  const runs: string[] = [] // no objects: SORT tells a hundred thousand numbers in any order
  for (let i = 0; i < numbers.length; ) {
    const from = numbers[i++] ?? 0
    let to = from
    while (numbers[i] === to + 1) to = numbers[i++] ?? 0
    runs.push(from === to ? `${from}` : `${from}:${to}`)
  }
  return runs.join(',')
}

/** @param ranges ascending and apart, as `resolveSet` makes them */
export const isIn = (ranges: readonly Range[], number: number): boolean => {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ranges[middle]?.to ?? 0) < number) low = middle + 1
    else high = middle
  }
  const range = ranges[low]
  return range !== undefined && range.from <= number
}
