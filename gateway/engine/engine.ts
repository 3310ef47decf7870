/**
 * The engine: the one turning of every journey.
 *
 *   events gather ─> one transaction: { rows loaded · step, one after the other · changes and
 *   bodies saved } ─> commit ─> the waiting are answered ─> effects are performed
 *
 * While a transaction is on its way to the disk the next events gather, so under load many share
 * one fsync (group commit) and alone none waits. Nothing is answered or sent before its commit.
 * If a commit fails (disk full), its events are refused as a fault, and the working memory is read
 * again from what is durable: the world is as before.
 */
import { dirname } from 'node:path'
import { apply } from '../../src/apply.ts'
import type { Answer, Effect } from '../../src/effect.ts'
import type { Event } from '../../src/event.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Change, State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import type { Db, Tx } from '../../store/db.ts'
import { discardDraft } from '../../store/spool.ts'
import type { Log } from '../log.ts'
import {
  type Batch,
  dropRows,
  type FolderCache,
  loadRows,
  loadState,
  type NewBody,
  type Strangers,
  saveBatch,
} from './batch.ts'

type Waiting = {
  event: (bodies: number[]) => Event
  drafts: NewBody[]
  resolve: (answer: Answer) => void
  reject: (error: unknown) => void
}

export type Engine = {
  /**
   * Resolves after the commit; rejects with the fault when nothing was kept. A draft gets its id
   * before the decision; one that no change holds is thrown away.
   */
  handle(event: Event | ((bodies: number[]) => Event), drafts?: NewBody[]): Promise<Answer>
  /** Resolves when everything raised so far is committed. */
  settled(): Promise<void>
  /** The same, and takes nothing more: what comes later is refused, and asked again after the next start. */
  close(): Promise<void>
  /** Who performs effects from now on. Without one they are left undone: the next start takes them up. */
  performBy(perform: (effect: Effect) => void): void
  readonly state: State
}

/** Most events in one transaction: about 50 ms of work, so that no answer waits long behind others. */
const BATCH_MAX = 256
/**
 * Nobody waits for these: they give others this long to come and share their commit. A busy relay
 * commits half as often for it; what its neighbours learn of a message comes that much later.
 */
const PATIENT_MS = 10
const patient: ReadonlySet<Event['on']> = new Set<Event['on']>(['accepted', 'reported', 'acknowledged'])
/** Turns of the loop that a batch waits for more, at most: some hundred microseconds of others' work. */
const TURNS_MAX = 4
/** Rows kept in working memory between batches; beyond it all are dropped and loaded again by need. */
const ROWS_MAX = 5_000
const RELOAD_AGAIN_MS = 1_000

export const startEngine = (db: Db, state: State, log: Log, now: () => number = Date.now): Engine => {
  const folders: FolderCache = new Map()
  const strangers: Strangers = new Set()
  // With an account its folders go. People's own may, too: then all are read again.
  db.changes.on('change', (change) => {
    if (change.on === 'mailbox' && change.what === 'deleted') folders.delete(change.account)
  })
  let queue: Waiting[] = []
  let running: Promise<void> | undefined
  let waiting: NodeJS.Timeout | undefined
  let perform: (effect: Effect) => void = () => {}
  let isClosed = false

  const handle: Engine['handle'] = (event, drafts = []) =>
    new Promise((resolve, reject) => {
      if (isClosed) return reject(new Refusal('stopping', 'the gateway is stopping'))
      queue.push({ event: typeof event === 'function' ? event : () => event, drafts, resolve, reject })
      if (typeof event !== 'function' && patient.has(event.on)) waiting ??= setTimeout(start, PATIENT_MS)
      else start()
    })

  const start = () => {
    clearTimeout(waiting)
    waiting = undefined
    running ??= run()
  }

  const run = async () => {
    for (;;) {
      await gathered()
      if (queue.length === 0) break
      const waiting = queue.slice(0, BATCH_MAX)
      queue = queue.slice(BATCH_MAX)
      await runBatch(waiting)
    }
    running = undefined
  }

  /** What the sockets have brought meanwhile shares the batch: at least a turn of the loop, until one brings nothing more. */
  const gathered = async () => {
    for (let [was, turns] = [-1, 0]; was < queue.length && turns < TURNS_MAX; turns++) {
      was = queue.length
      await new Promise(setImmediate)
    }
  }

  const runBatch = async (waiting: Waiting[]) => {
    const batch: Batch = { changes: [], drafts: new Map(), holders: new Map(), fresh: new Map() }
    let outcomes: Outcome[]
    try {
      outcomes = await db.transaction((tx) => decideAll(tx, { state, batch, folders, strangers, waiting, now: now() }))
    } catch (error) {
      await takeBack(waiting, error)
      return
    }
    await discard([...batch.drafts].filter(([id]) => (batch.holders.get(id) ?? 0) <= 0).map(([, draft]) => draft))
    for (const [i, { answer, error }] of outcomes.entries()) {
      if (error !== undefined) log.error({ event: 'bug', err: error }, 'a decision failed; nothing of it was kept')
      if (answer) waiting[i]?.resolve(answer)
      else waiting[i]?.reject(error)
    }
    for (const { effects } of outcomes) for (const effect of effects) perform(effect)
    forgetDone(state, batch.changes)
    if (!isLarge(state, strangers)) return
    dropRows(state)
    strangers.clear()
  }

  /** Nothing of the batch was kept. Whatever was refused in it is no verdict on any one event: it is a fault to all. */
  const takeBack = async (waiting: Waiting[], error: unknown) => {
    log.error({ event: 'commit-failed', events: waiting.length, err: error }, 'nothing of this batch was kept')
    folders.clear()
    strangers.clear()
    await reload()
    await discard(waiting.flatMap((one) => one.drafts))
    const fault =
      error instanceof Refusal && error.code !== 'disk-full' ? new Error('a commit failed', { cause: error }) : error
    for (const one of waiting) one.reject(fault)
  }

  /** In its turn among those who write: an account made meanwhile is admitted once this is read, and not cleared away. */
  const reload = async () => {
    for (;;) {
      try {
        return await db.transaction((tx) => loadState(tx, state))
      } catch (error) {
        log.error({ event: 'reload-failed', err: error }, 'the working memory can not be read; trying again')
        await new Promise((resolve) => setTimeout(resolve, RELOAD_AGAIN_MS))
      }
    }
  }

  const discard = async (drafts: NewBody[]) => {
    for (const { body } of drafts) await discardDraft(dirname(db.blobDir), body).catch(() => {}) // the next start sweeps it
  }

  const settled = async () => {
    if (waiting !== undefined) start()
    while (running) await running
  }
  const performBy: Engine['performBy'] = (by) => {
    perform = by
  }
  const close = async () => {
    isClosed = true // at once: who raises a long queue, page by page, would else keep a stopping gateway for minutes
    while (queue.length > 0 || running !== undefined || waiting !== undefined) await settled()
  }
  return { handle, settled, close, performBy, state }
}

type Outcome = { answer?: Answer; effects: Effect[]; error?: unknown }
type Work = {
  state: State
  batch: Batch
  folders: FolderCache
  strangers: Strangers
  waiting: Waiting[]
  now: number
}

const decideAll = async (tx: Tx, { state, batch, folders, strangers, waiting, now }: Work): Promise<Outcome[]> => {
  let id = tx.draw(
    'body',
    waiting.reduce((sum, one) => sum + one.drafts.length, 0),
  )
  const events = waiting.map((one) =>
    one.event(
      one.drafts.map((draft) => {
        batch.drafts.set(id, draft)
        return id++
      }),
    ),
  )
  await loadRows(tx, state, events, strangers)

  const outcomes = events.map((event): Outcome => {
    try {
      const made = step(state, event, now)
      for (const change of made.changes) take(state, batch, change)
      return { answer: made.answer ?? { say: 'done' }, effects: made.effects }
    } catch (error) {
      return { error, effects: [] } // a bug in a decision ends that one event
    }
  })
  await saveBatch(tx, batch, folders)
  return outcomes
}

const take = (state: State, batch: Batch, change: Change): void => {
  countHolders(state, change, batch.holders)
  if (
    'put' in change &&
    change.put === 'submission' &&
    (batch.fresh.has(change.row.id) || !state.submissions.has(change.row.id))
  )
    batch.fresh.set(change.row.id, change.row)
  apply(state, change)
  batch.changes.push(change)
}

/** Rows of custody and submissions hold their body, and so does every message made of it. */
const countHolders = (state: State, change: Change, holders: Batch['holders']): void => {
  const count = (body: number | null | undefined, by: number) => {
    if (body !== null && body !== undefined) holders.set(body, (holders.get(body) ?? 0) + by)
  }
  if ('put' in change && (change.put === 'custody' || change.put === 'submission')) {
    const was = change.put === 'custody' ? state.custody.get(change.row.key) : state.submissions.get(change.row.id)
    count(was?.body, -1)
    count(change.row.body, 1)
  }
  if ('drop' in change && change.drop === 'custody') count(state.custody.get(change.key)?.body, -1)
  if ('drop' in change && change.drop === 'submission') count(state.submissions.get(change.id)?.body, -1)
  if ('deliver' in change && typeof change.deliver.body === 'number') count(change.deliver.body, 1)
}

/** What is done is seldom asked for again: it is read back if it is. */
const forgetDone = (state: State, changes: readonly Change[]): void => {
  for (const change of changes) {
    if (!('put' in change)) continue
    if (change.put === 'custody' && change.row.state === 'done') state.custody.delete(change.row.key)
    if (change.put === 'submission' && change.row.clearAt !== null) state.submissions.delete(change.row.id)
  }
}

/** A recipient of a submission weighs as much as a row of its own. */
const isLarge = ({ custody, submissions, owed, contacts, critics }: State, strangers: Strangers): boolean => {
  let recipients = 0
  for (const row of submissions.values()) recipients += row.recipients.length
  return custody.size + recipients + owed.size + contacts.size + strangers.size + critics.size > ROWS_MAX
}
