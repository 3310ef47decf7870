/**
 * What comes back along the path, and what time does to an envelope.
 */
import type { Step } from '../effect.ts'
import { Refusal, type RefusalCode } from '../refusal.ts'
import { settle } from '../report/owed.ts'
import { believe, isFinalEvent, type Report, type TrailStep } from '../report/report.ts'
import type { Change, State } from '../state.ts'
import { type Custody, DELAY_MS, forgetAt, HAND_GUARD_MS, lastMoment } from './custody.ts'
import { finish } from './finish.ts'
import { advance, oweUpstream } from './handing.ts'
import { progress, tell } from './letters.ts'
import { prepare } from './origin.ts'

/** Reports about an envelope we handed on. About one we have forgotten: acknowledged, so that nobody owes for ever. */
export const reported = (state: State, from: string, key: string, reports: readonly Report[], now: number): Step => {
  const was = state.custody.get(key)
  if (was === undefined || was.state === 'done') return { ...nothing, answer: { say: 'done' } }
  if (was.next !== from || was.state === 'spooled')
    return refuse('report-foreign', 'this envelope was not handed to you')
  const fresh = believed(state, was, reports)
  if (fresh instanceof Refusal) return refuse(fresh.code, fresh.detail)
  if (fresh.length === 0) return { ...nothing, answer: { say: 'done' } }
  const row: Custody = { ...was, state: 'handed', retryAt: null, awaits: null, trail: [...was.trail, ...fresh] }
  const last = fresh.find((step) => isFinalEvent(step.event))
  return { ...(last ? ends(state, row, fresh, last, now) : goesOn(state, row, fresh)), answer: { say: 'done' } }
}

/** The next hop counts as a holder even if its receipt was lost: it was handed the envelope. */
const believed = (state: State, row: Custody, reports: readonly Report[]): TrailStep[] | Refusal => {
  const handed: TrailStep[] =
    row.next === undefined ? [] : [{ event: 'accepted', by: row.next, at: row.created, jws: '' }]
  try {
    const fresh = believe([...handed, ...row.trail], reports)
    const agent = row.to === undefined ? undefined : state.known.get(row.to)?.agent
    // Only the origin has the recipient's card; it believes a delivery from their agent alone.
    const isForged = (step: TrailStep) => row.role === 'origin' && step.event === 'delivered' && step.by !== agent
    return fresh.some(isForged)
      ? new Refusal('report-foreign', 'only the agent that represents the recipient can report a delivery')
      : fresh
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

const goesOn = (state: State, row: Custody, fresh: TrailStep[]): Step => {
  const told = oweUpstream(
    state,
    row,
    fresh.map(({ jws }) => ({ jws })),
  )
  return { changes: [{ put: 'custody', row }, ...told.changes], effects: told.effects }
}

const ends = (state: State, row: Custody, fresh: TrailStep[], last: TrailStep, now: number): Step => {
  const event = last.event === 'delivered' || last.event === 'refused' ? last.event : 'expired'
  const outcome: NonNullable<Custody['outcome']> = {
    event,
    by: last.by,
    at: last.at,
    ...(last.code && { code: last.code }),
  }
  return finish(
    state,
    row,
    outcome,
    now,
    fresh.map(({ jws }) => jws),
  )
}

/** The neighbour has the first `count` reports of a bundle durably. */
export const acknowledged = (state: State, key: string, count: number): Step => {
  const was = state.owed.get(key)
  if (was === undefined) return nothing
  const left = settle(was, count)
  return { changes: [left ? { put: 'owed', row: left } : { drop: 'owed', key }], effects: [] }
}

/** The time named by `dueAt` has come, or the gateway has just started. */
export const due = (state: State, key: string, now: number): Step => {
  const was = state.custody.get(key)
  if (was === undefined) return nothing
  if (was.state === 'done') return now < forgetAt(was) ? nothing : { changes: [{ drop: 'custody', key }], effects: [] }
  if (now >= lastMoment(was))
    return finish(state, was, { event: 'expired', code: expiryCode(was), by: state.me, at: now }, now)
  const late = was.role === 'origin' && !was.delayTold && now >= was.created + DELAY_MS
  // Told first, moved on at the next tick: one step changes the submission once.
  return late
    ? { changes: [{ put: 'custody', row: { ...was, delayTold: true } }, ...tellDelay(state, was, now)], effects: [] }
    : moveOn(state, was, now)
}

const expiryCode = (row: Custody): RefusalCode =>
  row.state === 'spooled' && row.to === undefined ? 'address-unknown' : 'expired'

const tellDelay = (state: State, row: Custody, now: number): Change[] => [
  ...progress(state, row, 'Delayed', now),
  ...tell(state, row, { kind: 'delayed', until: row.expires }, now),
]

/** The next thing an envelope needs in the state it is in; nothing once it is handed or done. */
export const moveOn = (state: State, row: Custody, now: number): Step => {
  switch (row.state) {
    case 'spooled':
      return prepare(state, row, now)
    case 'waiting':
      return advance(state, row, now)
    case 'handing':
      return handAgain(row, now)
    default:
      return nothing
  }
}

const handAgain = (row: Custody, now: number): Step => ({
  changes: [{ put: 'custody', row: { ...row, retryAt: now + HAND_GUARD_MS } }],
  effects: row.next === undefined ? [] : [{ do: 'hand', key: row.key, to: row.next }],
})

const refuse = (code: RefusalCode, detail: string): Step => ({ ...nothing, answer: { say: 'refused', code, detail } })
const nothing: Step = { changes: [], effects: [] }
