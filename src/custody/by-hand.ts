/**
 * What an administrator asks of one envelope by hand: to be tried now, to be held back, or given up.
 *
 *   spooled, waiting --hold--> the same, moved by nothing --release--> as if it had just come to that state
 *
 * A neighbour that was handed it before may still sign for it, or report: that is heard, and it stays held.
 * Its life goes on meanwhile: its sender hears of the delay, and of the end.
 */
import { done, nothing, refuse, type Step } from '../effect.ts'
import type { State } from '../state.ts'
import type { Custody } from './custody.ts'
import { finish } from './finish.ts'
import { isHeld } from './hold.ts'
import { logged } from './log.ts'
import { moveOn } from './returning.ts'

/**
 * An administrator asks to try now: hops that were avoided count again. What was handed on is handed
 * once more: a neighbour that still has it knows the repeat, one that lost it takes it again.
 */
export const retry = (state: State, key: string, now: number): Step => {
  const was = state.custody.get(key)
  if (was === undefined || was.state === 'done') return refuse('entity-unknown', 'it has ended, or was never here')
  if (was.isHeldBack || isHeld(was, now)) return done
  if (now >= was.expires) return refuse('expired', 'its time is over; only the last word of its holders is waited for')
  const { stalled, ...rest } = was
  const row: Custody = { ...rest, avoid: [], attempts: 0, retryAt: null }
  return { ...moveOn(state, row.state === 'handed' ? { ...row, state: 'waiting' } : row, now), answer: { say: 'done' } }
}

/** What is being handed, or has been, is out of our hands: only what lies here is held. */
const canHold = ({ state }: Custody): boolean => state === 'spooled' || state === 'waiting'

/** Nothing wakes it any more: no time, no neighbour, no answer to a search. */
export const holdBack = (state: State, key: string): Step => {
  const was = state.custody.get(key)
  if (was === undefined || was.isHeldBack || !canHold(was)) return nothing
  const row: Custody = { ...was, isHeldBack: true, awaits: null, retryAt: null }
  return { changes: [{ put: 'custody', row }], effects: [logged('held-back', row)] }
}

/** A time its sender set (FUTURERELEASE) holds on, and so does that of a neighbour that has signed for it meanwhile. */
export const letGo = (state: State, key: string, now: number): Step => {
  const was = state.custody.get(key)
  if (was === undefined || !was.isHeldBack || was.state === 'done') return nothing
  const { isHeldBack, ...rest } = was
  const retryAt = rest.state === 'handed' ? rest.retryAt : isHeld(rest, now) ? (rest.heldUntil ?? null) : null
  const row: Custody = { ...rest, retryAt }
  const onward = now < row.expires ? moveOn(state, row, now) : nothing
  return {
    changes: [{ put: 'custody', row }, ...onward.changes],
    effects: [logged('let-go', row), ...onward.effects],
  }
}

export const giveUp = (state: State, key: string, now: number): Step => {
  const row = state.custody.get(key)
  if (row === undefined || row.state === 'done') return nothing
  return finish(state, row, { event: 'refused', code: 'given-up', by: state.me, at: now }, now)
}
