/**
 * What time brings: envelopes whose moment has come, messages that leave Outgoing, reports still
 * owed, queries to forget, keys that end.
 */
import { thawing } from '../../src/link/alarm.ts'
import { isLinked } from '../../src/link/standing.ts'
import { creditors, owed } from '../../store/outbox.ts'
import { complaints, critics, custody, invitations, rulings, submissions, unfinishedCustody } from '../../store/web.ts'
import type { Core } from '../core.ts'
import { warnOfEnds } from '../expiry.ts'
import type { Knocking } from '../neighbour/knocking.ts'
import type { Moving } from '../neighbour/moving.ts'
import type { Reaching } from '../reach/reach.ts'
import { forgetTimes } from './batch.ts'
import { raiseDue } from './perform.ts'

/** A retry may be this late: well below the shortest backoff anybody waits for. */
const DUE_EVERY_MS = 500
/** Rows a tick: a backlog of 100 000 after a long stop is through in minutes and never in one gulp. */
const DUE_MAX = 500
/** An invitation is remembered this long past its end, to say "expired" or "used" instead of "unknown". */
const PAST_TOKEN_MS = 7 * 86_400_000

const MINUTE_MS = 60_000

export type Clock = { stop(): Promise<void> }

/** Counted from the start, so that not all gateways speak at once; and by no clock that can be set back. */
export const startClock = (
  core: Core,
  reach: Pick<Reaching, 'announce' | 'keepName' | 'tellDirectories' | 'tidy'>,
  knocking: Pick<Knocking, 'retry'>,
  moving: Pick<Moving, 'tell'>,
  minuteMs = MINUTE_MS,
): Clock => {
  const running = new Map<string, Promise<void>>()
  /** Never beside itself: a tick that comes while the last one still runs is left out. */
  const tick = (name: string, task: (core: Core) => Promise<void>): void => {
    if (running.has(name)) return
    const done = task(core)
      .catch((error) =>
        core.log.error({ event: 'clock', task: name, err: error }, 'a timed task failed; it runs again'),
      )
      .finally(() => running.delete(name))
    running.set(name, done)
  }
  const announce = async () => {
    await reach.announce()
    await reach.tellDirectories()
  }
  const everyMinute = () => {
    tick('name', reach.keepName)
    tick('move', moving.tell)
  }
  const warn = () => tick('warn', warnOfEnds)
  tick('directories', reach.tellDirectories)
  everyMinute()
  tick('knock', knocking.retry) // what was asked for while no gateway ran
  warn() // a gateway that is started once a day would else never say it
  let isStopped = false
  const due = raiseWhatIsDue(() => isStopped)
  const timers = [
    setInterval(() => tick('due', due), DUE_EVERY_MS),
    setInterval(() => tick('tidy', tidy), minuteMs),
    setInterval(() => tick('listed', reach.tidy), minuteMs),
    setInterval(everyMinute, minuteMs),
    setInterval(() => tick('knock', knocking.retry), minuteMs / 12), // knocking.ts says whom it is time to ask
    setInterval(() => tick('announce', announce), 30 * minuteMs),
    setInterval(warn, 60 * minuteMs),
  ]
  return {
    async stop() {
      isStopped = true
      for (const timer of timers) clearInterval(timer)
      await Promise.all(running.values())
    },
  }
}

/** A clock that was set back by more leaves waits behind that end long from now: everything unfinished is looked at. */
const SET_BACK_MS = MINUTE_MS

/** @param isStopped the next start takes up the rest: a long queue would keep a stopping gateway */
const raiseWhatIsDue = (isStopped: () => boolean) => {
  let last = 0
  return async (core: Core): Promise<void> => {
    const { db } = core.store
    const now = core.now()
    await agreeOnLinks(core)
    if (now < last - SET_BACK_MS) {
      core.log.warn({ event: 'clock-set-back', ms: last - now }, 'the clock was set back: what waits is tried again')
      forgetTimes(core.engine.state)
      await raiseDue(core, await unfinishedCustody(db), isStopped)
    } else await raiseDue(core, await custody.due(db, 'due_at', now, DUE_MAX))
    last = now
  }
}

/** An `up` or `down` that was lost with a failed commit is raised again. */
const agreeOnLinks = async ({ engine, link }: Core): Promise<void> => {
  for (const one of [...engine.state.links.values()]) {
    const { agent, up } = one
    const isUp = isLinked(one) && link.isUp(agent)
    if (isUp !== up) await engine.handle({ on: isUp ? 'up' : 'down', agent })
  }
}

/** What complaints were about can be asked for a year; how a recipient judges counts for the window of src/credit/critic.ts. */
const COMPLAINTS_MS = 365 * 86_400_000
const CRITICS_MS = 28 * 86_400_000

const forgetComplaints = async (db: Core['store']['db'], now: number): Promise<void> => {
  const [old, ruled, judges] = await Promise.all([
    complaints.due(db, 'at', now - COMPLAINTS_MS, DUE_MAX),
    rulings.due(db, 'at', now - COMPLAINTS_MS, DUE_MAX),
    critics.due(db, 'since', now - CRITICS_MS, DUE_MAX),
  ])
  if (old.length + ruled.length + judges.length === 0) return
  await db.transaction(async (tx) => {
    await complaints.drop(tx, old)
    await rulings.drop(tx, ruled)
    await critics.drop(tx, judges)
  })
}

const tidy = async (core: Core): Promise<void> => {
  const { engine, link, store } = core
  const { db } = store
  const now = core.now()
  await engine.handle({ on: 'sweep' })
  await engine.handle({ on: 'assess' })
  for (const agent of thawing(engine.state, now)) await engine.handle({ on: 'thawed', agent })
  link.refresh() // addresses that were left alone for a while
  const finished = await submissions.due(db, 'clear_at', now, DUE_MAX)
  await Promise.all(finished.map((submission) => engine.handle({ on: 'clear', submission })))
  const lapsed = await owed.due(db, 'expires', now, DUE_MAX)
  await Promise.all(lapsed.map((key) => engine.handle({ on: 'lapsed', owed: key })))
  const used = await invitations.due(db, 'expires', now - PAST_TOKEN_MS, DUE_MAX)
  await db.transaction((tx) => invitations.drop(tx, used))
  await forgetComplaints(db, now)
  // Whoever could not be told at the time, and whom nothing has asked for since.
  for (const agent of await creditors(db)) if (link.isUp(agent)) await engine.handle({ on: 'owing', agent })
}
