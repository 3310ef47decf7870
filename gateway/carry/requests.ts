/**
 * Requests: moving a stranger's message from there to INBOX is how a person accepts the stranger.
 * The mail client moves it; this listens to what the store says was moved.
 */
import type { Provenance } from '../../src/state.ts'
import { byId as accountById } from '../../store/account.ts'
import { cached } from '../../store/cached.ts'
import type { Change } from '../../store/change.ts'
import { byId } from '../../store/mailbox.ts'
import type { Core } from '../core.ts'

type Has = Pick<Core, 'store' | 'engine' | 'log' | 'now'>
/** Hears the custody key of each message that was accepted so. */
type Wanted = (key: string) => Promise<unknown>

export const listenForAcceptance = (core: Has, wanted: Wanted): { stop(): void } => {
  const { changes } = core.store.db
  const listener = (change: Change) => {
    if (change.on !== 'added' || change.from === undefined) return
    accept(core, wanted, change, change.from).catch((error) =>
      core.log.error({ event: 'acceptance-failed', err: error }, 'a move out of Requests was not understood as trust'),
    )
  }
  changes.on('change', listener)
  return { stop: () => void changes.off('change', listener) }
}

const accept = async (
  core: Has,
  wanted: Wanted,
  moved: Extract<Change, { on: 'added' }>,
  source: number,
): Promise<void> => {
  const { db } = core.store
  const [from, to] = await Promise.all([byId(db, source), byId(db, moved.mailbox)])
  if (from?.name !== 'Requests' || to?.name !== 'INBOX') return
  const account = await accountById(db, moved.account)
  if (account === undefined) return
  const ids = moved.messages.map((message) => message.id)
  for (const { provenance } of await cached(db, ids, ['provenance'])) {
    if (provenance === null) continue // put there by hand, not by us
    const { key, from: other, address } = provenance as Provenance
    const contact = { entity: account.entityId, other, trust: 'implicit', address, at: core.now() } as const
    await core.engine.handle({ on: 'trusted', contact })
    await wanted(key) // its credit is free, and the next one needs none
    core.log.info(
      { event: 'accepted-stranger', account: account.address, other: address },
      'moved from Requests to INBOX',
    )
  }
}
