/**
 * Gives back to the system what a busy hour took. V8 would collect in its own time, and glibc keeps
 * what is freed below something still in use: a gateway that had carried a few thousand letters
 * would hold some 30 to 50 MB that nobody uses.
 *
 *   busy --30 s with hardly any work--> the store's pages, one collection, and `malloc_trim`: together some 60 ms
 */
import type { Log } from './log.ts'
import { trimmer } from './malloc.ts'

type Resting = Record<'db' | 'texts', { rest(): Promise<void> }>

const LOOK_MS = 15_000
/** Of the time between two looks, the processor may have worked so much: the pings of 1 000 idle links need 0.018. */
const QUIET = 0.05
/** The engine and the store have by then let go of what they keep for seconds (store/fresh.ts). */
const QUIET_LOOKS = 2
/** Processor time in busy looks since the last rest, ms, for which another is worth its while. */
const WORTH_MS = 500

/** @param store what keeps pages in memory; @returns what ends it */
export const restAfterWork = (log: Log, store: Resting, lookMs = LOOK_MS): (() => void) => {
  const trim = trimmer()
  if (!trim && !global.gc) return () => {}
  let [quiet, worked] = [0, 0]
  let last = { user: 0, system: 0 } // the start is work, too
  const looks = setInterval(() => {
    const { user, system } = process.cpuUsage(last)
    last = process.cpuUsage()
    const spent = (user + system) / 1000
    quiet = spent < QUIET * lookMs ? quiet + 1 : 0
    if (quiet === 0) worked += spent
    if (quiet < QUIET_LOOKS || worked < WORTH_MS) return
    worked = 0
    void rest()
  }, lookMs).unref()
  const rest = async () => {
    const before = process.memoryUsage.rss()
    await Promise.all([store.db.rest(), store.texts.rest()]).catch(() => {}) // it is closed, or will do without
    global.gc?.()
    trim?.()
    log.debug({ area: 'memory', event: 'rested', before, after: process.memoryUsage.rss() }, 'memory is given back')
  }
  return () => clearInterval(looks)
}
