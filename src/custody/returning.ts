/**
 * What comes back along the path, and what time does to an envelope.
 */
import { passPraise } from '../complaint/passing.ts'
import { done, nothing, refuse, type Step } from '../effect.ts'
import { Refusal, type RefusalCode } from '../refusal.ts'
import { type Item, settle } from '../report/owed.ts'
import { believe, isFinalEvent, type Report, type TrailStep } from '../report/report.ts'
import { forgive, overtake } from '../route/blame.ts'
import type { Change, State } from '../state.ts'
import { withPermit } from './again.ts'
import {
  AVOID_MS,
  type Custody,
  forgetAt,
  HAND_GUARD_MS,
  isUnjudged,
  lastMoment,
  mayBeElsewhere,
  waitsTooLong,
} from './custody.ts'
import { finish, forwarded, oweUpstream } from './finish.ts'
import { advance, handedTo, isReceiptBy, turnedDown } from './handing.ts'
import { isHeld } from './hold.ts'
import { progress, tell } from './letters.ts'
import { lodge } from './lodge.ts'
import { logged } from './log.ts'
import { lend, praised, returned } from './meter.ts'
import { prepare } from './origin.ts'
import { listening } from './silence.ts'
import { listen } from './stalling.ts'

/** Reports about an envelope we handed on. About one we have forgotten: acknowledged, so that nobody owes for ever. */
export const reported = (state: State, from: string, key: string, reports: readonly Report[], now: number): Step => {
  const was = state.custody.get(key)
  if (was === undefined || was.state === 'done') return done
  const hasSigned = was.trail.some((step) => isReceiptBy(step, from))
  if (!was.tried.some((one) => one.by === from && (hasSigned || !one.saidNo || one.again)))
    return refuse('report-foreign', 'this envelope was not handed to you, or you did not take it')
  // A report may overtake the receipt, or the receipt be lost: whoever was handed it and speaks of it has it.
  const receipt: TrailStep[] = hasSigned ? [] : [{ event: 'accepted', by: from, at: now, jws: '' }]
  const tried = was.tried.map((one) => (one.by === from && one.again ? { by: from, saidNo: false } : one))
  const before = { ...was, tried, trail: [...was.trail, ...receipt] }
  const fresh = believed(state, before, reports)
  if (fresh instanceof Refusal) return refuse(fresh.code, fresh.detail)
  if (fresh.length === 0) return done
  const row: Custody = { ...before, trail: [...before.trail, ...fresh] }
  const told: Item[] = receipt.map(() => forwarded(key, from, now))
  return { ...hear(state, row, from, fresh, told, now), answer: { say: 'done' } }
}

/**
 * A delivery ends it, whoever brings the news. A failure ends it only if no other neighbour may
 * have it: then that way is over, the rest is waited for, and upstream hears nothing of the failure.
 */
const hear = (state: State, row: Custody, from: string, fresh: TrailStep[], told: Item[], now: number): Step => {
  const last = fresh.find((step) => isFinalEvent(step.event))
  const items = (steps: TrailStep[]): Item[] => [...told, ...steps.map(({ jws }) => ({ jws }))]
  if (last !== undefined && (last.event === 'delivered' || !mayBeElsewhere(row, from)))
    return ends(state, row, from, last, items(fresh), now)
  const { row: next, changes } = last
    ? returned(state, turnedDown(row, from, now + AVOID_MS, now), from, now)
    : lend(state, heardOf(state, row, from, fresh, now), from, now)
  const owed = oweUpstream(state, next, items(fresh.filter((step) => !isFinalEvent(step.event))))
  return { changes: [{ put: 'custody', row: next }, ...changes, ...owed.changes], effects: owed.effects }
}

/**
 * It is under way with `from`, whoever else was asked meanwhile. That `from` waits itself is news
 * only while nobody else was asked.
 */
const heardOf = (state: State, row: Custody, from: string, fresh: TrailStep[], now: number): Custody => {
  const isMoving = fresh.some((step) => step.event !== 'stalled')
  if (!isMoving && (row.state !== 'handed' || row.next !== from)) return row
  const stalled = row.stalled?.filter((by) => by !== from || !isMoving)
  const { stalled: _before, ...rest } = row
  return listening(state, { ...rest, ...(stalled?.length && { stalled }) }, from, now)
}

const believed = (state: State, row: Custody, reports: readonly Report[]): TrailStep[] | Refusal => {
  try {
    const fresh = believe(row.trail, reports)
    // Only the origin has the recipient's card; it believes a delivery from their agent alone, then or now.
    const agents = [row.agent, state.known.get(row.to ?? '')?.agent]
    const isForged = (step: TrailStep) =>
      row.role === 'origin' && step.event === 'delivered' && !agents.includes(step.by)
    return fresh.some(isForged)
      ? new Refusal('report-foreign', 'only the agent that represents the recipient can report a delivery')
      : fresh
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

const ends = (state: State, row: Custody, from: string, last: TrailStep, told: Item[], now: number): Step => {
  const event = last.event === 'delivered' || last.event === 'refused' ? last.event : 'expired'
  const outcome: NonNullable<Custody['outcome']> = {
    event,
    by: last.by,
    at: last.at,
    ...(last.code && { code: last.code }),
  }
  // An older copy may be the one that arrived: what is said of it later, wanted or not, comes the same way.
  const ended: Custody = event === 'delivered' ? { ...row, next: from } : row
  const end = finish(state, ended, outcome, now, { from, told })
  if (event !== 'delivered') return end
  const late = overtake(state, row.stalled ?? [], from, now)
  return {
    ...end,
    changes: [...end.changes, ...forgive(state, row.trail, from), ...late.changes],
    effects: [...end.effects, ...late.effects],
  }
}

/** The neighbour has these reports of a bundle durably. */
export const acknowledged = (state: State, key: string, items: readonly Item[]): Step => {
  const was = state.owed.get(key)
  if (was === undefined) return nothing
  const left = was.message ? undefined : settle(was, items)
  return { changes: [left ? { put: 'owed', row: left } : { drop: 'owed', key }], effects: [] }
}

/** The time named by `dueAt` has come, or the gateway has just started. */
export const due = (state: State, key: string, now: number): Step => {
  const found = state.custody.get(key)
  if (found === undefined) return nothing
  const was = waitsTooLong(found, now) ? { ...found, retryAt: now } : found
  if (was.state === 'done') return remembered(state, was, now)
  if (now >= lastMoment(was))
    return finish(state, was, { event: 'expired', code: expiryCode(state, was), by: state.me, at: now }, now)
  const late = was.delayAt !== null && now >= was.delayAt
  if (late) return tellDelay(state, was, now)
  return now < was.expires ? moveOn(state, was, now) : { changes: [{ put: 'custody', row: resting(was) }], effects: [] }
}

/** It waits for a path, and somebody is connected now who may know one: it asks again before its time. */
export const seek = (state: State, key: string, now: number): Step => {
  const was = state.custody.get(key)
  const isSeeking = (was?.state === 'spooled' || was?.state === 'waiting') && was.awaits?.startsWith('who:')
  return isSeeking && now < was.expires ? moveOn(state, { ...was, retryAt: null }, now) : nothing
}

/** What is done: a week's silence is a judgement, too; then it is forgotten. */
const remembered = (state: State, was: Custody, now: number): Step => {
  if (isUnjudged(was) && now >= (was.judgeBy ?? 0)) {
    const { row, changes } = praised(state, was, now)
    // Whoever is nearer the origin would wait longer; it was read, so nobody need.
    const told = was.role === 'destination' && was.verdict?.how === 'wanted' ? passPraise(row, undefined) : nothing
    return { changes: [{ put: 'custody', row }, ...changes, ...told.changes], effects: told.effects }
  }
  return now < forgetAt(was) ? nothing : { changes: [{ drop: 'custody', key: was.key }], effects: [] }
}

/** Its time is over, but somebody who was handed it may still speak: see `lastMoment`. */
const resting = (row: Custody): Custody => ({ ...row, retryAt: null, awaits: null })

/**
 * Why, as far as anybody knows: nobody answered for the address in all its time, unless its sender made
 * that shorter or it was held back; another key did; or a hop on the only way found would not take it.
 */
const expiryCode = (state: State, row: Custody): RefusalCode => {
  if (row.state === 'spooled' && row.to === undefined)
    return row.expires === row.returnAt || row.isHeldBack ? 'expired' : 'address-unknown'
  if (mayBeElsewhere(row)) return 'expired'
  const isClaimed = row.role === 'origin' && state.known.get(row.to ?? '')?.rival !== undefined
  return isClaimed ? 'card-conflict' : (row.blocked ?? 'expired')
}

/**
 * Told first, moved on at the next tick: one step changes the submission once. That tick is asked
 * for here, since this may be the only `due` after a crash.
 */
const tellDelay = (state: State, was: Custody, now: number): Step => {
  const row: Custody = { ...was, delayAt: null, retryAt: afterDelay(was, now) }
  const liesHere = row.isHeldBack && row.state !== 'handed'
  const told: Change[] = [
    ...progress(state, row, 'Delayed', now),
    ...tell(state, row, { kind: 'delayed', until: row.expires, ...(liesHere && { code: 'held-back' }) }, now),
  ]
  return { changes: [{ put: 'custody', row }, ...told], effects: [logged('delayed', row)] }
}

/** A hand-over may be under way: taken up again at once, its answer would not be known for the only one. */
const afterDelay = ({ state, isHeldBack, retryAt }: Custody, now: number): number | null => {
  if (state === 'handed' || isHeldBack) return retryAt
  return state === 'handing' ? Math.min(retryAt ?? now, now + ANSWER_MS) : now
}

/** Nearly every hand-over is answered by then. */
const ANSWER_MS = 60_000

/** The next thing an envelope needs in the state it is in; nothing once it is done. */
export const moveOn = (state: State, row: Custody, now: number): Step => {
  if (row.isHeldBack || isHeld(row, now)) return nothing
  if (row.lodge && row.state !== 'done') return lodge(row, now)
  switch (row.state) {
    case 'spooled':
      return prepare(state, row, now)
    case 'waiting':
      return withPermit(state, row, now) ?? advance(state, row, now)
    case 'handing':
      return handAgain(row, now)
    case 'handed':
      return listen(state, row, now)
    default:
      return nothing
  }
}

const handAgain = (row: Custody, now: number): Step => {
  const { key, next } = row
  if (next === undefined) return nothing
  const handing: Custody = { ...row, tried: handedTo(row, next), retryAt: now + HAND_GUARD_MS }
  return { changes: [{ put: 'custody', row: handing }], effects: [{ do: 'hand', key, to: next }] }
}
