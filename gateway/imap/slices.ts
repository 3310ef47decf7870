/**
 * Long work in slices, so that no session waits for another's: between two of them everybody else has a turn.
 */
import { setImmediate } from 'node:timers/promises'

/** A client does not notice so little; a turn costs some 10 µs. */
const SLICE_MS = 4

/** Everybody else first. */
export const turn = (): Promise<void> => setImmediate()

/** Of what is told line by line, each turn costs the client a wait: a mailbox of ten thousand is told in one or two. */
const TOLD_MS = 12

/** For work that is a loop, and tells: to be awaited between its steps. Once a slice is over, everybody else has a turn. */
export const slicing = (): (() => Promise<void>) => {
  let until = performance.now() + TOLD_MS
  return async () => {
    if (performance.now() < until) return
    await turn()
    until = performance.now() + TOLD_MS
  }
}

/**
 * Runs a generator that pauses often (src/mail/ranks.ts). Where it took several slices, what follows begins with a
 * fresh one.
 */
export const inSlices = async <T>(work: Generator<void, T>): Promise<T> => {
  let isLong = false
  for (let until = performance.now() + SLICE_MS; ; ) {
    const step = work.next()
    if (step.done) {
      if (isLong) await turn()
      return step.value
    }
    if (performance.now() < until) continue
    isLong = true
    await turn()
    until = performance.now() + SLICE_MS
  }
}

/** The items in pages of so many, and of so many bytes: but one at least. */
export function* pages<T>(
  items: readonly T[],
  size: number,
  bytesMax: number,
  bytesOf: (item: T) => number,
): Generator<T[]> {
  let page: T[] = []
  let bytes = 0
  for (const item of items) {
    bytes += bytesOf(item)
    if (page.length === size || (page.length > 0 && bytes > bytesMax)) {
      yield page
      page = []
      bytes = bytesOf(item)
    }
    page.push(item)
  }
  if (page.length > 0) yield page
}

/** A header has a MiB at most, and is no longer than its message. */
const HEADER_MAX = 1 << 20
const HEADERS_BYTES = 32 << 20

/** Messages in pages of so many, of which what headers say is in memory at once. */
export const headerPages = <T>(items: readonly T[], size: number, octetsOf: (item: T) => number): Generator<T[]> =>
  pages(items, size, HEADERS_BYTES, (item) => Math.min(octetsOf(item), HEADER_MAX))
