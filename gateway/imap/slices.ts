/**
 * Long work in slices, so that no session waits for another's: between two of them everybody else has a turn.
 */
import { setImmediate as turn } from 'node:timers/promises'

/** A client does not notice so little; a turn costs some 10 µs. */
const SLICE_MS = 4

/** Runs a generator that pauses often (ranks.ts). */
export const inSlices = async <T>(work: Generator<void, T>): Promise<T> => {
  for (let until = performance.now() + SLICE_MS; ; ) {
    const step = work.next()
    if (step.done) return step.value
    if (performance.now() < until) continue
    await turn()
    until = performance.now() + SLICE_MS
  }
}

/** The items in pages of so many. */
export function* pages<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}
