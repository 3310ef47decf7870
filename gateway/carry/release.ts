/** A message that was held for somebody here, and whose time has come: walked over again, as delivery stores its structure. */
import { openBody } from '../../store/blob.ts'
import { startBody } from '../../store/spool.ts'
import type { Core } from '../core.ts'
import { custodyOf } from '../engine/batch.ts'
import { walked } from './open.ts'

/** Ends in `released`; a fault leaves it spooled, and it is tried again. */
export const releaseRow = async (core: Core, key: string): Promise<void> => {
  const row = await custodyOf(core, key)
  if (row?.heldUntil === undefined || row.state !== 'spooled' || row.body === null) return
  const text = await openBody(core.store.db, row.body)
  const draft = await walked(startBody(core.home), Buffer.alloc(0), text)
  await core.engine.handle(([body = 0]) => ({ on: 'released', key, body }), [draft])
}
