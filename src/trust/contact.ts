/**
 * What an entity here thinks of another: what became of their mail, and what it is changed by.
 *
 *             their mail    by
 *   (nobody)  Requests
 *   implicit  INBOX         writing to them; moving their mail from Requests to INBOX; adding them
 *   explicit  INBOX         a person has compared the fingerprint words
 *   none      Requests      a person has said so
 *
 * Implicit never replaces explicit: a gesture says less than words that were compared. Writing does
 * not replace `none` either: one may answer somebody whose mail one does not want.
 * Categories (friend, family, co-worker …) are a contact's whatever the trust in it.
 */
import { nothing, type Step } from '../effect.ts'
import { Refusal } from '../refusal.ts'
import { type Change, type Contact, contactKey, type State } from '../state.ts'

/**
 * What a person said or did. Who was forgotten keeps no categories: they are the contact's. Whoever has been
 * told of another key for the address, and has spoken since, is not told of that one again.
 */
export const trusted = (state: State, said: Contact): Step => {
  const was = state.contacts.get(contactKey(said.entity, said.other))
  if (was?.trust === 'explicit' && said.trust === 'implicit') return nothing
  const categories = said.categories ?? was?.categories
  const rival = said.rival ?? was?.rival
  // What a person thinks of somebody does not touch what that somebody's gateway gave them.
  const permit = was?.permit
  const row: Contact = {
    ...said,
    ...(categories && { categories }),
    ...(rival && { rival }),
    ...(permit && { permit }),
  }
  return { changes: [{ put: 'contact', row }], effects: [] }
}

export type Sorting = { entity: string; other: string; add: string[]; remove: string[] }

/** Puts a contact into categories, and takes it out of others; what is in both is taken out. */
export const sorted = (state: State, { entity, other, add, remove }: Sorting): Step => {
  const was = state.contacts.get(contactKey(entity, other))
  if (was === undefined) return refuse('nobody here knows them as a contact; add them first')
  const categories = [...new Set([...(was.categories ?? []), ...add])].filter((one) => !remove.includes(one)).sort()
  if (categories.length > MAX_CATEGORIES) return refuse(`a contact may be in ${MAX_CATEGORIES} categories`)
  return { changes: [{ put: 'contact', row: { ...was, categories } }], effects: [] }
}

/** More would be a second address book; each list and broadcast looks through them. */
const MAX_CATEGORIES = 32
/** It stands in lists and on the command line, between commas. */
const MAX_NAME = 40

/** The one spelling of a category's name. @throws Refusal `record-malformed` */
export const categoryName = (typed: string): string => {
  const name = typed.normalize('NFC').toLowerCase().trim().replace(/\s+/g, ' ')
  if (name.length > 0 && name.length <= MAX_NAME && !/[\p{C},]/u.test(name)) return name
  throw new Refusal('record-malformed', `a category is a name of 1 to ${MAX_NAME} characters, without a comma`)
}

/** Mail of somebody the recipient trusts, or of themselves, goes to INBOX; strangers' mail waits in Requests. */
export const folderFor = (state: State, entity: string, sender: string): 'INBOX' | 'Requests' =>
  isTrusted(state, entity, sender) ? 'INBOX' : 'Requests'

export const isTrusted = (state: State, entity: string, sender: string): boolean => {
  if (entity === sender) return true
  const trust = state.contacts.get(contactKey(entity, sender))?.trust
  return trust === 'explicit' || trust === 'implicit'
}

/** Whoever a person writes to may write back; what they said themselves stands. */
export const trustByWriting = (state: State, entity: string, other: string, address: string, now: number): Change[] =>
  entity === other || state.contacts.has(contactKey(entity, other))
    ? []
    : [{ put: 'contact', row: { entity, other, trust: 'implicit', address, at: now } }]

const refuse = (detail: string): Step => ({ ...nothing, answer: { say: 'refused', code: 'entity-unknown', detail } })
