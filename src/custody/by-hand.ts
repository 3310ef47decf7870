/** What an administrator asks of one envelope by hand: to be tried now, or given up. */
import { nothing, refuse, type Step } from '../effect.ts'
import type { State } from '../state.ts'
import type { Custody } from './custody.ts'
import { finish } from './finish.ts'
import { moveOn } from './returning.ts'

/**
 * An administrator asks to try now: hops that were avoided count again. What was handed on is handed
 * once more: a neighbour that still has it knows the repeat, one that lost it takes it again.
 */
export const retry = (state: State, key: string, now: number): Step => {
  const was = state.custody.get(key)
  if (was === undefined || was.state === 'done') return refuse('entity-unknown', 'it has ended, or was never here')
  if (now >= was.expires) return refuse('expired', 'its time is over; only the last word of its holders is waited for')
  const { stalled, ...rest } = was
  const row: Custody = { ...rest, avoid: [], attempts: 0, retryAt: null }
  return { ...moveOn(state, row.state === 'handed' ? { ...row, state: 'waiting' } : row, now), answer: { say: 'done' } }
}

export const giveUp = (state: State, key: string, now: number): Step => {
  const row = state.custody.get(key)
  if (row === undefined || row.state === 'done') return nothing
  return finish(state, row, { event: 'refused', code: 'given-up', by: state.me, at: now }, now)
}
