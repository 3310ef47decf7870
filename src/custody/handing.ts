/**
 * From one holder to the next: choosing the hop, taking the receipt, taking a no.
 * The states are drawn in custody.ts.
 */
import { targetOfEntity } from '../address.ts'
import { type Effect, nothing, type Step } from '../effect.ts'
import { isOftenAway } from '../link/absence.ts'
import { isActive } from '../link/standing.ts'
import { isFinal, type RefusalCode } from '../refusal.ts'
import { about } from '../report/owed.ts'
import type { TrailStep } from '../report/report.ts'
import { dropWays } from '../route/cache.ts'
import { choose, type Wish } from '../route/choose.ts'
import { complainAway } from '../route/failed.ts'
import type { Link, State } from '../state.ts'
import { MAX_RECEIPT } from '../wire/record.ts'
import { AVOID_MS, backoffMs, type Custody, HAND_GUARD_MS, mayBeElsewhere } from './custody.ts'
import { finish, forwarded, oweUpstream } from './finish.ts'
import { progress } from './letters.ts'
import { logged, loggedWait } from './log.ts'
import { lend } from './meter.ts'
import { isContested, isForgotten, targetFor, tellContest } from './seeking.ts'
import { listening, silenceMs } from './silence.ts'

/** Chooses the next hop and owes the hand-over, or waits for a path or for the neighbour to connect. */
export const advance = (state: State, given: Custody, now: number): Step => {
  const to = given.to
  if (to === undefined) return nothing
  // Woken before its time, since a neighbour may have room again.
  const isWoken = given.awaits?.startsWith('credit:') && given.retryAt !== null && now < given.retryAt
  const row = isWoken ? { ...given, avoid: given.avoid.filter((one) => !one.isBroke) } : given
  const way = choose(state, wishOf(row), now)
  const later = { retryAt: now + backoffMs(row.key, row.attempts), attempts: row.attempts + 1 }
  if (way === undefined) {
    const holder = row.stalled?.at(-1)
    if (holder !== undefined && mayBeElsewhere(row)) return back(state, row, holder, now)
    if (isForgotten(state, row))
      return finish(state, row, { event: 'refused', code: 'card-conflict', by: state.me, at: now }, now)
    if (isContested(state, row)) return tellContest(state, row, now)
    // Woken early by a way that is none for this envelope: to ask again at once would find it again, for ever.
    if (row.awaits?.startsWith('who:') && row.retryAt !== null && now < row.retryAt) return nothing
    // A way there is, but too much that went over it is not judged yet: it waits.
    if (isWoken) return nothing
    const broke =
      row.attempts > BROKE_SEARCHES ? row.avoid.find((one) => one.isBroke && one.until > now)?.by : undefined
    const paying = broke ?? choose(state, { ...wishOf(row), isMetered: false }, now)?.next
    const target = targetFor(row)
    const awaits = paying === undefined ? `who:${target}` : `credit:${paying}`
    const waiting: Custody = { ...row, ...later, state: 'waiting', awaits }
    const log = loggedWait(given, waiting)
    if (paying !== undefined) return routing(state, waiting, now, ...log)
    return routing(state, waiting, now, ...log, { do: 'search', target, ...(row.attempts > 0 && { isAgain: true }) })
  }
  const { next, onward } = way
  if (state.links.get(next)?.up) return handTo(state, row, way, now)
  const waiting: Custody = { ...row, ...later, state: 'waiting', next, onward, awaits: `up:${next}` }
  const log = loggedWait(given, waiting)
  if (!isLongAway(state, waiting, now)) return routing(state, waiting, now, ...log)
  // By the key alone: that they can't be reached gives nobody else a claim to their address.
  const search: Effect = { do: 'search', target: targetOfEntity(to), isAgain: true }
  return routing(state, { ...waiting, soughtAt: now }, now, ...log, search)
}

/** Time to look for a way round a neighbour that is away: after one deadline, and whenever the wait has doubled since. */
const isLongAway = (state: State, row: Custody, now: number): boolean => {
  const { hopMs, awayHopMs } = state.terms
  const since = row.acceptedAt ?? row.created
  const deadline = isOftenAway(state.links.get(row.next ?? ''), now) ? awayHopMs : hopMs
  return now - since >= Math.max(deadline, 2 * ((row.soughtAt ?? since) - since))
}

/** Other ways are looked for so often; after that only time helps, and a search costs everybody. */
const BROKE_SEARCHES = 4

/** Ways that do not lead back to whoever has it or brought it; after a silence rather none over the same agents. */
export const wishOf = (row: Custody): Wish => ({
  entity: row.to ?? '',
  path: row.path,
  avoid: row.avoid,
  advice: row.advice,
  isMetered: row.permit === undefined,
  ...((row.stalled || row.also) && { holders: [...(row.stalled ?? []), ...(row.also ?? [])] }),
  ...(row.stalled && { shun: row.trail.flatMap((step) => [step.by, ...(step.next ? [step.next] : [])]) }),
})

export const handTo = (
  state: State,
  row: Custody,
  { next, onward }: { next: string; onward: string[] },
  now: number,
): Step => {
  const agent = state.known.get(row.to ?? '')?.agent
  const { isLate, ...rest } = row
  const handing: Custody = {
    ...rest,
    state: 'handing',
    next,
    onward,
    ...(row.role === 'origin' && agent && { agent }),
    tried: handedTo(row, next),
    awaits: null,
    retryAt: now + HAND_GUARD_MS,
  }
  return {
    changes: [{ put: 'custody', row: handing }, { note: { of: 'use', entity: row.to ?? '' } }],
    effects: [{ do: 'hand', key: row.key, to: next }],
  }
}

/** The other way came to nothing as well: whoever was silent is listened to again, and a third is looked for later. */
const back = (state: State, row: Custody, holder: string, now: number): Step => {
  const listener: Custody = { ...row, state: 'handed', next: holder, awaits: `who:${targetFor(row)}` }
  const handed: Custody = { ...listener, retryAt: now + silenceMs(state, listener, now) }
  return { changes: [{ put: 'custody', row: handed }], effects: [] }
}

/** `tried` once it is handed to `next`, again if that neighbour has left an earlier copy unanswered. */
export const handedTo = ({ tried }: Custody, next: string): Custody['tried'] => {
  const was = tried.find((one) => one.by === next)
  const again = was !== undefined && !was.saidNo
  return [...tried.filter((one) => one !== was), { by: next, saidNo: false, ...(again && { again }) }]
}

/**
 * The row has to wait. The origin shows it at once: a message that goes straight on spares that
 * write. A relay tells whoever handed it over after one hop deadline, before its silence is too long.
 */
const routing = (state: State, row: Custody, now: number, ...effects: Effect[]): Step => {
  if (row.role === 'origin') {
    const shown = row.attempts === 1 ? progress(state, row, 'Routing', now) : []
    return { changes: [{ put: 'custody', row }, ...shown], effects }
  }
  const isLate = row.isLate === undefined && now >= (row.acceptedAt ?? now) + state.terms.hopMs
  if (!isLate) return { changes: [{ put: 'custody', row }], effects }
  const word = { ...about(row.key, now), event: 'stalled' as const, ...(row.next && { next: row.next }) }
  const told = oweUpstream(state, row, [{ own: word }])
  return {
    changes: [{ put: 'custody', row: { ...row, isLate } }, ...told.changes],
    effects: [...effects, ...told.effects, ...complainAway(row)],
  }
}

/** A neighbour signed for it. A receipt that comes after a time-out, or after another was asked, counts just as well. */
export const accepted = (state: State, key: string, by: string, given: string, now: number): Step => {
  const receipt = given.length <= MAX_RECEIPT ? given : '' // padded, it would make our own report too long to be heard
  const was = state.custody.get(key)
  if (was === undefined || (was.state !== 'handing' && was.state !== 'waiting')) return nothing
  const trail = signedFor(was.trail, { event: 'accepted', by, at: now, jws: receipt })
  const tried = [...was.tried.filter((one) => one.by !== by), { by, saidNo: false }]
  const { row, changes } = lend(state, listening(state, { ...was, tried, trail }, by, now), by, now)
  const log = logged('handed', row, { to: by })
  if (row.role === 'origin')
    return { changes: [{ put: 'custody', row }, ...changes, ...progress(state, row, 'InCustody', now)], effects: [log] }
  const told = oweUpstream(state, row, [forwarded(key, by, now, receipt)])
  return { changes: [{ put: 'custody', row }, ...changes, ...told.changes], effects: [log, ...told.effects] }
}

/** A second receipt of whoever signed last stands in the place of the first: what came of it follows still. */
const signedFor = (trail: Custody['trail'], receipt: TrailStep): Custody['trail'] => {
  const isLast = trail.findLast((step) => step.event === 'accepted')?.by === receipt.by
  if (isLast) return trail.map((step) => (isReceiptBy(step, receipt.by) ? receipt : step))
  return [...trail.filter((step) => !isReceiptBy(step, receipt.by)), receipt]
}

export const isReceiptBy = (step: Custody['trail'][number], by: string): boolean =>
  step.event === 'accepted' && step.by === by

/** The row after `by` said no: back to waiting, and `by` left alone until `until`. */
export const turnedDown = ({ stalled, ...row }: Custody, by: string, until: number, now: number): Custody => ({
  ...row,
  ...(stalled && { stalled: stalled.filter((one) => one !== by) }),
  state: 'waiting',
  awaits: null,
  retryAt: now + backoffMs(row.key, row.attempts),
  attempts: row.attempts + 1,
  tried: row.tried.map((one) => (one.by === by ? { ...one, saidNo: true } : one)),
  avoid: leftAlone(row, by, until, now),
})

const leftAlone = ({ avoid }: Pick<Custody, 'avoid'>, by: string, until: number, now: number): Custody['avoid'] => [
  ...avoid.filter((one) => one.by !== by && one.until > now),
  { by, until, at: now },
]

/** A no that time alone may turn into a yes. */
const patient: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  'mailbox-full',
  'disk-full',
  'custody-full',
  'stopping',
  'rate-limited',
  'too-many-streams',
  'envelope-expired',
])

/**
 * What a no from the next hop means: nothing will help, that way will not help, or later may.
 * A final no is the end if the recipient's own agent says it, or if nobody else is left to ask: a
 * relay speaks for its own limits only. And it is not the end while another neighbour may have it.
 * `envelope-expired` says only that it came too late: an earlier copy may have come in time, so the
 * last word is waited for.
 */
export const rejected = (state: State, key: string, by: string, code: RefusalCode, now: number): Step => {
  const was = state.custody.get(key)
  if (was === undefined || was.state === 'done') return nothing
  const log = logged('hop-refused', was, { to: by, detail: code })
  if (was.state !== 'handing' || was.next !== by) return rejectedLate(was, by, code, log)
  if (isFinal(code) && !patient.has(code) && !mayBeElsewhere(was, by) && isLastWord(state, was, by)) {
    const end = finish(state, was, { event: 'refused', code, by, at: now }, now)
    return { ...end, effects: [log, ...end.effects] }
  }
  if (patient.has(code)) {
    const retryAt = now + backoffMs(key, was.attempts)
    const later: Custody = {
      ...was,
      state: 'waiting',
      tried: declined(was, by, code),
      retryAt,
      attempts: was.attempts + 1,
      avoid: passedOver(state, was, by, now),
    }
    return { changes: [{ put: 'custody', row: later }], effects: [log] }
  }
  if (code === 'no-credit') {
    // Other ways first; then this one again, at every second try: what is judged meanwhile makes room.
    const row = turnedDown(was, by, now + 2 * backoffMs(key, was.attempts), now)
    const avoid = row.avoid.map((one) => (one.by === by ? { ...one, isBroke: true as const } : one))
    return { changes: [{ put: 'custody', row: { ...row, avoid, awaits: `credit:${by}` } }], effects: [log] }
  }
  const row: Custody = isFinal(code)
    ? { ...turnedDown(was, by, was.expires, now), blocked: code }
    : turnedDown(was, by, now + AVOID_MS, now)
  const stale = dropWays(state, was.to ?? '', (route) => route.hops[1] === by)
  return { changes: [{ put: 'custody', row }, ...stale], effects: [log] }
}

/** So often a connected neighbour may fail to take it, within some quarter of a minute, before other ways are tried. */
const PATIENT_TRIES = 4

/** As where credit is wanting: others first, then this one again, at every second try. Where no other is there, each search were in vain. */
const passedOver = (state: State, row: Custody, by: string, now: number): Custody['avoid'] => {
  const isGoneRound = !isEnd(state, row, by) && others(state, row, by).some(({ up }) => up)
  if (!isGoneRound || row.attempts < PATIENT_TRIES || !state.links.get(by)?.up) return row.avoid
  return leftAlone(row, by, now + 2 * backoffMs(row.key, row.attempts), now)
}

/** Another neighbour is listened to by now. All that this no tells is who does not have it: whoever has signed for it does. */
const rejectedLate = (was: Custody, by: string, code: RefusalCode, log: Effect): Step => {
  const isAwaited = was.tried.some((one) => one.by === by && !one.saidNo)
  if (!isAwaited || was.trail.some((step) => isReceiptBy(step, by))) return nothing
  return { changes: [{ put: 'custody', row: { ...was, tried: declined(was, by, code) } }], effects: [log] }
}

/** Whether `by` is where the way ends, or the last neighbour that could have taken it. */
const isLastWord = (state: State, row: Custody, by: string): boolean =>
  isEnd(state, row, by) || others(state, row, by).length === 0

const isEnd = (state: State, row: Custody, by: string): boolean =>
  row.onward.length === 0 || state.known.get(row.to ?? '')?.agent === by

/** Neighbours that could take it in the place of `by`, now or later. */
const others = (state: State, row: Custody, by: string): Link[] => {
  const isOut = (agent: string) => row.avoid.some((one) => one.by === agent && one.until >= row.expires)
  return [...state.links.values()].filter(
    (link) => isActive(link) && link.agent !== by && !row.path.includes(link.agent) && !isOut(link.agent),
  )
}

/** `tried` after a patient or a late no: it is a no, unless a copy may have been taken before this one was declined. */
const declined = ({ tried }: Custody, by: string, code: RefusalCode): Custody['tried'] =>
  tried.map((one) => (one.by === by && !one.again && code !== 'envelope-expired' ? { by, saidNo: true } : one))

/** The link failed while handing: nothing is known, so the same hop is tried again; it recognises repeats. */
export const unreachable = (state: State, key: string, by: string, why: string, now: number): Step => {
  const was = state.custody.get(key)
  if (was === undefined || was.state !== 'handing' || was.next !== by) return nothing
  const row: Custody = {
    ...was,
    state: 'waiting',
    awaits: `up:${by}`,
    retryAt: now + backoffMs(key, was.attempts),
    attempts: was.attempts + 1,
    avoid: passedOver(state, was, by, now),
  }
  return routing(state, row, now, logged('hop-unreachable', row, { to: by, detail: why }))
}
