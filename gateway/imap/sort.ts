/**
 * Messages in the order a client asks for. RFC 5256 §3, RFC 5957.
 *
 * What is compared is read once for each message, for all criteria; messages that are equal in all of them stay in
 * the order of the mailbox.
 */

import { type AddressField, collated, firstAddress } from '../../src/mail/sort-key.ts'
import { baseSubject } from '../../src/mail/subject.ts'
import type { Db } from '../../store/db.ts'
import { type Cached, cached } from '../../store/message.ts'
import type { Numbered } from './view.ts'
import { fail, type Words } from './wire/words.ts'

type By = 'arrival' | 'cc' | 'date' | 'from' | 'size' | 'subject' | 'to' | 'displayfrom' | 'displayto'
export type Criterion = { by: By; isReverse: boolean }

type Column = 'date' | 'envelope' | 'subject'
type Known = Partial<Pick<Cached, Column>>
type Read = { needs?: Column; key(message: Numbered, known: Known): number | string }

const byAddress = (field: AddressField, part: 'mailbox' | 'shown'): Read => ({
  needs: 'envelope',
  key: (_, { envelope = '' }) => collated(firstAddress(envelope, field)[part]),
})

const reads: Record<By, Read> = {
  arrival: { key: ({ row }) => row.internalDate },
  size: { key: ({ row }) => row.size },
  date: { needs: 'date', key: ({ row }, { date }) => date ?? row.internalDate },
  subject: { needs: 'subject', key: (_, { subject = '' }) => collated(baseSubject(subject).text) },
  from: byAddress('from', 'mailbox'),
  to: byAddress('to', 'mailbox'),
  cc: byAddress('cc', 'mailbox'),
  displayfrom: byAddress('from', 'shown'),
  displayto: byAddress('to', 'shown'),
}

/** More of them order nothing that was not in order before. */
const CRITERIA_MAX = 20

/** `(REVERSE DATE SUBJECT)`: REVERSE is for the one that follows it. */
export const parseCriteria = (words: Words): Criterion[] => {
  const criteria = words.list(() => {
    let name = words.keyword().toLowerCase()
    const isReverse = name === 'reverse'
    if (isReverse) {
      words.space()
      name = words.keyword().toLowerCase()
    }
    return isBy(name) ? { by: name, isReverse } : fail('there is no such sort criterion')
  })
  if (criteria.length === 0 || criteria.length > CRITERIA_MAX) fail('one sort criterion was expected, or some')
  return criteria
}

const isBy = (name: string): name is By => Object.hasOwn(reads, name)

/** Messages that are gone meanwhile are put by what is known of them; FETCH will tell. */
export const sorted = async (
  db: Db,
  messages: readonly Numbered[],
  criteria: readonly Criterion[],
): Promise<Numbered[]> => {
  const columns = [...new Set(criteria.flatMap(({ by }) => reads[by].needs ?? []))]
  const ids = messages.map(({ row }) => row.id)
  const known = new Map<number, Known>()
  if (columns.length > 0) for (const row of await cached(db, ids, columns)) known.set(row.id, row)
  const keyed = messages.map((message) => {
    const facts = known.get(message.row.id) ?? {}
    return { message, keys: criteria.map(({ by }) => reads[by].key(message, facts)) }
  })
  keyed.sort((a, b) => {
    for (let i = 0; i < criteria.length; i++) {
      const [one = 0, other = 0] = [a.keys[i], b.keys[i]]
      if (one !== other) return one < other !== (criteria[i]?.isReverse ?? false) ? -1 : 1
    }
    return a.message.seq - b.message.seq
  })
  return keyed.map(({ message }) => message)
}
