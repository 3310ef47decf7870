/**
 * A message that its sender wants to go later: RFC 4865. It is durable when 250 is said, and lies spooled
 *
 *   spooled --its time--> as any other    for somebody here: --release--> delivered
 *
 * An administrator can take it out until then (`queue drop`): its sender hears of that.
 */
import { nothing, type Step } from '../effect.ts'
import type { State } from '../state.ts'
import { folderFor } from '../trust/contact.ts'
import { type Custody, SEAL_GUARD_MS } from './custody.ts'
import { finish } from './finish.ts'

export const isHeld = (row: Custody, now: number): boolean =>
  row.state === 'spooled' && row.heldUntil !== undefined && now < row.heldUntil

/** Spooled for somebody here: it needs no seal, but its structure again, which delivery stores. */
export const isForHere = (state: State, row: Custody): boolean =>
  row.heldUntil !== undefined && row.state === 'spooled' && state.locals.has(row.to ?? '')

export const release = (was: Custody, now: number): Step => ({
  changes: [{ put: 'custody', row: { ...was, retryAt: now + SEAL_GUARD_MS } }],
  effects: [{ do: 'release', key: was.key }],
})

/** @param body the same bytes, as a body of their own */
export const released = (state: State, key: string, body: number, now: number): Step => {
  const was = state.custody.get(key)
  const local = state.locals.get(was?.to ?? '')
  if (was === undefined || local === undefined || !isForHere(state, was)) return nothing
  const from = was.sender ?? ''
  const address = state.submissions.get(was.submission ?? '')?.from ?? ''
  const provenance = { key, from, address, path: [state.me], at: now }
  const folder = folderFor(state, local.entity, from)
  const end = finish(state, was, { event: 'delivered', by: state.me, at: now }, now)
  return { ...end, changes: [{ deliver: { account: local.account, folder, body, provenance } }, ...end.changes] }
}
