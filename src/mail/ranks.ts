/**
 * Values as ranks: numbers that compare as the values do, so that putting many in order compares none.
 *
 *   values     banana  apple  banana  cherry
 *   distinct   apple  banana  cherry
 *   ranks      1  0  1  2
 *
 * Pure. What may take long is a generator: it pauses often, and whoever runs it lets others in between.
 */

/** `distinct` ascends; a rank is a place in it. Never changed, only followed by another. */
export type Ranks = { readonly distinct: readonly (string | number)[]; readonly ranks: Uint32Array }

export const noRanks: Ranks = { distinct: [], ranks: new Uint32Array() }

/** So many steps take well under a millisecond. */
export const PAUSE_STEPS = 1000

/** With more values behind those that are known; all of one type. */
export function* ranked({ distinct, ranks }: Ranks, values: readonly (string | number)[]): Generator<void, Ranks> {
  if (values.length === 0) return { distinct, ranks }
  const places = new Map<number | string, number>()
  for (let i = 0; i < values.length; i++) {
    places.set(values[i] ?? 0, 0)
    if (i % PAUSE_STEPS === 0) yield
  }
  const merged: (string | number)[] = []
  const moved = new Uint32Array(distinct.length)
  let known = 0
  for (const value of yield* sorted([...places.keys()])) {
    for (let next = distinct[known]; next !== undefined && next < value; next = distinct[known]) {
      moved[known++] = merged.push(next) - 1
      if (merged.length % PAUSE_STEPS === 0) yield
    }
    if (distinct[known] === value) moved[known++] = merged.length
    places.set(value, merged.push(value) - 1)
    if (merged.length % PAUSE_STEPS === 0) yield
  }
  for (; known < distinct.length; known++) moved[known] = merged.push(distinct[known] ?? 0) - 1
  const all = new Uint32Array(ranks.length + values.length)
  yield
  for (let i = 0; i < ranks.length; i++) all[i] = at(moved, at(ranks, i))
  for (let i = 0; i < values.length; i++) {
    all[ranks.length + i] = places.get(values[i] ?? 0) ?? 0
    if (i % PAUSE_STEPS === 0) yield
  }
  return { distinct: merged, ranks: all }
}

/** As Array.sort, with pauses: short runs first, then two by two. */
function* sorted<T extends string | number>(values: readonly T[]): Generator<void, T[]> {
  let runs: T[][] = []
  const length = typeof values[0] === 'number' ? NUMBERS_RUN : PAUSE_STEPS
  for (let at = 0; at < values.length; at += length) {
    runs.push(ascending(values.slice(at, at + length)))
    yield
  }
  while (runs.length > 1) {
    const fewer: T[][] = []
    for (let i = 0; i < runs.length; i += 2) fewer.push(yield* merge(runs[i] ?? [], runs[i + 1] ?? []))
    runs = fewer
  }
  return runs[0] ?? []
}

/** So many numbers are sorted in a ms or two. */
const NUMBERS_RUN = 16_000

/** In a typed array, numbers need no comparisons by us. */
const ascending = <T extends string | number>(values: T[]): T[] =>
  typeof values[0] === 'number'
    ? (Array.from(Float64Array.from(values as number[]).sort()) as T[])
    : values.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))

function* merge<T extends string | number>(some: readonly T[], others: readonly T[]): Generator<void, T[]> {
  const all: T[] = []
  for (let i = 0, k = 0; ; ) {
    const [one, other] = [some[i], others[k]]
    if (one === undefined && other === undefined) return all
    const isOne = other === undefined || (one !== undefined && one <= other)
    all.push((isOne ? one : other) as T)
    if (isOne) i++
    else k++
    if (all.length % PAUSE_STEPS === 0) yield
  }
}

/**
 * Puts messages in order by one thing; those that are equal in it stay as they were. Criteria are put on top of each
 * other by ordering for the last of them first.
 *
 * @param order places in `slots`
 * @param slots where in `ranks` each message stands
 */
export const orderedBy = (order: Uint32Array, slots: Uint32Array, by: Ranks, isReverse = false): Uint32Array => {
  const last = by.distinct.length - 1
  const rankAt = (place: number): number => {
    const rank = at(by.ranks, at(slots, place))
    return isReverse ? last - rank : rank
  }
  const starts = new Uint32Array(by.distinct.length + 1)
  for (const place of order) {
    const behind = rankAt(place) + 1
    starts[behind] = at(starts, behind) + 1
  }
  for (let rank = 0; rank < last; rank++) starts[rank + 1] = at(starts, rank + 1) + at(starts, rank)
  const ordered = new Uint32Array(order.length)
  for (const place of order) {
    const rank = rankAt(place)
    ordered[at(starts, rank)] = place
    starts[rank] = at(starts, rank) + 1
  }
  return ordered
}

/** Of an array in which the place is. */
export const at = (numbers: Uint32Array | Int32Array, place: number): number => numbers[place] ?? 0

/** 0, 1, 2 and so on. */
export const countTo = (count: number): Uint32Array => {
  const numbers = new Uint32Array(count)
  for (let i = 0; i < count; i++) numbers[i] = i
  return numbers
}
