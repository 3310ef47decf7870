/**
 * A neighbour has suspended us for what came through us. Whoever handed it to us is judged by our own
 * rules alone; once such a one is cut here, by a rule or by the owner, the neighbour hears of it, and
 * takes us back on probation.
 */
import { hear, isStatementDue, newBooks, type Stated, state as stateBooks } from '../credit/books.ts'
import { creditOf, kept } from '../custody/meter.ts'
import { type Effect, nothing, type Step } from '../effect.ts'
import { oweMessage } from '../report/owed.ts'
import type { Account, Link, State } from '../state.ts'
import type { Accusation } from './ruling.ts'
import { limitOf } from './standing.ts'

export const accused = (state: State, from: string, accusation: Accusation, now: number): Step => {
  const link = state.links.get(from)
  if (link === undefined || link.accused?.until === accusation.until) return nothing // or it comes again
  const row: Link = { ...link, accused: { ...accusation, at: now } }
  const told: Step = {
    changes: [{ put: 'link', row }],
    effects: [
      { do: 'log', event: 'suspended-by', to: from, detail: `${accusation.rule}: ${accusation.complaints} complaints` },
    ],
  }
  // Perhaps whoever did it is cut already.
  const known = { ...state, links: new Map(state.links).set(from, row) }
  for (const one of state.links.values()) {
    if (one.agent === from) continue
    const answer = repented(known, one.agent, cutFor(state, one, now), now)
    if (answer.changes.length > 0) return both(told, answer)
  }
  return isStoppedHere(state, accusation) ? both(told, repented(known, state.me, accusation.keys, now)) : told
}

/**
 * The messages a neighbour is cut for; or was, if it has named whom it cut in its turn and is on probation: that may be
 * done before a neighbour of ours has even looked.
 */
const cutFor = (state: State, link: Link, now: number): string[] => {
  const before = link.ruling?.ended?.how === 'punished' ? link.ruling.keys : []
  const { marks = [] } = creditOf(state, link.agent, now).conduct ?? {}
  const isCut = link.state === 'suspended' || link.state === 'revoked' // and not one that only rests
  return isCut ? [...before, ...marks.map(({ key }) => key)] : before
}

/** Whether one of the messages is by somebody who lives here and is stopped already. */
const isStoppedHere = ({ repute }: State, { keys }: Accusation): boolean =>
  [...repute.values()].some(
    ({ isStopped, reproaches }) => isStopped && reproaches.some(({ key }) => keys.includes(key)),
  )

const both = (one: Step, other: Step): Step => ({
  changes: [...one.changes, ...other.changes],
  effects: [...one.effects, ...other.effects],
})

/** `cut` carries nothing any more, or is ourselves, who stopped somebody here: whoever suspended us for these messages hears that. */
export const repented = (state: State, cut: string, keys: readonly string[], now: number): Step => {
  const all = new Set(keys)
  const steps = [...state.links.values()].flatMap((link): Step[] => {
    const { agent, accused: by } = link
    if (agent === cut || by === undefined || by.answeredAt !== undefined || now >= by.until) return []
    if (!by.keys.some((key) => all.has(key))) return []
    const owed = oweMessage(agent, `punished ${by.at}`, { t: 'PUNISHED', cut }, by.until)
    const row: Link = { ...link, accused: { ...by, answeredAt: now } }
    return [
      {
        changes: [
          { put: 'link', row },
          { put: 'owed', row: owed },
        ],
        effects: [{ do: 'settle', to: agent }],
      },
    ]
  })
  return { changes: steps.flatMap((one) => one.changes), effects: steps.flatMap((one) => one.effects) }
}

/** Our number, when it is due and the neighbour can hear it; lost, it comes with the next. */
export const speak = (link: Link, account: Account, now: number): { account: Account; effects: Effect[] } => {
  const books = account.books ?? newBooks(now - STATE_FIRST_MS)
  if (!link.up || !isStatementDue(books, now)) return { account: { ...account, books }, effects: [] }
  const said = stateBooks(books, account, limitOf(link), now)
  return { account: { ...account, books: said.books }, effects: [{ do: 'state', to: link.agent, stated: said.stated }] }
}

/** A new neighbour hears our limit at once. */
const STATE_FIRST_MS = 86_400_000

/** Our limit for the neighbour has changed to that of `link`: it hears so at once, for until then it holds mail back. */
export const restated = (state: State, link: Link, now: number): Step => {
  const account = creditOf(state, link.agent, now)
  const due = { ...account, books: { ...(account.books ?? newBooks(now)), at: 0 } }
  const said = speak(link, due, now)
  return { changes: [{ put: 'link', row: link }, kept(link.agent, said.account)], effects: said.effects }
}

/** What the neighbour says we owe each other. */
export const stated = (state: State, from: string, said: Stated, now: number): Step => {
  if (!state.links.has(from)) return nothing
  const account = creditOf(state, from, now)
  const books = hear(account.books ?? newBooks(now), account, said, now)
  return { changes: [kept(from, { ...account, books })], effects: [] }
}
