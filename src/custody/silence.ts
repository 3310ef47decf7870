/**
 * How long whoever has handed an envelope on listens before it takes silence for a failure:
 *
 *   twice the hop deadline, 15 min, or 6 h for a neighbour that is often away;
 *   a quarter of that more for every hop further on that has spoken: so whoever is nearest to the
 *     break notices first, says `stalled`, and those before it listen on;
 *   twice as long after every time that no other path was found.
 *
 * A holder that can't hand on says so after one deadline, so nobody takes it for silent.
 */
import { isOftenAway } from '../link/absence.ts'
import type { State } from '../state.ts'
import type { Custody } from './custody.ts'

/** 64 times half an hour is more than a day: longer than that nobody need wait to look again. */
const MOST_DOUBLINGS = 6

export const silenceMs = (state: State, row: Custody, now: number): number => {
  const { hopMs, awayHopMs } = state.terms
  const deadline = isOftenAway(state.links.get(row.next ?? ''), now) ? awayHopMs : hopMs
  const beyond = row.trail.filter((step) => step.event === 'forwarded').length
  return Math.round(deadline * (2 + beyond / 2) * 2 ** Math.min(row.attempts, MOST_DOUBLINGS))
}

/** `next` has it: it is listened to from now on. */
export const listening = (state: State, row: Custody, next: string, now: number): Custody => {
  const handed: Custody = { ...row, state: 'handed', next, awaits: null, attempts: 0 }
  return { ...handed, retryAt: now + silenceMs(state, handed, now) }
}
