/**
 * Bounded work: a lane runs at most `width` tasks at once, in the order they came, and each key
 * only once at a time. A key asked for again while it waits or runs is run once more afterwards,
 * never beside itself: so an effect may be asked for as often as anybody likes.
 *
 * A task that throws met a fault of the world (disk, neighbour): it is run again after a while.
 */
export type Lane = {
  enter(key: string, task: () => Promise<void>): void
  /** Starts nothing more, and resolves when what runs has ended; what waits is durable elsewhere. */
  close(): Promise<void>
}

const AGAIN_FIRST_MS = 1_000
const AGAIN_LAST_MS = 60_000

/** Hears of a fault, for the log; `times` in a row it was this one. */
export type OnFault = (error: unknown, key: string, times: number) => void

export const openLane = (width: number, failed: OnFault): Lane => {
  const waiting = new Map<string, () => Promise<void>>()
  const running = new Set<string>()
  const again = new Map<string, () => Promise<void>>()
  const faults = new Map<string, { tries: number; why: string; times: number }>()
  const timers = new Set<NodeJS.Timeout>()
  let isClosed = false
  let emptied: () => void = () => {}

  const enter: Lane['enter'] = (key, task) => {
    if (isClosed) return
    if (running.has(key)) again.set(key, task)
    else waiting.set(key, task)
    fill()
  }

  const fill = () => {
    for (const [key, task] of waiting) {
      if (isClosed || running.size >= width) return
      waiting.delete(key)
      running.add(key)
      void run(key, task)
    }
  }

  const run = async (key: string, task: () => Promise<void>) => {
    try {
      await task()
      faults.delete(key)
    } catch (error) {
      fail(key, task, error)
    }
    running.delete(key)
    const next = again.get(key)
    again.delete(key)
    if (next) enter(key, next)
    fill()
    if (running.size === 0) emptied()
  }

  const fail = (key: string, task: () => Promise<void>, error: unknown) => {
    if (isClosed) return
    const { tries, ...before } = faults.get(key) ?? { tries: 0, why: '', times: 0 }
    const why = String(error)
    const times = why === before.why ? before.times + 1 : 1
    faults.set(key, { tries: tries + 1, why, times })
    failed(error, key, times)
    const timer = setTimeout(
      () => {
        timers.delete(timer)
        enter(key, task)
      },
      Math.min(AGAIN_LAST_MS, AGAIN_FIRST_MS * 2 ** tries),
    )
    timers.add(timer)
  }

  const close = () => {
    isClosed = true
    for (const timer of timers) clearTimeout(timer)
    return new Promise<void>((resolve) => {
      emptied = resolve
      if (running.size === 0) resolve()
    })
  }
  return { enter, close }
}
