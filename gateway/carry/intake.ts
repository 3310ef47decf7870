/**
 * Mail within the gateway that comes faster than it can be delivered: written down as it came, delivered when there is time.
 *
 *   submission ──few under way──> delivered ─commit─> 250
 *        └──more──> a row ─commit─> 250 ··· a pause, or 2 s ──> delivered, its row gone, in one transaction
 *
 * A row costs a client half of what a delivery does. What goes elsewhere is no more than written down before its 250
 * anyway (custody). While rows wait, what comes joins them, so that no letter overtakes another; but a row is work besides, so
 * that of a load which lasts, or is very large, the rest is delivered before its 250 again.
 */
import { localOf } from '../../src/address.ts'
import { walkOver } from '../../src/mail/walk.ts'
import type { Source } from '../../store/db.ts'
import { countWaiting, keepWaiting, nextWaiting, type Waiting } from '../../store/intake.ts'
import { draftOf } from '../../store/spool.ts'
import type { Core } from '../core.ts'
import type { Custodians } from '../smtp/accept.ts'
import type { Submission } from '../smtp/submission.ts'

export type Deliver = (given: Submission) => Promise<Custodians | undefined>

export type Intake = { take: Deliver; close(): Promise<void> }

type Has = Pick<Core, 'store' | 'engine' | 'log' | 'home'>
type Limits = {
  /** Under way beside each other before one waits: fewer come at once from a person's devices. */
  busy: number
  /** A pause in which delivering is in nobody's way; and how long a letter waits for one. */
  quietMs: number
  lateMs: number
  /** After a fault. */
  againMs: number
  /** Of all that wait: some ten thousand letters. */
  fullBytes: number
}

export const usual: Limits = { busy: 4, quietMs: 50, lateMs: 2_000, againMs: 30_000, fullBytes: 64 << 20 }
/** Delivered in one go: some 20 ms. */
const PAGE = 50

export const openIntake = async (core: Has, deliver: Deliver, limits = usual): Promise<Intake> => {
  const { db } = core.store
  const waiting = await countWaiting(db)
  let underWay = 0
  let coming: Coming[] = []
  let writing: Promise<void> | undefined
  let delivering: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  /** Letters have waited too long for a pause: nothing joins them until they are delivered. */
  let isLong = false
  let lastAt = -limits.quietMs
  let firstAt = -limits.lateMs // what an earlier start left is late

  const take: Deliver = async (given) => {
    const isBusy = underWay >= limits.busy || waiting.rows > 0 || writing !== undefined
    if (!isBusy) isLong = false
    if (isBusy && !isLong && !isClosed && waiting.bytes < limits.fullBytes && mayWait(core, given)) {
      await new Promise<void>((resolve, reject) => {
        coming.push({ given, resolve, reject })
        writing ??= write()
      })
      return undefined
    }
    underWay++
    try {
      return await deliver(given)
    } finally {
      underWay--
    }
  }

  const write = async (): Promise<void> => {
    while (coming.length > 0) {
      await new Promise(setImmediate) // what the sockets have brought meanwhile shares the commit
      const group = coming
      coming = []
      try {
        const rows = group.map(({ given }) => rowOf(given))
        await db.transaction((tx) => keepWaiting(tx, rows))
        lastAt = performance.now()
        if (waiting.rows === 0) firstAt = lastAt
        waiting.rows += rows.length
        waiting.bytes += sizeOf(rows)
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    writing = undefined
    if (!delivering) soon(untilQuiet())
  }

  const soon = (ms: number): void => {
    clearTimeout(timer)
    if (!isClosed && waiting.rows > 0) timer = setTimeout(next, ms)
  }
  const next = (): void => {
    const waitMs = untilQuiet()
    if (waitMs > 0) soon(waitMs)
    else {
      isLong = performance.now() < lastAt + limits.quietMs
      delivering = deliverAll().then(deliveredAll)
    }
  }
  const deliveredAll = (isWhole: boolean): void => {
    delivering = undefined
    soon(isWhole ? untilQuiet() : limits.againMs)
  }
  const untilQuiet = (): number => Math.min(lastAt + limits.quietMs, firstAt + limits.lateMs) - performance.now()

  /** @returns whether there was no fault */
  const deliverAll = async (): Promise<boolean> => {
    const faults: unknown[] = []
    let before: Promise<unknown> | undefined // a page on its way to the disk: the next is read and prepared meanwhile
    try {
      for (let after = 0; !isClosed && untilQuiet() <= 0; ) {
        const page = await nextWaiting(db, after, PAGE)
        const last = page.at(-1)
        if (!last) break
        after = last.id
        const now = Promise.all(page.map((row) => deliverOne(row).catch((error: unknown) => faults.push(error))))
        await before
        before = now
      }
    } catch (error) {
      faults.push(error)
    }
    await before
    if (faults.length === 0 || isClosed) return true
    const line = { area: 'intake', event: 'effect-failed', letters: waiting.rows, err: faults[0] }
    core.log.warn(line, 'letters that were taken could not be delivered; it is tried again')
    return false
  }
  const deliverOne = async (row: Waiting): Promise<void> => {
    await deliver(await submissionOf(core.home, row))
    waiting.rows--
    waiting.bytes -= row.bytes.length
  }

  if (waiting.rows > 0)
    core.log.info(
      { area: 'intake', event: 'taken-up', letters: waiting.rows },
      'letters taken before the stop are delivered now',
    )
  soon(0)
  return {
    take,
    async close() {
      isClosed = true
      clearTimeout(timer)
      await writing
      await delivering
    },
  }
}

/** A letter waits two seconds, and where thousands wait some more. */
const OVERDUE_MS = 60_000

/** How many wait, if the first of them has done so for too long. */
export const countOverdue = async (from: Source, now: number): Promise<number> => {
  const [first] = await nextWaiting(from, 0, 1)
  if (first === undefined || now - takenAt(first) < OVERDUE_MS) return 0
  return (await countWaiting(from)).rows
}

/** Long ago, if the row can't be read: it never will be. */
const takenAt = ({ given }: Waiting): number => {
  try {
    return (JSON.parse(given) as Kept).at
  } catch {
    return 0
  }
}

type Coming = { given: Submission; resolve(): void; reject(error: unknown): void }

/** What stays here, now, in this store, and is small; `abuse@` is read before anything is promised. */
const mayWait = ({ engine: { state } }: Has, { recipients, body, holdUntil }: Submission): boolean =>
  state.lodging === 'store' &&
  'bytes' in body &&
  holdUntil === undefined &&
  recipients.every(({ address }) => state.addresses.has(address) && localOf(address) !== 'abuse')

type Row = Omit<Waiting, 'id'>
const sizeOf = (rows: readonly Row[]): number => rows.reduce((sum, { bytes }) => sum + bytes.length, 0)

const rowOf = ({ body, parsed: _, header, ...given }: Submission): Row => {
  if (!('bytes' in body)) throw new Error('a large letter does not wait')
  return { given: JSON.stringify({ ...given, headerSize: header.length }), bytes: body.bytes }
}

/** What is kept of a submission beside its bytes. */
type Kept = Omit<Submission, 'body' | 'parsed' | 'header'> & { headerSize: number }

const submissionOf = async (home: string, { id, given, bytes }: Waiting): Promise<Submission> => {
  const { headerSize, ...rest } = JSON.parse(given) as Kept
  return {
    ...rest,
    header: bytes.subarray(0, headerSize),
    body: await draftOf(home, bytes),
    parsed: () => walkOver(bytes),
    waited: id,
  }
}
