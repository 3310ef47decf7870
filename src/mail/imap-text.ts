/**
 * ENVELOPE as text on the wire: RFC 3501 §7.4.2, RFC 9051 §7.5.2.
 *
 * The text is latin1: one character is one byte. Strings are quoted when they
 * are 7-bit and hold no line end, otherwise they are literals `{n}\r\n…`, so
 * whoever writes it does so with `Buffer.from(text, 'latin1')`.
 */
import { type AddressItem, parseAddresses } from './address-list.ts'
import { type Field, unfold } from './header.ts'

export const string = (text: string): string => {
  if (!UNQUOTABLE.test(text)) return `"${text.replace(/["\\]/g, '\\$&')}"`
  // RFC 3501 §4.3: a literal holds no NUL. Dovecot shows 0x80 in its place; so do we.
  return `{${text.length}}\r\n${text.replaceAll('\0', '\x80')}`
}

export const nstring = (text: string | null | undefined): string =>
  text === null || text === undefined ? 'NIL' : string(text)

/** A header's envelope fields, unfolded (latin1), as read once and used for ENVELOPE and for lists alike. */
export type Envelope = { texts: Record<TextName, string | null>; lists: Record<ListName, AddressItem[]> }

/** How many addresses are still read in all: each may become ten times as long here, and messages hold messages. */
export type Budget = { addresses: number }

/** The last of repeated texts wins, address fields add up: as Dovecot does it. */
export const readEnvelope = (fields: readonly Field[], budget: Budget): Envelope => {
  const texts: Envelope['texts'] = {
    date: null,
    subject: null,
    'in-reply-to': null,
    'message-id': null,
    references: null,
  }
  const lists: Envelope['lists'] = { from: [], sender: [], 'reply-to': [], to: [], cc: [], bcc: [] }
  for (const [name, value] of fields) {
    const key = name.toLowerCase()
    if (isTextName(key)) texts[key] = unfold(value)
    else if (isListName(key)) {
      const items = parseAddresses(unfold(value), budget.addresses)
      budget.addresses -= items.length
      for (const item of items) lists[key].push(item)
    }
  }
  return { texts, lists }
}

export const envelopeText = ({ texts, lists }: Envelope): string => {
  const from = addressesText(lists.from)
  // RFC 3501 §7.4.2: the server defaults sender and reply-to to from, be they absent or empty.
  const sender = lists.sender.length > 0 ? addressesText(lists.sender) : from
  const replyTo = lists['reply-to'].length > 0 ? addressesText(lists['reply-to']) : from
  const rest = [lists.to, lists.cc, lists.bcc].map(addressesText).join(' ')
  const ids = `${nstring(texts['in-reply-to'])} ${nstring(texts['message-id'])}`
  return `(${nstring(texts.date)} ${nstring(texts.subject)} ${from} ${sender} ${replyTo} ${rest} ${ids})`
}

const addressesText = (items: readonly AddressItem[]): string =>
  items.length === 0 ? 'NIL' : `(${items.map(addressText).join('')})`

const addressText = ({ name, route, local, host }: AddressItem): string =>
  `(${nstring(name)} ${nstring(route)} ${nstring(local)} ${nstring(host)})`

type TextName = 'date' | 'subject' | 'in-reply-to' | 'message-id' | 'references'
type ListName = 'from' | 'sender' | 'reply-to' | 'to' | 'cc' | 'bcc'

const TEXT_NAMES: ReadonlySet<string> = new Set(['date', 'subject', 'in-reply-to', 'message-id', 'references'])
const LIST_NAMES: ReadonlySet<string> = new Set(['from', 'sender', 'reply-to', 'to', 'cc', 'bcc'])
const isTextName = (name: string): name is TextName => TEXT_NAMES.has(name)
const isListName = (name: string): name is ListName => LIST_NAMES.has(name)

/** The bytes a quoted string must not hold. */
const UNQUOTABLE = /[\0\r\n\x80-\xff]/
