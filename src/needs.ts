import type { Custody } from './custody/custody.ts'
import { keyOf } from './envelope/envelope.ts'
import type { Event } from './event.ts'
import { owedKey } from './report/owed.ts'
import type { Known } from './route/search.ts'
import { contactKey, type State } from './state.ts'

/** What the State must hold before `step`: rows by their keys, missing ones left out. Submissions follow their custody. */
export type Needs = {
  custody?: string[]
  owed?: string[]
  contacts?: string[]
  submissions?: string[]
  critics?: string[]
}

/** By address: whom events of one batch may make known, to those of it that follow. */
type Newcomers = ReadonlyMap<string, readonly string[]>

export const newcomers = (events: readonly Event[]): Newcomers => {
  const found = new Map<string, string[]>()
  for (const { address, entity } of events.flatMap((event) => shownBy(event) ?? []))
    found.set(address, [...(found.get(address) ?? []), entity])
  return found
}

const shownBy = (event: Event): Known | undefined =>
  event.on === 'path' ? event.path.known : event.on === 'arrived' ? event.arrival.opened?.card?.known : undefined

/** Whoever may be known at an address when its event is decided. */
const knownAs = (state: State, coming: Newcomers, address: string): string[] =>
  [state.knownAt.get(address) ?? [], coming.get(address) ?? []].flat()

const NOBODY: Newcomers = new Map()

export const needs = (state: State, event: Event, coming = NOBODY): Needs => {
  switch (event.on) {
    case 'submitted': {
      // Its id was drawn for it: only a repeat still in memory could bear it, none that has to be loaded.
      const { entity, recipients } = event.submission
      const others = recipients.flatMap(
        ({ address }) => state.addresses.get(address) ?? knownAs(state, coming, address),
      )
      const strangers = others.filter((other) => other !== entity)
      return {
        contacts: strangers.flatMap((other) => [contactKey(entity, other), contactKey(other, entity)]),
      }
    }
    case 'arrived': {
      const { envelope, opened } = event.arrival
      const key = keyOf(envelope.origin, envelope.id)
      const others = new Set(opened ? [opened.from, ...knownAs(state, coming, opened.address)] : [])
      const contacts = [...others].map((other) => contactKey(envelope.to, other))
      return { custody: [key], contacts, ...(envelope.permit === undefined && { critics: [envelope.to] }) }
    }
    case 'trusted':
      return { contacts: [contactKey(event.contact.entity, event.contact.other)] }
    case 'sorted':
      return { contacts: [contactKey(event.sorting.entity, event.sorting.other)] }
    case 'moved':
      return { custody: event.move.custody, owed: event.move.owed }
    case 'acknowledged':
    case 'lapsed':
      return { owed: [event.owed] }
    case 'clear':
      return { submissions: [event.submission] }
    case 'judged':
      return { custody: [event.judgement.key] }
    case 'complained':
      return { custody: [keyOf(event.complaint.origin, event.complaint.id)] }
    case 'wanted':
    case 'reported':
    case 'sealed':
    case 'unsealable':
    case 'accepted':
    case 'rejected':
    case 'unreachable':
    case 'lodged':
    case 'released':
    case 'due':
    case 'seek':
    case 'retry':
    case 'held-back':
    case 'let-go':
    case 'given-up':
      return { custody: [event.key] }
    default:
      return {}
  }
}

/** What a loaded custody row needs beside it; at its origin also what its sender thinks of the recipient. */
export const needsOf = (state: State, row: Custody, coming = NOBODY): Needs => {
  // Whom it was meant for may have been forgotten: then it goes to whoever has the address now.
  const others = new Set([row.to ?? [], knownAs(state, coming, row.address ?? '')].flat())
  return {
    ...(row.from && { owed: [row.from, ...(row.also ?? [])].map((to) => owedKey(to, row.key)) }),
    ...(row.submission && { submissions: [row.submission] }),
    ...(row.to && isOnRecord(row) && { critics: [row.to] }),
    ...(row.sender && { contacts: [...others].flatMap((to) => viewsOf(state, row, row.sender ?? '', to)) }),
  }
}

/** A complaint about it can be put on its recipient's record, or taken off again. */
const isOnRecord = ({ reserved, verdict }: Custody): boolean => reserved !== undefined || verdict?.how === 'complaint'

/** Both of them where both live here. */
const viewsOf = (state: State, { role }: Custody, sender: string, to: string): string[] => [
  ...(role === 'destination' || state.locals.has(to) ? [contactKey(to, sender)] : []),
  ...(role === 'destination' ? [] : [contactKey(sender, to)]),
]
