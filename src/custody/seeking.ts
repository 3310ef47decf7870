/**
 * The recipient is out of reach: how an envelope looks for them, and what its sender hears when
 * another key answers for their address.
 */
import { targetOfAddress, targetOfEntity } from '../address.ts'
import type { Step } from '../effect.ts'
import type { State } from '../state.ts'
import { type Custody, mayBeElsewhere } from './custody.ts'
import { progress, tell } from './letters.ts'

/**
 * By the key, which nobody else can answer for; and at the origin by the address in turn with it:
 * somebody who had to make a new key is found by nothing else.
 */
export const targetFor = ({ to, address, attempts }: Custody): string =>
  to === undefined || (address !== undefined && attempts % 2 === 1)
    ? targetOfAddress(address ?? '')
    : targetOfEntity(to)

/** Whether its sender has still to hear that two keys claim the address; not in the step that submits it. */
export const isContested = (state: State, row: Custody): boolean =>
  row.role === 'origin' &&
  row.isDisputed === undefined &&
  state.known.get(row.to ?? '')?.rival !== undefined &&
  state.submissions.has(row.submission ?? '')

/** Sealed for a key that an administrator has forgotten since: nobody should open it any more. */
export const isForgotten = (state: State, row: Custody): boolean =>
  row.role === 'origin' && !state.known.has(row.to ?? '') && !mayBeElsewhere(row)

/** It waits on, for the key it is meant for; the next tick takes it up. The delay is told with the reason. */
export const tellContest = (state: State, was: Custody, now: number): Step => {
  const row: Custody = { ...was, isDisputed: true, delayAt: null, retryAt: now, awaits: null }
  const told = tell(state, row, { kind: 'delayed', until: row.expires, code: 'card-conflict' }, now)
  return { changes: [{ put: 'custody', row }, ...progress(state, row, 'Delayed', now), ...told], effects: [] }
}
