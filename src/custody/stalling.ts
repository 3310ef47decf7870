/**
 * Nothing has been heard for too long (silence.ts) from the neighbour an envelope was handed to.
 *
 *   handed --silence--> handing   another neighbour knows a way: a second copy goes there
 *                   --> handed    none does: one is searched for, and the next look is later
 *
 * The silent neighbour may have it still. It gets no second copy, and its word counts whenever it
 * comes: the first copy and the second have one id, so the recipient gets one.
 */
import { type Effect, nothing, type Step } from '../effect.ts'
import { about } from '../report/owed.ts'
import { choose } from '../route/choose.ts'
import type { State } from '../state.ts'
import type { Custody } from './custody.ts'
import { oweUpstream } from './finish.ts'
import { handTo, wishOf } from './handing.ts'
import { logged } from './log.ts'
import { targetFor } from './seeking.ts'
import { silenceMs } from './silence.ts'

/** A `due` for what is handed: its time is up, or a way it waits for may be there. */
export const listen = (state: State, row: Custody, now: number): Step => {
  if (row.retryAt !== null && now >= row.retryAt) return stall(state, row, now)
  const way = row.awaits === null ? undefined : another(state, row, now)
  return way ?? listenAnew(state, row, now)
}

/** No silence is listened to for longer: the clock was set back since, and it begins now. */
const listenAnew = (state: State, row: Custody, now: number): Step => {
  const retryAt = now + silenceMs(state, row, now)
  if (row.retryAt === null || row.retryAt <= retryAt) return nothing
  return { changes: [{ put: 'custody', row: { ...row, retryAt } }], effects: [] }
}

const stall = (state: State, was: Custody, now: number): Step => {
  const by = was.next
  if (by === undefined || was.to === undefined) return nothing
  const isFirst = !was.stalled?.includes(by)
  const row = isFirst ? noted(state, was, by, now) : was
  const word = { own: { ...about(row.key, now), event: 'stalled' as const, next: by } }
  const told = isFirst ? oweUpstream(state, row, [word]) : nothing
  const log = logged('stalled', row, { to: by })
  const blame: Effect = { do: 'blame', key: row.key, by }
  const next = another(state, row, now) ?? search(state, row, now)
  return {
    changes: [...next.changes, ...told.changes],
    effects: [log, ...(isFirst ? [blame] : []), ...told.effects, ...next.effects],
  }
}

/** The origin's trail is what its sender is shown; a relay's holds what it may tell again. */
const noted = (state: State, row: Custody, by: string, now: number): Custody => ({
  ...row,
  stalled: [...(row.stalled ?? []), by],
  ...(row.role === 'origin' && {
    trail: [...row.trail, { event: 'stalled' as const, by: state.me, at: now, next: by, jws: '' }],
  }),
})

/** Handed to another neighbour, if one that is connected knows a way. */
const another = (state: State, row: Custody, now: number): Step | undefined => {
  const way = choose(state, wishOf(row), now)
  return way && state.links.get(way.next)?.up ? handTo(state, row, way, now) : undefined
}

const search = (state: State, row: Custody, now: number): Step => {
  const target = targetFor(row)
  const listening: Custody = { ...row, awaits: `who:${target}`, attempts: row.attempts + 1 }
  listening.retryAt = now + silenceMs(state, listening, now)
  return {
    changes: [{ put: 'custody', row: listening }],
    effects: [{ do: 'search', target, without: [...(row.stalled ?? []), ...(row.also ?? [])] }],
  }
}
