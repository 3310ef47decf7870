/**
 * The engine: the one turning of every journey.
 *
 *   events gather ─> one transaction: { bodies put · rows loaded · step, one after the other ·
 *   changes saved } ─> commit ─> the waiting are answered ─> effects are performed
 *
 * While a transaction is on its way to the disk the next events gather, so under load many share
 * one fsync (group commit) and alone none waits. Nothing is answered or sent before its commit.
 * If a commit fails (disk full), its events are refused as a fault, and the working memory is read
 * again from what is durable: the world is as before.
 */
import { dirname } from 'node:path'
import type { Answer, Effect } from '../src/effect.ts'
import type { Parsed } from '../src/mail/parsed.ts'
import { apply, type Change, type State } from '../src/state.ts'
import { type Event, needs, needsOf, step } from '../src/web.ts'
import { type BodyDraft, discardDraft } from '../store/blob.ts'
import type { Db, Tx } from '../store/db.ts'
import { dropRows, loadRows, loadState, putDrafts, saveChanges } from './batch.ts'
import type { Log } from './log.ts'

/** A body on its way in. It gets its id before the decision; one that no change claims is thrown away. */
export type Draft = { body: BodyDraft; parsed?: Parsed }

type Waiting = {
  event: (bodies: number[]) => Event
  drafts: Draft[]
  resolve: (answer: Answer) => void
  reject: (error: unknown) => void
}

export type Engine = {
  /** Resolves after the commit; rejects with the fault when nothing was kept. */
  handle(event: Event | ((bodies: number[]) => Event), drafts?: Draft[]): Promise<Answer>
  /** Resolves when everything raised so far is committed. */
  settled(): Promise<void>
  /** Who performs effects from now on. Without one they are left undone: the next start takes them up. */
  performBy(perform: (effect: Effect) => void): void
  readonly state: State
}

/** Most events in one transaction: about 50 ms of work, so that no answer waits long behind others. */
const BATCH_MAX = 256
/** Rows kept in working memory between batches; beyond it all are dropped and loaded again by need. */
const ROWS_MAX = 20_000

export const startEngine = (db: Db, state: State, log: Log, now: () => number = Date.now): Engine => {
  let queue: Waiting[] = []
  let running: Promise<void> | undefined
  let perform: (effect: Effect) => void = () => {}

  const handle: Engine['handle'] = (event, drafts = []) =>
    new Promise((resolve, reject) => {
      queue.push({ event: typeof event === 'function' ? event : () => event, drafts, resolve, reject })
      running ??= run()
    })

  const run = async () => {
    await Promise.resolve() // events raised in the same turn share the first batch, too
    while (queue.length > 0) {
      const waiting = queue.slice(0, BATCH_MAX)
      queue = queue.slice(BATCH_MAX)
      await runBatch(waiting)
    }
    running = undefined
  }

  const runBatch = async (waiting: Waiting[]) => {
    let outcomes: Outcome[]
    try {
      outcomes = await db.transaction((tx) => decideAll(tx, state, waiting, now()))
    } catch (error) {
      log.error({ event: 'commit-failed', events: waiting.length, err: error }, 'nothing of this batch was kept')
      await loadState(db, state)
      for (const one of waiting) {
        for (const { body } of one.drafts) await discardDraft(dirname(db.blobDir), body)
        one.reject(error)
      }
      return
    }
    for (const [i, { answer, error }] of outcomes.entries()) {
      if (error !== undefined) log.error({ event: 'bug', err: error }, 'a decision failed; nothing of it was kept')
      if (answer) waiting[i]?.resolve(answer)
      else waiting[i]?.reject(error)
    }
    for (const { effects } of outcomes) for (const effect of effects) perform(effect)
    if (state.custody.size + state.submissions.size > ROWS_MAX) dropRows(state)
  }

  const settled = async () => {
    while (running) await running
  }
  const performBy: Engine['performBy'] = (by) => {
    perform = by
  }
  return { handle, settled, performBy, state }
}

type Outcome = { answer?: Answer; effects: Effect[]; error?: unknown }

const decideAll = async (tx: Tx, state: State, waiting: Waiting[], now: number): Promise<Outcome[]> => {
  const drafts = await putDrafts(
    tx,
    waiting.flatMap((one) => one.drafts),
  )
  let next = 0
  const events = waiting.map((one) => one.event(one.drafts.map(() => drafts.ids[next++] ?? 0)))
  const wanted = events.map((event) => needs(state, event))
  await loadRows(tx, state, wanted)
  const loaded = wanted.flatMap((one) => one.custody ?? []).flatMap((key) => state.custody.get(key) ?? [])
  await loadRows(
    tx,
    state,
    loaded.map((row) => needsOf(state, row)),
  )

  const changes: Change[] = []
  const holders = new Map<number, number>(drafts.ids.map((id) => [id, -1])) // the draft's own hold ends here
  const outcomes = events.map((event): Outcome => {
    try {
      const made = step(state, event, now)
      for (const change of made.changes) {
        countHolders(state, change, holders)
        apply(state, change)
        changes.push(change)
      }
      return { answer: made.answer ?? { say: 'done' }, effects: made.effects }
    } catch (error) {
      return { error, effects: [] } // a bug in a decision ends that one event
    }
  })
  await saveChanges(tx, changes, holders, drafts.parsed)
  return outcomes
}

/** Rows of custody and submissions hold their body; messages count their own when they are appended. */
const countHolders = (state: State, change: Change, holders: Map<number, number>): void => {
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
}
