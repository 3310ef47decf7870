/**
 * Who drops mail: in silence, the first hop that has signed for an envelope, shows no receipt of the
 * next hop, and has said nothing since; or a neighbour that was so late with it that it arrived by another way. Ways over it come last for an hour, twice as long each time
 * it happens again, up to a day; a delivery over it forgives. Known to this gateway alone and held in
 * memory: nobody is accused before others, and a restart forgets it. Times are epoch ms.
 */
import type { Step } from '../effect.ts'
import { isFinalEvent, type TrailStep } from '../report/report.ts'
import type { Change, State } from '../state.ts'
import type { Blame } from './memory.ts'

const FIRST_MS = 3_600_000
const LONGEST_MS = 86_400_000
/** Remembered this long past its end, so that the next time counts as another. */
const MEMORY_MS = 7 * 86_400_000

export const isBlamed = (blame: Blame | undefined, now: number): boolean => blame !== undefined && blame.until > now

/**
 * Follows the receipts from the neighbour we handed it to.
 * @param isProven whether a `forwarded` shows a receipt of the next hop that holds
 * @returns nobody, where the last one to sign has spoken: whoever says that it waits is not silent
 */
export const silentOne = (
  trail: readonly TrailStep[],
  next: string,
  isProven: (step: TrailStep) => boolean,
): string | undefined => {
  const been = new Set<string>()
  let holder = next
  for (;;) {
    been.add(holder)
    const onward = trail.findLast((step) => step.by === holder && step.event === 'forwarded' && isProven(step))
    if (onward?.next === undefined || been.has(onward.next)) break
    holder = onward.next
  }
  const hasSpoken = trail.some((step) => step.by === holder && (step.event === 'stalled' || isFinalEvent(step.event)))
  return hasSpoken ? undefined : holder
}

const words = {
  silent: 'signed for mail and was silent',
  overtaken: 'held mail that arrived by another way',
}

/** Many envelopes that stall together are one offence. */
export const blame = (state: State, agent: string, why: keyof typeof words, now: number): Step => {
  const was = state.blamed.get(agent)
  if (agent === state.me || isBlamed(was, now)) return { changes: [], effects: [] }
  const times = (was?.times ?? 0) + 1
  const row: Blame = { agent, times, until: now + Math.min(FIRST_MS * 2 ** (times - 1), LONGEST_MS) }
  const detail = `${agent} ${words[why]}: avoided until ${new Date(row.until).toISOString()}`
  return { changes: [{ note: { of: 'blame', row } }], effects: [{ do: 'log', event: `hop-${why}`, to: agent, detail }] }
}

/**
 * A delivery came back over `next`. Neighbours that had it for too long before were stuck with it, or only
 * said so: word that it waits keeps nobody from being avoided, if the same mail gets through elsewhere.
 */
export const overtake = (state: State, stalled: readonly string[], next: string, now: number): Step => {
  const late = stalled.filter((agent) => agent !== next).map((agent) => blame(state, agent, 'overtaken', now))
  return { changes: late.flatMap(({ changes }) => changes), effects: late.flatMap(({ effects }) => effects) }
}

/** A delivery came back over `next`: whoever had it on that way is not blamed any more. */
export const forgive = (state: State, trail: readonly TrailStep[], next: string): Change[] => {
  if (state.blamed.size === 0) return []
  const holders = new Set([next])
  for (const step of trail) if (holders.has(step.by) && step.event === 'forwarded' && step.next) holders.add(step.next)
  return [...holders].filter((agent) => state.blamed.has(agent)).map((agent) => ({ note: { of: 'forgiven', agent } }))
}

export const forgetBlame = (state: State, now: number): Change[] =>
  [...state.blamed.values()]
    .filter((one) => one.until + MEMORY_MS <= now)
    .map(({ agent }) => ({ note: { of: 'forgiven', agent } }))
