/**
 * Keeps the full-text index up with the mail, in what time delivery leaves.
 *
 *   mail comes --QUIET_MS without more--> a batch --as long again--> the next … until all is in
 *   mail keeps coming --BUSY_MS--> one batch, so that searches need not read all of a busy day
 *   FORGET_FIRST_MS, then FORGET_MS --all is in--> words that only letters had which are gone are taken out, some at a time
 *
 * A batch is written by a thread and to a file of its own: no commit of mail waits for it. What fails is logged;
 * an index that is broken is thrown away and made again.
 */
import type { Change } from '../store/change.ts'
import { isBroken } from '../store/engine/statement.ts'
import type { Store } from '../store/store.ts'
import { forgetNext, indexNext } from '../store/unindexed.ts'
import type { Log } from './log.ts'

const QUIET_MS = 300
const BUSY_MS = 5000
/** For what went without a word (a crash between two lines), and after a failure. */
const LOOK_MS = 60_000
/** To find these words, all are looked at: some 1.5 s of a thread for a million. */
const FORGET_MS = 86_400_000
/** After the start: a gateway that is switched off at night would else never do it. */
const FORGET_FIRST_MS = 3_600_000

/** @returns what ends it, once the batch at hand is done */
export const startIndexing = (
  { db, texts }: Pick<Store, 'db' | 'texts'>,
  log: Log,
  forgetMs = FORGET_MS,
  forgetFirstMs = Math.min(forgetMs, FORGET_FIRST_MS),
): (() => Promise<void>) => {
  let isStopped = false
  let isBehind = false
  let isWorking = false
  let lastMailAt = -QUIET_MS
  let batchAt = -BUSY_MS
  let wordsAt = performance.now() + forgetFirstMs
  let wordsAfter: string | undefined // while they are looked at: how far
  let timer: NodeJS.Timeout | undefined
  let working: Promise<void> = Promise.resolve()

  const soon = (ms: number): void => {
    clearTimeout(timer)
    if (!isStopped) timer = setTimeout(next, ms).unref()
  }
  const next = (): void => {
    const waitMs = untilQuiet()
    if (waitMs > 0) soon(waitMs)
    else working = work()
  }
  const work = async (): Promise<void> => {
    const began = performance.now()
    isWorking = true
    try {
      const isForgetting = await forgetNext(db, texts)
      const isMore = (await indexNext(db, texts)) || isForgetting || (await forgetWords()) || lastMailAt > began
      batchAt = performance.now()
      if (isBehind && !isMore) log.debug({ area: 'index', event: 'indexed' }, 'every message can be searched quickly')
      isBehind = isMore
      soon(isMore ? batchAt - began : LOOK_MS)
    } catch (error) {
      log.warn({ area: 'index', event: 'index-failed', err: error }, 'messages not in the index are read one by one')
      if (isBroken(error)) await texts.reset().catch(() => {}) // and if that fails, the next round tells
      soon(LOOK_MS)
    } finally {
      isWorking = false
    }
  }
  /** Looks at the next words, if it is time. @returns whether there are more */
  const forgetWords = async (): Promise<boolean> => {
    if (performance.now() < wordsAt) return false
    wordsAfter = await texts.forgetWords(wordsAfter ?? '')
    if (wordsAfter === undefined) wordsAt = performance.now() + forgetMs
    return wordsAfter !== undefined
  }
  /** While mail comes, a batch every BUSY_MS; else none has to wait. */
  const untilQuiet = (): number => Math.min(lastMailAt + QUIET_MS, batchAt + BUSY_MS) - performance.now()
  const onChange = (change: Change): void => {
    if (change.on === 'flagged' || change.on === 'annotated') return
    lastMailAt = performance.now()
    if (!isBehind && !isWorking) soon(QUIET_MS) // one batch at a time, for they share a transaction
    isBehind = true
  }
  db.changes.on('change', onChange)
  soon(QUIET_MS)
  return async () => {
    isStopped = true
    db.changes.off('change', onChange)
    clearTimeout(timer)
    await working
  }
}
