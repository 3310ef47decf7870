/**
 * A complaint's price along the way: whoever was handed the message charges whoever handed it over.
 * A relay is charged by the next hop and charges the one before: it comes out even. The origin pays.
 */
import { newBooks } from '../credit/books.ts'
import { marked, newConduct, unmarked } from '../credit/conduct.ts'
import { complained, release, reserve, withdrawn } from '../credit/credit.ts'
import { criticised, isSerial } from '../credit/critic.ts'
import type { Custody } from '../custody/custody.ts'
import { beyond, kept, openCredit, sourceOf } from '../custody/meter.ts'
import type { Account, Change, State } from '../state.ts'
import type { Entry, Reason, Verdict } from './verdict.ts'

type Charged = { row: Custody; changes: Change[] }
type Said = { via: string; reason: Reason; at: number }

export const charged = (state: State, was: Custody, { via, reason, at }: Said, now: number): Charged => {
  const changes: Change[] = []
  if (was.reserved !== undefined && was.from !== undefined) {
    const account = openCredit(state, was.from, now)
    complained(account, 'theirs', was.reserved, at, now)
    const critic = state.critics.get(was.to ?? '')
    const mark = { at, via, key: was.key, before: beforeOf(was), counts: critic === undefined || !isSerial(critic) }
    changes.push(
      kept(was.from, { ...bumped(account, now), conduct: marked(account.conduct ?? newConduct(), mark, now) }),
    )
    if (critic) changes.push({ put: 'critic', row: criticised(critic, 1) })
  }
  for (const { to, weight } of loans(was, via)) {
    const credit = openCredit(state, to, now)
    if (weight === 0) reserve(credit, 'ours', 0)
    if (to === via) complained(credit, 'ours', weight, at, now)
    else release(credit, 'ours', weight) // another copy, that nobody complained about
    changes.push(kept(to, bumped(credit, now)))
  }
  const { reserved, lent, ...rest } = was
  const verdict: Verdict = { how: 'complaint', reason, at, via, weight: reserved ?? 0 }
  const row: Custody = { ...rest, isJudged: true, verdict }
  return { row, changes: [{ put: 'custody', row }, ...changes, { put: 'complaint', row: entryOf(row, verdict) }] }
}

/** Where it weighs. The receipt of whoever complains may have been lost: then it had it all the same. */
const loans = ({ role, lent = [] }: Custody, via: string): NonNullable<Custody['lent']> =>
  role === 'destination' || lent.some((one) => one.to === via) ? lent : [...lent, { to: via, weight: 0 }]

/** The complaint is taken back: as if it had been wanted all the time. */
export const undone = (state: State, was: Custody, verdict: Complained, now: number): Charged => {
  const changes: Change[] = []
  if (was.from !== undefined) {
    const account = openCredit(state, was.from, now)
    withdrawn(account, 'theirs', sourceOf(was), verdict.at, now)
    const conduct = unmarked(account.conduct ?? newConduct(), was.key)
    changes.push(kept(was.from, { ...bumped(account, now), conduct }))
    const critic = state.critics.get(was.to ?? '')
    if (critic) changes.push({ put: 'critic', row: criticised(critic, -1) })
  }
  if (was.role !== 'destination') {
    const credit = openCredit(state, verdict.via, now)
    withdrawn(credit, 'ours', beyond(was, verdict.via), verdict.at, now)
    changes.push(kept(verdict.via, bumped(credit, now)))
  }
  const row: Custody = { ...was, verdict: { ...verdict, how: 'withdrawn' } }
  const entry: Entry = { ...entryOf(row, verdict), withdrawnAt: now }
  return { row, changes: [{ put: 'custody', row }, ...changes, { put: 'complaint', row: entry }] }
}

type Complained = Extract<Verdict, { how: 'complaint' | 'withdrawn' }>

/** One charge more since we last said what we are owed. */
const bumped = (account: Account, now: number): Account => {
  const books = account.books ?? newBooks(now)
  return { ...account, books: { ...books, charges: books.charges + 1 } }
}

/** Who had handed it to whoever handed it to us; that one itself, where it was written there. */
const beforeOf = ({ path, origin }: Custody): string => path.at(-3) ?? origin

const roles = { destination: 'made', relay: 'passed', origin: 'received' } as const

const entryOf = (row: Custody, { reason, at, via }: Complained): Entry => ({
  key: row.key,
  role: roles[row.role],
  reason,
  at,
  by: row.to ?? '',
  ...(row.sender && { sender: row.sender }),
  ...(row.messageId && { messageId: row.messageId }),
  ...(row.from && { charged: row.from }),
  ...(row.role !== 'destination' && { over: via }),
})
