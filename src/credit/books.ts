/**
 * Two neighbours compare what they owe each other: each signs {seq, debt} once a day, or after 16
 * charges. They may differ while a complaint is under way from one to the other, so a difference
 * counts only when it has lasted a day; meanwhile both say their number every hour.
 */
import { type Credit, DAY_MS, exactDebt, keptAfter } from './credit.ts'

/** What a neighbour said last, and what we did. `disputedSince`: since when the numbers differ. */
export type Books = {
  seq: number
  at: number
  /** Charges since our last statement. */
  charges: number
  heard?: Stated
  disputedSince?: number
  /** The neighbour sees a difference: it waits for our number. */
  asked?: true
}
/** `disputed`: it differed from the other's last one, whose next is asked for. */
export type Stated = { seq: number; debt: number; limit: number; at: number; disputed: boolean }

const MANY_CHARGES = 16
const HOUR_MS = 3_600_000
/** Rounding and clocks explain less: a clock that is off by an hour moves a debt of 2 by less. */
const SAME = 0.01

export const newBooks = (now: number): Books => ({ seq: 0, at: now, charges: 0 })

export const isStatementDue = ({ at, charges, disputedSince, asked }: Books, now: number): boolean =>
  now - at >= DAY_MS ||
  charges >= MANY_CHARGES ||
  ((disputedSince !== undefined || asked === true) && now - at >= HOUR_MS)

/** Our next statement, and the books with it. */
export const state = (books: Books, credit: Credit, limit: number, now: number): { books: Books; stated: Stated } => {
  const { asked, ...rest } = books
  const seq = books.seq + 1
  const disputed = books.disputedSince !== undefined
  return {
    books: { ...rest, seq, at: now, charges: 0 },
    stated: { seq, debt: exactDebt(credit, now), limit, at: now, disputed },
  }
}

/** The neighbour's statement: an old one again says nothing, and one from the future counts from now on. */
export const hear = (books: Books, credit: Credit, said: Stated, now: number): Books => {
  if (said.seq <= (books.heard?.seq ?? 0)) return books
  const heard = { ...said, at: Math.min(said.at, now) }
  const difference = exactDebt(credit, now) + heard.debt * keptAfter(now - heard.at)
  const { disputedSince, ...before } = books
  const rest: Books = { ...before, heard, ...(heard.disputed && { asked: true }) }
  return Math.abs(difference) <= SAME ? rest : { ...rest, disputedSince: disputedSince ?? now }
}

/** A day, and an hour for the answer that was asked for. */
export const isDisputed = ({ disputedSince }: Books, now: number): boolean =>
  disputedSince !== undefined && now - disputedSince >= DAY_MS + HOUR_MS
