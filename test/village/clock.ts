/**
 * Time that passes only when nothing else is left to do at this moment. What is planned for the
 * same millisecond happens in the order it was planned, so a seed always gives the same run.
 */
export type Clock = {
  readonly now: number
  /** Plans `run` for `delayMs` from now. */
  in(delayMs: number, run: () => void): void
  /** Lets everything happen that is planned up to `until`. */
  passUntil(until: number): void
}

type Planned = { at: number; order: number; run: () => void }

export const openClock = (start: number): Clock => {
  let now = start
  let order = 0
  const heap: Planned[] = []

  const isBefore = (a: Planned, b: Planned) => a.at < b.at || (a.at === b.at && a.order < b.order)
  const at = (i: number): Planned => heap[i] as Planned
  const swap = (i: number, j: number) => {
    const one = at(i)
    heap[i] = at(j)
    heap[j] = one
  }
  const push = (planned: Planned) => {
    heap.push(planned)
    for (let i = heap.length - 1; i > 0; ) {
      const parent = (i - 1) >> 1
      if (!isBefore(at(i), at(parent))) return
      swap(i, parent)
      i = parent
    }
  }
  const pop = (): Planned => {
    const first = at(0)
    swap(0, heap.length - 1)
    heap.pop()
    for (let i = 0; ; ) {
      let least = i
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < heap.length && isBefore(at(child), at(least))) least = child
      if (least === i) return first
      swap(i, least)
      i = least
    }
  }

  return {
    get now() {
      return now
    },
    in: (delayMs, run) => push({ at: now + Math.max(0, delayMs), order: order++, run }),
    passUntil(until) {
      while (heap.length > 0 && at(0).at <= until) {
        const { at: when, run } = pop()
        now = when
        run()
      }
      now = until
    },
  }
}
