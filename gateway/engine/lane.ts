/**
 * Bounded work: a lane runs at most `width` tasks at once, in the order they came, and each key
 * only once at a time. A key asked for again while it waits or runs is run once more afterwards,
 * never beside itself: so an effect may be asked for as often as anybody likes.
 *
 * Of those who may keep a task waiting each has a share of the width: whoever is slow keeps nobody else's tasks waiting.
 *
 * A task that throws met a fault of the world (disk, neighbour): it is run again after a while.
 */
import { Tally } from '../tally.ts'

type Lane = {
  /** @param who may keep it waiting: a neighbour, or what is as large */
  enter(key: string, task: Task, who?: string): void
  /** Starts nothing more, and resolves when what runs has ended; what waits is durable elsewhere. */
  close(): Promise<void>
}

type Task = () => Promise<void>
type Entered = { key: string; task: Task; who: string }

const AGAIN_FIRST_MS = 1_000
const AGAIN_LAST_MS = 60_000

/** Hears of a fault, for the log; `times` in a row it was this one. */
type OnFault = (error: unknown, key: string, times: number) => void

/** @param share of one `who`, out of `width` */
export const openLane = (width: number, failed: OnFault, share = width): Lane => {
  const waiting = new Map<string, Map<string, Task>>() // by who, and key
  const running = new Set<string>()
  const taken = new Tally<string>()
  const again = new Map<string, Entered>()
  const faults = new Map<string, { tries: number; why: string; times: number }>()
  const timers = new Set<NodeJS.Timeout>()
  let isClosed = false
  let emptied: () => void = () => {}

  const enter: Lane['enter'] = (key, task, who = '') => {
    if (isClosed) return
    if (running.has(key)) again.set(key, { key, task, who })
    else wait({ key, task, who })
    fill()
  }

  /** Of a task that is for somebody else by now, the last counts. */
  const wait = ({ key, task, who }: Entered) => {
    for (const [other, tasks] of waiting) if (other !== who) tasks.delete(key)
    waiting.set(who, (waiting.get(who) ?? new Map<string, Task>()).set(key, task))
  }

  const fill = () => {
    for (const [who, tasks] of waiting) {
      if (isClosed || running.size >= width) return
      const [first] = tasks
      if (first !== undefined && !taken.take(who, share)) continue
      waiting.delete(who)
      if (first === undefined) continue
      const [key, task] = first
      tasks.delete(key)
      if (tasks.size > 0) waiting.set(who, tasks) // behind the others: they take turns
      running.add(key)
      void run({ key, task, who })
    }
  }

  const run = async ({ key, task, who }: Entered) => {
    try {
      await task()
      faults.delete(key)
    } catch (error) {
      fail({ key, task, who }, error)
    }
    running.delete(key)
    taken.give(who)
    const next = again.get(key)
    again.delete(key)
    if (next) enter(key, next.task, next.who)
    fill()
    if (running.size === 0) emptied()
  }

  const fail = ({ key, task, who }: Entered, error: unknown) => {
    if (isClosed) return
    const { tries, ...before } = faults.get(key) ?? { tries: 0, why: '', times: 0 }
    const why = String(error)
    const times = why === before.why ? before.times + 1 : 1
    faults.set(key, { tries: tries + 1, why, times })
    failed(error, key, times)
    const timer = setTimeout(
      () => {
        timers.delete(timer)
        enter(key, task, who)
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
