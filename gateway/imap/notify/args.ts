/**
 * What a client wants to be told unasked. RFC 5465 §3.1, §8.
 *
 * notify = "NOTIFY" SP ("NONE" / "SET" [SP "STATUS"] 1*(SP "(" mailboxes SP events ")"))
 * mailboxes = "selected" / "selected-delayed" / a filter (mailbox/filter.ts)
 * events = "NONE" / "(" event *(SP event) ")"
 * event = "MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"] / "MessageExpunge" / "FlagChange" / …
 */

import { type Item, parseItems } from '../fetch/item.ts'
import { type Filter, parseFilter } from '../mailbox/filter.ts'
import { no } from '../reply.ts'
import { fail, type Words } from '../wire/words.ts'

const ofMessages = ['MessageNew', 'MessageExpunge', 'FlagChange'] as const
/** METADATA brings two with it: RFC 5465 §5.6, §5.7. */
const ofMailboxes = ['MailboxName', 'SubscriptionChange', 'MailboxMetadataChange', 'ServerMetadataChange'] as const
export const known = [...ofMessages, ...ofMailboxes] as const
export type Event = (typeof known)[number]

/** The mailbox that is selected. `delays`: EXPUNGE is told only where a command permits it. */
type OfSelected = { delays: boolean; events: ReadonlySet<Event>; items: Item[] }
type Group = { filter: Filter; events: ReadonlySet<Event> }

export type Wanted = { tellsStatus: boolean; selected?: OfSelected; groups: Group[] }

export const badEvent = no(`BADEVENT (${known.join(' ')})`, 'Only these events are known here')

/** Undefined if an event is asked for that is not known here. */
export const parseNotify = (words: Words): Wanted | undefined => {
  words.space()
  if (words.tryWord('NONE')) {
    words.end()
    return { tellsStatus: false, groups: [] }
  }
  if (!words.tryWord('SET')) fail('SET or NONE was expected')
  words.space()
  const wanted: Wanted = { tellsStatus: words.tryPhrase('STATUS '), groups: [] }
  let isKnown = true
  do isKnown = parseGroup(words, wanted) && isKnown
  while (words.trySpace())
  words.end()
  return isKnown ? wanted : undefined
}

/** @returns whether all its events are known */
const parseGroup = (words: Words, wanted: Wanted): boolean => {
  words.expect('(')
  const delays = words.tryWord('SELECTED-DELAYED')
  const isSelected = delays || words.tryWord('SELECTED')
  const filter = isSelected ? undefined : parseFilter(words)
  words.space()
  const { events, items, isKnown } = parseEvents(words, isSelected)
  words.expect(')')
  if (filter) wanted.groups.push({ filter, events })
  else if (wanted.selected) fail('the selected mailbox is named once')
  else wanted.selected = { delays, events, items }
  return isKnown
}

type Events = { events: Set<Event>; items: Item[]; isKnown: boolean }

const parseEvents = (words: Words, isSelected: boolean): Events => {
  const all: Events = { events: new Set(), items: [], isKnown: true }
  if (words.tryWord('NONE')) return all
  const { events } = all
  const count = words.list(() => parseEvent(words, isSelected, all)).length
  if (count === 0) fail('an event was expected')
  // A client that hears of new messages only would soon number them wrongly. RFC 5465 §5.
  if (events.has('MessageNew') !== events.has('MessageExpunge')) fail('MessageNew and MessageExpunge go together')
  if (events.has('FlagChange') && !events.has('MessageNew')) fail('FlagChange goes with MessageNew and MessageExpunge')
  if (isSelected && ofMailboxes.some((event) => events.has(event)))
    fail('of the selected mailbox only its messages are told')
  return all
}

const parseEvent = (words: Words, isSelected: boolean, all: Events): void => {
  const name = words.keyword()
  const event = known.find((one) => one.toUpperCase() === name)
  if (event) all.events.add(event)
  else all.isKnown = false
  if (event !== 'MessageNew' || words.peek(1) !== '(') return
  words.space()
  if (!isSelected) fail('only the messages of the selected mailbox are fetched')
  all.items = parseItems(words)
}
