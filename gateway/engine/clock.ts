/**
 * What time brings: envelopes whose moment has come, messages that leave Outgoing, reports still
 * owed, queries to forget, keys that end.
 */
import cron from 'node-cron'
import { thawing } from '../../src/link/alarm.ts'
import { isLinked } from '../../src/link/standing.ts'
import { creditors, owed } from '../../store/outbox.ts'
import { complaints, critics, custody, invitations, rulings, submissions } from '../../store/web.ts'
import type { Core } from '../core.ts'
import { warnOfEnds } from '../expiry.ts'
import type { Knocking } from '../neighbour/knocking.ts'
import type { Moving } from '../neighbour/moving.ts'
import type { Reaching } from '../reach/reach.ts'
import { raiseDue } from './perform.ts'

/** A retry may be this late: well below the shortest backoff anybody waits for. */
const DUE_EVERY_MS = 500
/** Rows a tick: a backlog of 100 000 after a long stop is through in minutes and never in one gulp. */
const DUE_MAX = 500
/** An invitation is remembered this long past its end, to say "expired" or "used" instead of "unknown". */
const PAST_TOKEN_MS = 7 * 86_400_000

/** All gateways would speak at :00 and :30 otherwise. */
const JITTER_MS = 10 * 60_000

export type Clock = { stop(): Promise<void> }

export const startClock = (
  core: Core,
  reach: Pick<Reaching, 'announce' | 'keepName' | 'tellDirectories' | 'tidy'>,
  knocking: Pick<Knocking, 'retry'>,
  moving: Pick<Moving, 'tell'>,
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
  const ticking = setInterval(() => tick('due', raiseWhatIsDue), DUE_EVERY_MS)
  const tidying = cron.schedule('* * * * *', () => tick('tidy', tidy))
  const announce = async () => {
    await reach.announce()
    await reach.tellDirectories()
  }
  tick('directories', reach.tellDirectories)
  tick('name', reach.keepName)
  const reaching = cron.schedule('* * * * *', () => {
    tick('name', reach.keepName)
    tick('listed', reach.tidy)
  })
  const announcing = cron.schedule('*/30 * * * *', () => tick('announce', announce), {
    maxRandomDelay: JITTER_MS,
  })
  tick('knock', knocking.retry) // what was asked for while no gateway ran
  tick('move', moving.tell)
  const asking = cron.schedule('* * * * *', () => {
    tick('knock', knocking.retry)
    tick('move', moving.tell)
  })
  const warn = () => tick('warn', warnOfEnds)
  const warning = cron.schedule('23 * * * *', warn)
  warn() // a gateway that is started once a day would else never say it
  return {
    async stop() {
      clearInterval(ticking)
      await Promise.all([tidying.stop(), reaching.stop(), asking.stop(), announcing.stop(), warning.stop()])
      await Promise.all(running.values())
    },
  }
}

const raiseWhatIsDue = async (core: Core): Promise<void> => {
  await agreeOnLinks(core)
  await raiseDue(core, await custody.due(core.store.db, 'due_at', core.now(), DUE_MAX))
}

/** An `up` or `down` that was lost with a failed commit is raised again. */
const agreeOnLinks = async ({ engine, link }: Core): Promise<void> => {
  for (const one of [...engine.state.links.values()]) {
    const { agent, up } = one
    const isUp = isLinked(one) && link.isUp(agent)
    if (isUp !== up) await engine.handle({ on: isUp ? 'up' : 'down', agent })
  }
}

/** What complaints were about can be asked for a year; how a recipient judges counts for the window of critic.ts. */
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
