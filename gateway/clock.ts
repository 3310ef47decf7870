/**
 * What time brings: envelopes whose moment has come, messages that leave Outgoing, queries to forget.
 */
import cron from 'node-cron'
import { owed } from '../store/outbox.ts'
import { custody, invitations, routes, submissions } from '../store/web.ts'
import type { Core } from './core.ts'

/** A retry may be this late: well below the shortest backoff anybody waits for. */
const DUE_EVERY_MS = 500
/** Rows a tick: a backlog of 100 000 after a long stop is through in minutes and never in one gulp. */
const DUE_MAX = 500

/** A used invitation is known this much longer, for the one who lost the answer to it. */
const USED_TOKEN_MS = 7 * 86_400_000

export type Clock = { stop(): Promise<void> }

export const startClock = (core: Core): Clock => {
  const guarded = (what: string, task: () => Promise<void>) => {
    let running: Promise<void> | undefined
    return () => {
      running ??= task()
        .catch((error) => core.log.error({ event: 'clock', what, err: error }, 'a timed task failed; it runs again'))
        .finally(() => {
          running = undefined
        })
      return running
    }
  }

  const due = guarded('due', async () => {
    const rows = await custody.due(core.store.db, 'due_at', core.now(), DUE_MAX)
    await Promise.all(rows.map(({ key }) => core.engine.handle({ on: 'due', key })))
  })
  const tidy = guarded('tidy', async () => {
    await core.engine.handle({ on: 'sweep' })
    const { db } = core.store
    const now = core.now()
    const finished = await submissions.due(db, 'clear_at', now, DUE_MAX)
    await Promise.all(finished.map(({ id }) => core.engine.handle({ on: 'clear', submission: id })))
    const [reports, ways, codes] = await Promise.all([
      owed.due(db, 'expires', now, DUE_MAX),
      routes.due(db, 'expires', now, DUE_MAX),
      invitations.due(db, 'expires', now - USED_TOKEN_MS, DUE_MAX),
    ])
    const keys = <T>(rows: T[], key: (row: T) => string) => rows.map(key)
    await db.transaction(async (tx) => {
      await owed.drop(
        tx,
        keys(reports, (row) => row.key),
      )
      await routes.drop(
        tx,
        keys(ways, (row) => row.entity),
      )
      await invitations.drop(
        tx,
        keys(codes, (row) => row.hash),
      )
    })
  })

  const ticking = setInterval(due, DUE_EVERY_MS)
  const tidying = cron.schedule('* * * * *', tidy)
  return {
    async stop() {
      clearInterval(ticking)
      await tidying.stop()
      await Promise.all([due(), tidy()])
    },
  }
}
