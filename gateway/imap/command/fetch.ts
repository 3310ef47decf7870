/**
 * FETCH and UID FETCH. RFC 3501 §6.4.5, §6.4.8; RFC 7162 §3.1.4, §3.2.6; RFC 9394 §3.4.
 * fetch = "FETCH" SP sequence-set SP (macro / item / "(" item *(SP item) ")") [SP "(" modifier *(SP modifier) ")"]
 *
 * What the view knows (flags, dates, sizes) is answered without asking the store; what was remembered at delivery
 * comes a page at a time; bodies one by one, long ones as a stream. Messages that another session expunged are read
 * as long as this one shows them.
 */
import { flag } from '../../../store/change.ts'
import { store } from '../../../store/flag.ts'
import type { Range } from '../../../store/range.ts'
import { type Command, mailboxOpen, type Session } from '../command.ts'
import { type Item, type Modifiers, parseItems, parseModifiers, withEnabled } from '../fetch/item.ts'
import { lookedAt } from '../fetch/look.ts'
import { tellPage } from '../fetch/tell.ts'
import { bad, no, ok } from '../reply.ts'
import { type By, expungeIssued, noSuchNumber, shownAs } from '../view/range.ts'
import { tellVanished } from '../view/resync.ts'
import { type Numbered, rowsOf } from '../view/shown.ts'
import { pageOf } from '../wire/partial.ts'
import { LARGEST, resolveSet, SAVED } from '../wire/sequence.ts'

type Args = { ranges: Range[]; items: Item[]; modifiers: Modifiers }

const fetching = (by: By): Command<Args> => ({
  in: mailboxOpen,
  ...(by === 'seq' && { byNumber: true, keepsNumbers: true }),
  parse(words) {
    words.space()
    const ranges = words.sequenceSet()
    words.space()
    const items = parseItems(words)
    const modifiers = parseModifiers(words)
    words.end()
    return { ranges, items, modifiers }
  },

  async run(session, { ranges, items: asked, modifiers }) {
    const { enabled, edge, mailbox, output } = session
    const { changedSince, vanished, page: part } = modifiers
    if (part && by === 'seq') return bad('PARTIAL is for UID FETCH')
    if (vanished && (by === 'seq' || !enabled.has('QRESYNC')))
      return bad('VANISHED is for UID FETCH, once QRESYNC is enabled')
    if (changedSince !== undefined || asked.some(({ get }) => get === 'MODSEQ')) enabled.add('CONDSTORE')
    const items = withEnabled(enabled, by === 'uid' && !enabled.has('UIDONLY') ? withUid(asked) : asked)
    const shown = shownAs(mailbox, by, ranges)
    if (!shown) return noSuchNumber
    if (vanished && changedSince !== undefined)
      await tellVanished(edge.store.db, mailbox, output, {
        modseq: changedSince,
        known: ranges === SAVED ? mailbox.saved : resolveSet(ranges, LARGEST),
      })
    const changed = changedSince === undefined ? shown : shown.filter(({ row }) => row.modseq > changedSince)
    const messages = part ? pageOf(part, changed) : changed
    const leftOut = { someAreGone: false, someAreLost: false }
    const marksSeen = !mailbox.isReadOnly && items.some((item) => item.get === 'section' && !item.peeks)
    for await (const { page, looked } of lookedAt(edge, messages, items)) {
      const wanted = marksSeen && (await markSeen(session, page)) ? withFlags(items) : items
      const { someAreGone, someAreLost } = await tellPage(session, page, wanted, looked)
      leftOut.someAreGone ||= by === 'seq' && someAreGone
      leftOut.someAreLost ||= someAreLost
    }
    if (leftOut.someAreLost) return bodyLost
    return leftOut.someAreGone ? expungeIssued : ok('Fetched')
  },
})

/** RFC 5530 §3: which, is in the log. */
const bodyLost = no(
  'CORRUPTION',
  'The bodies of some of these messages are lost here; who runs the gateway can tell which',
)

export const fetch = fetching('seq')
export const uidFetch = fetching('uid')

/**
 * The flags are told with the sections; of a message whose sections cannot be told they are told by themselves, as is
 * what another session changed.
 *
 * @returns whether any was not seen before: then the answers say so (RFC 3501 §6.4.5)
 */
const markSeen = async ({ edge, mailbox }: Session, messages: readonly Numbered[]): Promise<boolean> => {
  const unseen = messages.filter(({ row }) => !row.isGone && (row.flags & flag.seen) === 0)
  if (unseen.length === 0) return false
  const inView = { view: mailbox.view, rows: rowsOf(unseen) }
  await store(edge.store.db, mailbox.mailbox.id, inView, { mode: 'add', flags: flag.seen })
  return true
}

/** A UID FETCH always tells the uid (RFC 3501 §6.4.8), and a UIDFETCH begins with it. */
const withUid = (items: Item[]): Item[] => (items.some(({ get }) => get === 'UID') ? items : [{ get: 'UID' }, ...items])

const withFlags = (items: readonly Item[]): readonly Item[] =>
  items.some(({ get }) => get === 'FLAGS') ? items : [...items, { get: 'FLAGS' }]
