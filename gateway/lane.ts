/**
 * Bounded work: a lane runs at most `width` tasks at once, in the order they came, and each key
 * only once at a time. A key asked for again while it waits or runs is run once more afterwards,
 * never beside itself: so an effect may be asked for as often as anybody likes.
 */
export type Lane = { enter(key: string, task: () => Promise<void>): void; idle(): Promise<void> }

/** @param failed hears what a task threw: tasks settle their own failures, so this is a bug or a closing gateway */
export const openLane = (width: number, failed: (error: unknown) => void): Lane => {
  const waiting = new Map<string, () => Promise<void>>()
  const running = new Set<string>()
  const again = new Map<string, () => Promise<void>>()
  let emptied: (() => void)[] = []

  const enter: Lane['enter'] = (key, task) => {
    if (running.has(key)) again.set(key, task)
    else waiting.set(key, task)
    fill()
  }

  const fill = () => {
    for (const [key, task] of waiting) {
      if (running.size >= width) return
      waiting.delete(key)
      running.add(key)
      void task()
        .catch(failed)
        .finally(() => left(key))
    }
  }

  const left = (key: string) => {
    running.delete(key)
    const task = again.get(key)
    if (task) {
      again.delete(key)
      waiting.set(key, task)
    }
    fill()
    if (running.size > 0) return
    for (const resolve of emptied) resolve()
    emptied = []
  }

  const idle = () => (running.size === 0 ? Promise.resolve() : new Promise<void>((resolve) => emptied.push(resolve)))
  return { enter, idle }
}
