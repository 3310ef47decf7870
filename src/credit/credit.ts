/**
 * What two neighbours owe each other for mail that nobody wanted, as one of them keeps it.
 *
 *   debt      D: > 0, the neighbour owes us; the neighbour keeps the same number with the other sign
 *   reserved  R: what messages weigh that the neighbour handed us and nobody has judged yet
 *   a message is taken if D + R + its weight <= L; wanted: R falls; complained about: R falls, D rises by 1
 *
 * Both directions lie in one value: `theirs` are the neighbour's messages to us, for which it pays
 * us, `ours` the other way, as far as we can know what the neighbour keeps.
 *
 * A Credit is changed in place, so that the simulator can run millions of these a second. A decision
 * takes a `copyOf` it first. Times are epoch ms, amounts are complaints.
 */
import { wilsonUpper } from './wilson.ts'

export const DAY_MS = 86_400_000
/** What is left of a debt after a day. A full limit heals at 0.105 complaints a day for each one owed. */
const KEPT_A_DAY = 0.9
/** A debt below this counts as none, else a limit of 1 would never heal. */
const NO_DEBT = 0.1
/** A neighbour that has sent some 400 wanted messages weighs this little: at most 100 messages wait for one limit. */
const LEAST_WEIGHT = 0.01
/** Judgements count for four weeks of seven days, so between 21 and 28 days. */
const WEEK_MS = 7 * DAY_MS
const WEEKS = 4
/** Rounding may not refuse the last message of a limit. */
const ROUNDING = 1e-9

/** How a message is weighed: by what its neighbour's messages were worth so far, or always 1 as in Ostra. */
export type Weights = 'earned' | 'strict'
export type Direction = 'theirs' | 'ours'

/** `wanted` counts, by the neighbour they went on to (or the entity here they were for), one week's messages. */
type Week = { week: number; complaints: number; wanted: Record<string, number> }
/** `pending`: messages not judged yet. `weeks`: the newest first. `tally`: what they come to. */
export type Flow = { reserved: number; pending: number; weeks: Week[]; tally?: Tally }
/** The four weeks up to `week`, summed, so that a hub with thousands of neighbours weighs a message at once. `most`: of `wanted`, over one neighbour. */
export type Tally = { week: number; complaints: number; wanted: number; most: number }

export type Credit = {
  /** D as it was at `at`. Kept without rounding a small debt to none, so that both neighbours' numbers agree whenever they look. */
  debt: number
  at: number
  theirs: Flow
  ours: Flow
}

/** L by the state of a link: a new neighbour may cost us one unwanted message, one that a person chose three. */
export const PROBATION_LIMIT = 1
export const ACTIVE_LIMIT = 3
/** The owner may say otherwise, up to this: some 1000 messages to strangers, at two gateways of many people each. */
export const MOST_LIMIT = 1000

export const newCredit = (now: number): Credit => ({ debt: 0, at: now, theirs: newFlow(), ours: newFlow() })
const newFlow = (): Flow => ({ reserved: 0, pending: 0, weeks: [] })

export const copyOf = <Kept extends Credit>(credit: Kept): Kept => ({
  ...credit,
  theirs: copyOfFlow(credit.theirs),
  ours: copyOfFlow(credit.ours),
})
const copyOfFlow = (flow: Flow): Flow => ({
  ...flow,
  // Only the newest is ever changed.
  weeks: flow.weeks.map((one, i) => (i === 0 ? { ...one, wanted: { ...one.wanted } } : one)),
  ...(flow.tally && { tally: { ...flow.tally } }),
})

/** What is left of an amount after this long. */
export const keptAfter = (ms: number): number => KEPT_A_DAY ** (Math.max(0, ms) / DAY_MS)

/** D now, unrounded: what a signed statement says. */
export const exactDebt = ({ debt, at }: Credit, now: number): number => debt * KEPT_A_DAY ** ((now - at) / DAY_MS)

/** D now, as it counts. */
export const debtAt = (credit: Credit, now: number): number => {
  const debt = exactDebt(credit, now)
  return Math.abs(debt) < NO_DEBT ? 0 : debt
}

/**
 * What a message in this direction weighs now: at most 1, less the surer it is that its neighbour's mail is wanted.
 * Wanted mail that went to one neighbour only counts up to as much as went to all others: two who send each other
 * praise through us would weigh nothing else.
 */
export const weightOf = (flow: Flow, now: number, weights: Weights): number => {
  if (weights === 'strict') return 1
  const { complaints, wanted, most } = tallyAt(flow, weekOf(now))
  const counted = Math.min(wanted, 2 * (wanted - most))
  return Math.max(LEAST_WEIGHT, wilsonUpper(complaints, complaints + counted))
}

/** Summed anew only where nothing has been judged in this week so far. */
const tallyAt = ({ weeks, tally }: Flow, week: number): Tally => {
  if (tally?.week === week) return tally
  const recent = weeks.filter((one) => one.week > week - WEEKS)
  const by = new Map<string, number>()
  for (const one of recent)
    for (const [via, count] of Object.entries(one.wanted)) by.set(via, (by.get(via) ?? 0) + count)
  const counts = [...by.values()]
  return {
    week,
    complaints: recent.reduce((sum, one) => sum + one.complaints, 0),
    wanted: counts.reduce((sum, count) => sum + count, 0),
    most: counts.reduce((most, count) => Math.max(most, count), 0),
  }
}

/**
 * @param limit L: ours for the neighbour (`theirs`), or the neighbour's for us (`ours`)
 * @returns what to reserve for one more message, or 0 when there is no credit for it
 */
export const admit = (
  credit: Credit,
  direction: Direction,
  limit: number,
  now: number,
  weights: Weights = 'earned',
): number => {
  const flow = credit[direction]
  const owed = direction === 'theirs' ? debtAt(credit, now) : -debtAt(credit, now)
  const weight = weightOf(flow, now, weights)
  return owed + flow.reserved + weight <= limit + ROUNDING ? weight : 0
}

/** Judgements of the last four weeks. */
export const judgedIn = (flow: Flow, now: number): Pick<Tally, 'complaints' | 'wanted'> => tallyAt(flow, weekOf(now))

/** All messages of the last four weeks, judged or not. */
export const messagesIn = (flow: Flow, now: number): number => {
  const { complaints, wanted } = judgedIn(flow, now)
  return flow.pending + complaints + wanted
}

/** A message was taken: it weighs until somebody judges it. */
export const reserve = (credit: Credit, direction: Direction, weight: number): void => {
  const flow = credit[direction]
  flow.reserved += weight
  flow.pending += 1
}

/** A message will not be judged: it came to nobody. */
export const release = (credit: Credit, direction: Direction, weight: number): void => {
  const flow = credit[direction]
  flow.pending = Math.max(0, flow.pending - 1)
  flow.reserved = flow.pending === 0 ? 0 : Math.max(0, flow.reserved - weight) // no rounding is left behind
}

/** @param via the neighbour it went on to, or the entity here it was for */
export const wanted = (credit: Credit, direction: Direction, weight: number, via: string, now: number): void => {
  release(credit, direction, weight)
  praise(credit[direction], via, now)
}

/** @param at when the complaint was signed: both neighbours charge for the same moment, however late they hear of it */
export const complained = (credit: Credit, direction: Direction, weight: number, at: number, now: number): void => {
  release(credit, direction, weight)
  blame(credit[direction], 1, now)
  charge(credit, direction, 1, at, now)
}

/** The complaint was taken back: what is left of the charge goes, and the message was wanted after all. */
export const withdrawn = (credit: Credit, direction: Direction, via: string, at: number, now: number): void => {
  blame(credit[direction], -1, now)
  praise(credit[direction], via, now)
  charge(credit, direction, -1, at, now)
}

const praise = (flow: Flow, via: string, now: number): void => {
  const { week, tally } = thisWeek(flow, now)
  week.wanted[via] = (week.wanted[via] ?? 0) + 1
  tally.wanted += 1
  tally.most = Math.max(
    tally.most,
    flow.weeks.reduce((sum, one) => sum + (one.week > tally.week - WEEKS ? (one.wanted[via] ?? 0) : 0), 0),
  )
}

/** One complaint more, or one less of this week's: an older one stays counted until its week is over. */
const blame = (flow: Flow, by: 1 | -1, now: number): void => {
  const { week, tally } = thisWeek(flow, now)
  if (by === -1 && week.complaints === 0) return
  week.complaints += by
  tally.complaints += by
}

const charge = (credit: Credit, direction: Direction, amount: number, at: number, now: number): void => {
  const sign = direction === 'theirs' ? 1 : -1
  credit.debt = exactDebt(credit, now) + sign * amount * keptAfter(now - at)
  credit.at = now
}

const weekOf = (now: number): number => Math.floor(now / WEEK_MS)

const thisWeek = (flow: Flow, now: number): { week: Week; tally: Tally } => {
  const [newest] = flow.weeks
  const number = Math.max(weekOf(now), newest?.week ?? 0) // a clock that was set back changes an old week no more
  const week = newest?.week === number ? newest : { week: number, complaints: 0, wanted: {} }
  if (week !== newest) flow.weeks = [week, ...flow.weeks.slice(0, WEEKS - 1)]
  const tally = tallyAt(flow, number)
  flow.tally = tally
  return { week, tally }
}
