/**
 * Long work in slices, so that no session waits for another's: between two of them everybody else has a turn.
 */
import { setImmediate } from 'node:timers/promises'

/** A client does not notice so little; a turn costs some 10 µs. */
const SLICE_MS = 4

/** Everybody else first. */
export const turn = (): Promise<void> => setImmediate()

/** Runs a generator that pauses often (ranks.ts). Where it took several slices, what follows begins with a fresh one. */
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

/** The items in pages of so many. */
export function* pages<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}
