/**
 * People's gestures, from the change stream of the store to the judgement that is sent.
 *
 *   changes gather ─> where the messages are now ─> signs (src/complaint/sign.ts)
 *     junk, out ─> a row, durable; what is due is done (deed.ts), tried again after a fault
 *     wanted    ─> judged after the grace, so that a message read and then thrown on Junk was never wanted
 *
 * `wanted` lives in memory alone: a message nobody said anything about counts as wanted after a week.
 * A gesture whose row a crash prevented is seen again at the start, by where the messages lie.
 */
import { COMPLAINT_LIFE_MS, type Gesture, idOf, junk, out } from '../../src/complaint/gesture.ts'
import { type Folder, isMarkedNot, type Lying, signOf } from '../../src/complaint/sign.ts'
import type { Grievance } from '../../src/complaint/verdict.ts'
import type { Provenance } from '../../src/state.ts'
import { gestures, type Placed } from '../../store/gesture.ts'
import type { Core } from '../core.ts'
import { type DoDeed, type Judging, openDeeds } from './deed.ts'
import { WantedOnce } from './wanted.ts'
import { type Watch, watchMessages } from './watch.ts'

export type Gestures = {
  /** All that is remembered, the newest first. */
  list(): Gesture[]
  /** A complaint in words: without a grace. @returns undefined if it is too old, or was made already */
  raise(account: number, provenance: Provenance, reason: Grievance): Promise<Gesture | undefined>
  /** Takes back what was said. @returns undefined if nothing was */
  takeBack(id: string): Promise<Gesture | undefined>
  /** Somebody answered this message: it was wanted. */
  answered(provenance: Judged): void
  /** From now on mail clients are watched, and what is due is done. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** Of where a message came from, what its judgement needs. */
type Judged = Pick<Provenance, 'key' | 'at' | 'path'>
type Pressed = { account: number; message: number; provenance: Provenance; wasMarked?: boolean }
type Has = Pick<Core, 'store' | 'engine' | 'log' | 'now'>

/** A deed that met a fault is tried again. */
const AGAIN_MS = 30_000
/** Judgements in one go: as many as a batch of the engine takes (gateway/engine/engine.ts). */
const TOGETHER = 256
/** A timer holds 24 days at most; a look a day costs nothing. */
const SLEEP_MAX_MS = 86_400_000

/** @param judging sends what was decided on its way */
export const openGestures = async (core: Has, graceMs: number, judging: Judging): Promise<Gestures> =>
  new Book(core, graceMs, judging, await gestures.all(core.store.db))

class Book implements Gestures {
  private readonly core: Has
  private readonly graceMs: number
  private readonly judging: Judging
  private readonly rows: Map<string, Gesture>
  private readonly doDeed: DoDeed
  private readonly watch: Watch
  private readonly wanted = new WantedOnce()
  private timer: NodeJS.Timeout | undefined
  private wakeAt = Number.POSITIVE_INFINITY
  private isRunning = false
  private work: Promise<unknown> = Promise.resolve()

  constructor(core: Has, graceMs: number, judging: Judging, rows: readonly Gesture[]) {
    this.core = core
    this.graceMs = graceMs
    this.judging = judging
    this.rows = new Map(rows.map((row) => [row.id, row]))
    this.doDeed = openDeeds(core, judging)
    this.watch = watchMessages(core, (one, ...where) => this.inTurn(() => this.take(one, ...where)))
  }

  list(): Gesture[] {
    return [...this.rows.values()].sort((a, b) => b.at - a.at)
  }

  raise(account: number, provenance: Provenance, reason: Grievance): Promise<Gesture | undefined> {
    return this.inTurn(async () => {
      const was = this.rows.get(idOf(account, provenance))
      const row = junk(was, { account, provenance, reason }, 0, this.core.now())
      if (row !== undefined) await this.keep(row.id, row)
      return row
    })
  }

  takeBack(id: string): Promise<Gesture | undefined> {
    return this.inTurn(async () => {
      const was = this.rows.get(id)
      return was && (await this.undo(was))
    })
  }

  /** What never left this gateway is between its users, and what is a week old has been judged by silence. */
  answered({ key, at, path }: Judged): void {
    const now = this.core.now()
    if (path.length < 2 || at + COMPLAINT_LIFE_MS < now) return
    this.wanted.add(key, now + this.graceMs)
    this.wakeBy(now + this.graceMs)
  }

  async start(): Promise<void> {
    this.isRunning = true
    const before = [...this.rows.values()].flatMap(({ message }) => message ?? [])
    await this.watch.start(before)
    this.wakeBy(this.core.now())
  }

  async stop(): Promise<void> {
    this.isRunning = false
    this.watch.stop()
    clearTimeout(this.timer)
    await this.work
  }

  private async take(one: Placed, lying: Lying, from?: Folder): Promise<void> {
    const { account, provenance, id: message } = one
    const was = this.rows.get(idOf(account, provenance))
    const sign = signOf(lying, from, was?.wasMarked)
    if (sign === 'junk')
      await this.press(was, { account, message, provenance, ...(isMarkedNot(lying) && { wasMarked: true }) })
    // Of a message that lies elsewhere now, only if it is the very one that was pressed: clients that copy leave another behind.
    else if (was && (sign === 'out' || (sign !== 'nothing' && was.message === message))) await this.undo(was)
    if (sign === 'wanted') this.answered(provenance)
  }

  private async press(was: Gesture | undefined, pressed: Pressed): Promise<void> {
    this.wanted.remove(pressed.provenance.key)
    const row = junk(was, { ...pressed, reason: 'abuse' }, this.graceMs, this.core.now())
    if (row !== undefined) await this.keep(row.id, row)
    else if (was?.stage === 'pending' && was.message !== pressed.message)
      await this.keep(was.id, { ...was, message: pressed.message })
  }

  private async undo(was: Gesture): Promise<Gesture | undefined> {
    const row = out(was, this.core.now())
    if (row === undefined) return undefined
    await this.keep(was.id, row)
    return row === 'forget' ? was : row
  }

  private async keep(id: string, row: Gesture | 'forget'): Promise<void> {
    const { db } = this.core.store
    await db.transaction((tx) => (row === 'forget' ? gestures.drop(tx, [id]) : gestures.save(tx, [row])))
    this.remember(id, row)
  }

  private remember(id: string, row: Gesture | 'forget'): void {
    if (row === 'forget') this.rows.delete(id)
    else {
      this.rows.set(id, row)
      this.wakeBy(row.dueAt)
    }
  }

  /** Wakes no later than this. */
  private wakeBy(at: number): void {
    if (!this.isRunning || at >= this.wakeAt) return
    clearTimeout(this.timer)
    this.wakeAt = at
    const delay = Math.min(Math.max(at - this.core.now(), 0), SLEEP_MAX_MS)
    this.timer = setTimeout(() => void this.inTurn(() => this.wake()).catch(() => {}), delay) // logged there
  }

  private async wake(): Promise<void> {
    this.wakeAt = Number.POSITIVE_INFINITY
    await this.doWhatIsDue()
    let next = this.wanted.next()
    for (const { dueAt } of this.rows.values()) next = Math.min(next, dueAt)
    this.wakeBy(next)
  }

  private async doWhatIsDue(): Promise<void> {
    const now = this.core.now()
    const due = [...this.rows.values()].filter(({ dueAt }) => dueAt <= now)
    for (const row of due.sort((a, b) => a.dueAt - b.dueAt)) {
      // A fault is the world's: it is tried again, and the others are not kept waiting for it.
      const next = await this.doDeed(row).catch((error): Gesture => {
        this.failed(error)
        return { ...row, dueAt: now + AGAIN_MS }
      })
      this.remember(row.id, next)
    }
    await this.tellWanted(now).catch((error) => this.failed(error))
  }

  /** Many at a time, so that they share a commit. Not tried again: what nobody judges counts as wanted after a week. */
  private async tellWanted(now: number): Promise<void> {
    const keys = this.wanted.take(now)
    for (let at = 0; at < keys.length; at += TOGETHER) {
      const some = await this.judging.unjudged(keys.slice(at, at + TOGETHER))
      await Promise.all(some.map((key) => this.judging.judge({ key, verdict: 'wanted' })))
    }
  }

  /** One after the other: a row is changed by one thing at a time. */
  private inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.work.then(task)
    this.work = result.catch((error) => this.failed(error))
    return result
  }

  private failed(error: unknown): void {
    this.core.log.error({ area: 'complaint', event: 'gesture-failed', err: error }, 'what somebody said was not done')
  }
}
