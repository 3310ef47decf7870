/**
 * The letters beside the copies in Outgoing (src/report/progress.ts): written for what has not arrived after a while,
 * and brought up to date from then on. What arrives soon gets none, so they cost nothing where all is well.
 */
import { stages } from '../../src/custody/submission.ts'
import { walkOver } from '../../src/mail/walk.ts'
import { progressLetter, progressOf } from '../../src/report/progress.ts'
import type { Change } from '../../store/change.ts'
import { noteOutgoing, type Shown, shownAt, shownUnderWay } from '../../store/outbox.ts'
import { draftOf } from '../../store/spool.ts'
import { custody } from '../../store/web.ts'
import type { Core } from '../core.ts'
import { submissionOf } from '../engine/batch.ts'

type Has = Pick<Core, 'store' | 'engine' | 'log' | 'now' | 'home'>
type Times = { patienceMs: number; refreshMs: number; tickMs: number }

/** Most letters arrive within a second; somebody who wonders has looked after half a minute. */
const usual: Times = { patienceMs: 30_000, refreshMs: 5 * 60_000, tickMs: 5_000 }
/** In one turn; the rest has the next. */
const TOGETHER = 200

const underWay = new Set(stages.map((stage) => `$${stage}`))
const arrived = '$Delivered'
underWay.delete(arrived)

export const tellProgress = async (core: Has, times: Times = usual): Promise<{ stop(): Promise<void> }> => {
  const { db } = core.store
  const longestMs = Math.max(times.patienceMs, times.refreshMs)
  /** When a copy is to be looked at, by where it lies. */
  const due = new Map<string, number>()
  /** What the letter beside it says. */
  const said = new Map<string, string>()

  const note = (mailbox: number, { uid, keywords }: { uid: number; keywords: string }) => {
    const place = `${mailbox}:${uid}`
    if (keywords === arrived && !said.has(place)) due.delete(place)
    else if (keywords === arrived || underWay.has(keywords)) due.set(place, core.now() + times.patienceMs)
  }
  const listener = (change: Change) => {
    if (change.on === 'added' || change.on === 'flagged')
      for (const message of change.messages) note(change.mailbox, message)
    else if (change.on === 'expunged')
      for (const uid of change.uids) {
        due.delete(`${change.mailbox}:${uid}`)
        said.delete(`${change.mailbox}:${uid}`)
      }
  }

  const tell = async (one: Shown): Promise<void> => {
    const place = `${one.mailbox}:${one.uid}`
    const submission = await submissionOf(core, one.submission)
    if (submission === undefined || (one.keywords === arrived && one.note === null)) return
    const kept = await custody.by(db, 'submission', [one.submission])
    const { state } = core.engine
    const progress = progressOf(
      state,
      submission,
      kept.map((row) => state.custody.get(row.key) ?? row),
    )
    if (one.keywords !== arrived) due.set(place, core.now() + times.refreshMs)
    if (said.get(place) === progress.text) return
    said.set(place, progress.text) // before it is written: should it arrive meanwhile, that has to be told, too
    const now = core.now()
    const bytes = progressLetter(submission, progress, state.domain, now)
    const letter = { body: await draftOf(core.home, bytes), parsed: walkOver(bytes), internalDate: now }
    await db.transaction((tx) => noteOutgoing(tx, one, letter))
  }

  const tellAt = async (place: string): Promise<void> => {
    const [mailbox = 0, uid = 0] = place.split(':').map(Number)
    for (const one of await shownAt(db, mailbox, [uid])) await tell(one)
  }

  const tick = async (): Promise<void> => {
    const now = core.now()
    const isDue = (at: number) => at <= now || at > now + longestMs // that far off only where the clock was set back since
    const places = [...due].filter(([, at]) => isDue(at)).slice(0, TOGETHER)
    for (const [place] of places) {
      due.delete(place)
      await tellAt(place).catch((error) => {
        due.set(place, now)
        if (said.has(place)) said.set(place, '') // as after a start: it is not known
        throw error
      })
    }
  }
  let work = Promise.resolve()
  const timer = setInterval(() => {
    if (due.size === 0) return
    work = work.then(tick).catch((error) => {
      core.log.error({ area: 'outgoing', event: 'progress-failed', err: error }, 'where mail stands was not told')
    })
  }, times.tickMs).unref()

  db.changes.on('change', listener)
  for (const one of await shownUnderWay(db)) {
    if (one.note !== null) said.set(`${one.mailbox}:${one.uid}`, '')
    note(one.mailbox, one)
  }
  return {
    stop() {
      db.changes.off('change', listener)
      clearInterval(timer)
      return work
    },
  }
}
