/**
 * What a message costs on credit while nobody has judged it. Taken over a link it weighs there, at
 * both neighbours, until one of these:
 *
 *   told by the recipient's agent that the recipient knows the sender, or came to nobody  → freed
 *   wanted, or a week of silence                                                          → freed, and counts as wanted
 *   complained about                                                                      → charged: src/complaint
 *
 * A message with a permit weighs nothing: its recipient knows the sender, and takes that back
 * rather than complain. Each agent nearer the origin waits somewhat longer than the next, so that
 * a complaint in the last hour still finds everybody on its way back ready to take it.
 */
import {
  type Credit,
  copyOf,
  DAY_MS,
  type Direction,
  newCredit,
  release,
  reserve,
  wanted,
  admit as weigh,
  weightOf,
} from '../credit/credit.ts'
import { counted } from '../credit/critic.ts'
import { limitOf } from '../link/standing.ts'
import type { Account, Change, State } from '../state.ts'
import type { Custody } from './custody.ts'

/** A recipient may complain for so long after the delivery. */
export const JUDGING_MS = 7 * DAY_MS
/** What a complaint may need to the origin: shared out by place on the path. */
const WAY_BACK_MS = 2 * DAY_MS

/** The last moment at which an agent takes a complaint about what was delivered at `delivered`; the origin's is the latest. */
export const judgeBy = (path: readonly string[], delivered: number): number =>
  delivered + JUDGING_MS + Math.floor(WAY_BACK_MS / path.length)

export const creditOf = (state: State, agent: string, now: number): Account =>
  state.credits.get(agent) ?? newCredit(now)

/** A copy that a step may change, and keeps with `kept`. */
export const openCredit = (state: State, agent: string, now: number): Account => copyOf(creditOf(state, agent, now))

export const kept = (agent: string, row: Account): Change => ({ put: 'credit', agent, row })

/** @returns what one more message over this link weighs, 0 where there is no credit for it */
export const costOf = (state: State, agent: string, direction: Direction, now: number): number => {
  const link = state.links.get(agent)
  if (link === undefined) return 0
  const account = creditOf(state, agent, now)
  const limit = direction === 'theirs' ? limitOf(link) : (account.books?.heard?.limit ?? limitOf(link))
  return weigh(account, direction, limit, now, state.weights)
}

/** The row as a message that its last holder pays for, if there is need. */
export const takenOnCredit = (
  state: State,
  row: Custody,
  by: { from: string; weight: number; sender: string },
  now: number,
): Metered => {
  const credit = openCredit(state, by.from, now)
  reserve(credit, 'theirs', by.weight)
  const critic = counted(state.critics.get(row.to ?? ''), row.to ?? '', by.sender, now)
  return { row: { ...row, reserved: by.weight }, changes: [kept(by.from, credit), { put: 'critic', row: critic }] }
}

type Metered = { row: Custody; changes: Change[] }

/** `to` has signed for it: it weighs there, as far as we can know what the neighbour reckons. */
export const lend = (state: State, row: Custody, to: string, now: number): Metered => {
  const lent = row.lent ?? []
  if (row.permit !== undefined || lent.some((one) => one.to === to)) return { row, changes: [] }
  const credit = openCredit(state, to, now)
  const weight = weightOf(credit.ours, now, state.weights)
  reserve(credit, 'ours', weight)
  return {
    row: { ...row, lent: [...lent, { to, weight }], judgeBy: row.judgeBy ?? judgeBy(row.path, row.expires) },
    changes: [kept(to, credit)],
  }
}

/** `to` gave it back: it weighs there no more. */
export const returned = (state: State, row: Custody, to: string, now: number): Metered => {
  const loan = row.lent?.find((one) => one.to === to)
  if (loan === undefined) return { row, changes: [] }
  const credit = openCredit(state, to, now)
  release(credit, 'ours', loan.weight)
  return { row: { ...row, lent: (row.lent ?? []).filter((one) => one !== loan) }, changes: [kept(to, credit)] }
}

/** Nobody will judge it: it weighs nowhere, and says nothing about anybody. */
export const freed = (state: State, row: Custody, now: number): Metered =>
  judged(state, row, now, (credit, direction, weight) => release(credit, direction, weight))

/** It was wanted, or nobody has said otherwise in a week. */
export const praised = (state: State, row: Custody, now: number): Metered =>
  judged(state, row, now, (credit, direction, weight, via) => wanted(credit, direction, weight, via, now))

type Judge = (credit: Credit, direction: Direction, weight: number, via: string) => void

/** Everybody it weighs with hears the judgement; from then on it weighs nowhere. */
const judged = (state: State, row: Custody, now: number, judge: Judge): Metered => {
  const changes: Change[] = []
  if (row.reserved !== undefined && row.from !== undefined) {
    const credit = openCredit(state, row.from, now)
    judge(credit, 'theirs', row.reserved, sourceOf(row))
    changes.push(kept(row.from, credit))
  }
  for (const { to, weight } of row.lent ?? []) {
    const credit = openCredit(state, to, now)
    judge(credit, 'ours', weight, beyond(row, to))
    changes.push(kept(to, credit))
  }
  const { reserved, lent, judgeBy: until, ...rest } = row
  return { row: { ...rest, isJudged: true }, changes }
}

/** Over which neighbour it went on; for whom, where it was for somebody here. */
export const sourceOf = (row: Custody): string =>
  row.role === 'destination' ? (row.to ?? '') : (row.next ?? row.to ?? '')

/** What `neighbour` reckons it by, as far as its reports say: whom it handed it to, or the recipient. */
export const beyond = (row: Custody, neighbour: string): string =>
  row.trail.findLast((step) => step.by === neighbour && step.next !== undefined)?.next ?? row.to ?? ''
