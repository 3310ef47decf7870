/**
 * Mail within the gateway that comes faster than it can be delivered: written down as it came, delivered when there is time.
 *
 *   submission ──few under way──> delivered ─commit─> 250
 *        └──more──> memory and a file ──> 250 ··· a pause, or 2 s ──> delivered, and marked so, in one transaction
 *
 * To be written down costs a client less than half of what a delivery does. What goes elsewhere is no more than that
 * before its 250 anyway (custody). While letters wait, what comes joins them, so that none overtakes another; but it is
 * work besides, so that of a load which lasts, or is very large, the rest is delivered before its 250 again.
 */
import { localOf } from '../../src/address.ts'
import { walkOver } from '../../src/mail/walk.ts'
import { forgetDelivered, openIntakeFile, readEntries, undelivered, type Waiting } from '../../store/intake.ts'
import { type BodyDraft, draftOf } from '../../store/spool.ts'
import type { Store } from '../../store/store.ts'
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
  /** Of all that are written down until none waits: they are in memory, too. Some five thousand letters. */
  fullBytes: number
}

export const usual: Limits = { busy: 4, quietMs: 50, lateMs: 2_000, againMs: 30_000, fullBytes: 32 << 20 }
/** Delivered in one go: some 20 ms. */
const PAGE = 50

export const openIntake = async (core: Has, deliver: Deliver, limits = usual): Promise<Intake> => {
  const { db } = core.store
  const { file, left } = await openIntakeFile(core.home, db)
  const waiting = new Map<number, Submission>() // in the order they came
  for (const one of left) waiting.set(one.id, await submissionOf(core.home, one))
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
    const isBusy = underWay >= limits.busy || waiting.size > 0 || writing !== undefined
    const isFull = waiting.size > 0 && file.size >= limits.fullBytes
    if (!isBusy) isLong = false
    if (isBusy && !isLong && !isFull && !isClosed && mayWait(core, given)) {
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
        const isAlone = waiting.size === 0
        const first = await file.keep(
          group.map(({ given }) => letterOf(given)),
          isAlone,
        )
        lastAt = performance.now()
        if (isAlone) firstAt = lastAt
        for (const [i, { given, resolve }] of group.entries()) {
          waiting.set(first + i, lean(given))
          resolve()
        }
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    writing = undefined
    if (!delivering) soon(untilQuiet())
  }

  const soon = (ms: number): void => {
    clearTimeout(timer)
    if (!isClosed && waiting.size > 0) timer = setTimeout(next, ms)
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
    const all = [...waiting]
    let before: Promise<unknown> | undefined // a page on its way to the disk: the next is prepared meanwhile
    for (let at = 0; at < all.length && !isClosed && untilQuiet() <= 0; at += PAGE) {
      const page = all.slice(at, at + PAGE)
      const now = Promise.all(page.map((one) => deliverOne(one).catch((error: unknown) => faults.push(error))))
      await before
      before = now
    }
    await before
    // Should that fail, their marks go after the next: they are in nobody's way.
    if (waiting.size === 0) await db.transaction(forgetDelivered).catch(() => {})
    if (faults.length === 0 || isClosed) return true
    const line = { area: 'intake', event: 'effect-failed', letters: waiting.size, err: faults[0] }
    core.log.warn(line, 'letters that were taken could not be delivered; it is tried again')
    return false
  }
  const deliverOne = async ([id, given]: [number, Submission]): Promise<void> => {
    await deliver({ ...given, waited: id })
    waiting.delete(id)
  }

  if (waiting.size > 0)
    core.log.info(
      { area: 'intake', event: 'taken-up', letters: waiting.size },
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
      await file.close(waiting.size === 0)
    },
  }
}

/** A letter waits two seconds, and where thousands wait some more. */
const OVERDUE_MS = 60_000

/** How many wait in a home, running or not, if the first of them has done so for too long. */
export const countOverdue = async ({ home, db }: Pick<Store, 'home' | 'db'>, now: number): Promise<number> => {
  const waiting = await undelivered(db.read, await readEntries(home))
  const [first] = waiting
  return first && now - keptOf(first).at >= OVERDUE_MS ? waiting.length : 0
}

type Small = Submission & { body: Extract<BodyDraft, { bytes: Buffer }> }
type Coming = { given: Small; resolve(): void; reject(error: unknown): void }

/** What stays here, now, in this store, and is small; `abuse@` is read before anything is promised. */
const mayWait = ({ engine: { state } }: Has, given: Submission): given is Small =>
  state.lodging === 'store' &&
  'bytes' in given.body &&
  given.holdUntil === undefined &&
  given.recipients.every(({ address }) => state.addresses.has(address) && localOf(address) !== 'abuse')

/** What is kept of a submission beside its bytes. */
type Kept = Omit<Submission, 'body' | 'parsed' | 'header'> & { headerSize: number }

const letterOf = ({ body, parsed: _, header, ...given }: Small): Omit<Waiting, 'id'> => ({
  given: JSON.stringify({ ...given, headerSize: header.length } satisfies Kept),
  bytes: body.bytes,
})

const keptOf = ({ given }: Waiting): Kept => JSON.parse(given)

const submissionOf = async (home: string, letter: Waiting): Promise<Submission> => {
  const { headerSize, ...given } = keptOf(letter)
  return onBytes({ ...given, body: await draftOf(home, letter.bytes) }, letter.bytes, headerSize)
}

/** Whatever else its client's stream left is let go: a burst waits in memory. */
const lean = (given: Small): Submission => onBytes(given, given.body.bytes, given.header.length)

const onBytes = (given: Omit<Submission, 'header' | 'parsed'>, bytes: Buffer, headerSize: number): Submission => ({
  ...given,
  header: bytes.subarray(0, headerSize),
  parsed: () => walkOver(bytes),
})
