/**
 * What SORT and THREAD order messages by, as columns: how each is made of what is remembered of a message.
 * RFC 5256 §3, RFC 5957.
 */
import { type Linking, type Links, linked, linkingOf, noLinks } from '../../../src/mail/links.ts'
import { noRanks, type Ranks, ranked } from '../../../src/mail/ranks.ts'
import { type AddressField, collated, firstAddress } from '../../../src/mail/sort-key.ts'
import { baseSubject } from '../../../src/mail/subject.ts'
import type { Cached } from '../../../store/cached.ts'
import type { Row } from '../view/shown.ts'

export type Criterion = 'arrival' | 'cc' | 'date' | 'from' | 'size' | 'subject' | 'to' | 'displayfrom' | 'displayto'
export type Columns = Record<Criterion, Ranks> & { links: Links }
export type Name = keyof Columns

export type Fact = 'date' | 'envelope' | 'inReplyTo' | 'messageId' | 'references' | 'subject'
export type Known = Partial<Pick<Cached, Fact>>

export type Kind<Column> = {
  needs: readonly Fact[]
  none(): Column
  slots(column: Column): number
  /** Bytes of memory, roughly. */
  weigh(column: Column): number
  /** Takes one message after the other, and makes the column with them behind those it has. */
  gather(): { take(row: Row | undefined, known: Known): void; behind(column: Column): Generator<void, Column> }
}

const ranks = (needs: readonly Fact[], key: (row: Row | undefined, known: Known) => number | string): Kind<Ranks> => ({
  needs,
  none: () => noRanks,
  slots: (column) => column.ranks.length,
  weigh: ({ ranks, distinct }) => ranks.byteLength + distinct.reduce((sum: number, value) => sum + weighed(value), 0),
  gather() {
    const keys: (number | string)[] = []
    return { take: (row, known) => void keys.push(key(row, known)), behind: (column) => ranked(column, keys) }
  },
})

const links: Kind<Links> = {
  needs: ['messageId', 'inReplyTo', 'references', 'subject'],
  none: noLinks,
  slots: ({ own }) => own.length,
  weigh: ({ own, answered, count }) => 9 * own.length + 4 * answered.length + ID_BYTES * count,
  gather() {
    const each: Linking[] = []
    return {
      take: (_, known) => void each.push(linkingOf(known)),
      behind: (column) => linked(column, each),
    }
  },
}

/** A short text in memory, beside its characters, and where it is pointed to. */
const TEXT_BYTES = 32
/** A Message-ID and its place in a map. */
const ID_BYTES = 120
const weighed = (value: number | string): number => (typeof value === 'number' ? 8 : TEXT_BYTES + value.length)

const byAddress = (field: AddressField, part: 'mailbox' | 'shown'): Kind<Ranks> =>
  ranks(['envelope'], (_, { envelope }) => (envelope ? collated(firstAddress(envelope, field)[part]) : ''))

/** Messages that are gone meanwhile are put by what is known of them; FETCH will tell. */
export const kinds: { readonly [Each in Name]: Kind<Columns[Each]> } = {
  arrival: ranks([], (row) => row?.internalDate ?? 0),
  size: ranks([], (row) => row?.size ?? 0),
  date: ranks(['date'], (row, { date }) => date ?? row?.internalDate ?? 0),
  subject: ranks(['subject'], (_, { subject }) => (subject ? collated(baseSubject(subject).text) : '')),
  from: byAddress('from', 'mailbox'),
  to: byAddress('to', 'mailbox'),
  cc: byAddress('cc', 'mailbox'),
  displayfrom: byAddress('from', 'shown'),
  displayto: byAddress('to', 'shown'),
  links,
}

export const isCriterion = (name: string): name is Criterion => name !== 'links' && Object.hasOwn(kinds, name)
