/**
 * Reports that come back along the path, and which of them to believe.
 *
 * A report is believed only over the link the envelope was handed to, and only from an agent
 * that is known to have had it: the next hop by its receipt, every further one because a
 * believed agent reported handing it on, with the receipt to show. So nobody off the path can speak.
 */
import { Refusal } from '../refusal.ts'
import type { ReportRecord } from '../wire/record.ts'

/** A report whose signature holds, by whom, with the bytes that were signed. */
export type Report = ReportRecord & { by: string; jws: string }

/** One step of a message's way, as its trail shows it. */
export type TrailStep = {
  event: 'accepted' | ReportRecord['event']
  by: string
  at: number
  next?: string
  code?: ReportRecord['code']
  /** With `delivered`: the recipient knows the sender, so nobody need wait for a judgement. */
  permit?: string
  /** The signed record itself: the receipt for `accepted`, the report for the rest. */
  jws: string
}

/** No honest way is that long: what a holder says beyond it is not kept, but for how it ends. */
const MAX_TRAIL = 64
/** Nor so wordy: a hop's report with the receipt in it has some 2 KiB, and may have sixteen. */
const MAX_TRAIL_BYTES = 128 * 1024

const underWay: ReadonlySet<TrailStep['event']> = new Set(['accepted', 'forwarded', 'stalled'])

export const isFinalEvent = (event: TrailStep['event']): boolean => !underWay.has(event)

/** The agents that have had the envelope as far as this trail proves. */
const holders = (trail: readonly TrailStep[]): Set<string> => {
  const had = new Set<string>()
  for (const step of trail) {
    had.add(step.by)
    if (step.event === 'forwarded' && step.next) had.add(step.next)
  }
  return had
}

/**
 * Takes the new reports of a bundle into the trail.
 * @returns the steps that are new, in order; repeats are left out
 * @throws Refusal `report-foreign` at the first report of an agent that never had the envelope
 */
export const believe = (trail: readonly TrailStep[], reports: readonly Report[]): TrailStep[] => {
  const had = holders(trail)
  const fresh: TrailStep[] = []
  for (const report of reports) {
    if (!had.has(report.by)) throw new Refusal('report-foreign', 'a report by an agent that never had this envelope')
    // A holder whose first way failed hands it on by another: that is news, and whoever is next a holder. How it ends has no next.
    const repeated = [...trail, ...fresh].some(
      (step) =>
        step.event === report.event && step.by === report.by && (isFinalEvent(step.event) || step.next === report.next),
    )
    if (repeated || (!isFinalEvent(report.event) && isFull([...trail, ...fresh], report))) continue
    if (report.event === 'forwarded' && report.next) had.add(report.next)
    fresh.push(stepOf(report))
  }
  return fresh
}

const isFull = (trail: readonly TrailStep[], { jws }: Report): boolean =>
  trail.length >= MAX_TRAIL || trail.reduce((sum, step) => sum + step.jws.length, jws.length) > MAX_TRAIL_BYTES

const stepOf = ({ event, by, at, next, code, permit, jws }: Report): TrailStep => ({
  event,
  by,
  at,
  jws,
  ...(next && { next }),
  ...(code && { code }),
  ...(permit && { permit }),
})
