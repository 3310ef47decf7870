/**
 * FETCH and UID FETCH. RFC 3501 §6.4.5, §6.4.8; RFC 7162 §3.1.4, §3.2.6; RFC 9394 §3.4.
 * fetch = "FETCH" SP sequence-set SP (macro / item / "(" item *(SP item) ")") [SP "(" modifier *(SP modifier) ")"]
 *
 * What the view knows (flags, dates, sizes) is answered without asking the store; what was remembered at delivery
 * comes a page at a time; bodies one by one, long ones as a stream. Messages that another session expunged are read
 * as long as this one shows them. A message's answer is begun only when all of it is at hand or open, so one that
 * goes with its whole mailbox is left out whole.
 */
import type { Readable } from 'node:stream'
import { flag } from '../../../store/change.ts'
import { store } from '../../../store/flag.ts'
import { contents } from '../../../store/message.ts'
import { INLINE_MAX } from '../../../store/spool.ts'
import { findDecoded } from '../binary.ts'
import { atHand, type Found, find, type Known } from '../body.ts'
import { type Command, mailboxOpen, type Session } from '../command.ts'
import type { Extension } from '../extension.ts'
import { type Item, type Modifiers, type Plain, parseItems, parseModifiers, type Section } from '../fetch-item.ts'
import type { Output } from '../output.ts'
import { pageOf } from '../partial.ts'
import { type By, expungeIssued, noSuchNumber, shownAs } from '../range.ts'
import { type Remembered, remember, threadId } from '../remembered.ts'
import { bad, ok } from '../reply.ts'
import { tellVanished } from '../resync.ts'
import type { Selected } from '../selected.ts'
import type { Numbered, Row } from '../view.ts'
import { LARGEST, type Range, resolveSet, SAVED } from '../wire/sequence.ts'
import { dateTime, flagList, string } from '../wire/writer.ts'

type Args = { ranges: Range[]; items: Item[]; modifiers: Modifiers }

/** A page is marked as seen, remembered things read, and told, before the next. */
const PAGE = 500

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
    let someAreGone = false
    const marksSeen = !session.mailbox.isReadOnly && items.some((item) => item.get === 'section' && !item.peeks)
    const readAhead = (from: number) => {
      const reading = remember(edge.store.db, messages.slice(from, from + PAGE), items)
      reading.catch(() => {}) // should something fail before, nobody awaits it
      return reading
    }
    const ahead = [readAhead(0), readAhead(PAGE)]
    for (let at = 0; at < messages.length; at += PAGE) {
      const page = messages.slice(at, at + PAGE)
      const wanted = marksSeen && (await markSeen(session, page)) ? withFlags(items) : items
      const remembered = await ahead.shift()
      // The database reads on while this page is told.
      ahead.push(readAhead(at + 2 * PAGE))
      const isWhole = await tellPage(session, page, wanted, remembered)
      someAreGone ||= by === 'seq' && !isWhole
    }
    return someAreGone ? expungeIssued : ok('Fetched')
  },
})

export const fetch = fetching('seq')
export const uidFetch = fetching('uid')

/** @returns whether any was not seen before: then the answers say so (RFC 3501 §6.4.5) */
const markSeen = async ({ edge, mailbox }: Session, messages: readonly Numbered[]): Promise<boolean> => {
  const unseen = messages.filter(({ row }) => !row.isGone && (row.flags & flag.seen) === 0).map(({ row }) => row.uid)
  if (unseen.length === 0) return false
  const add = { mode: 'add', flags: flag.seen } as const
  mailbox.view.told(await store(edge.store.db, mailbox.mailbox.id, unseen, add))
  return true
}

/** A UID FETCH always tells the uid (RFC 3501 §6.4.8), and a UIDFETCH begins with it. */
const withUid = (items: Item[]): Item[] => (items.some(({ get }) => get === 'UID') ? items : [{ get: 'UID' }, ...items])

/** Who has enabled them is told modseqs in every FETCH, and with QRESYNC uids, too. RFC 7162 §3.1.4.1, §3.2.4. */
const withEnabled = (enabled: ReadonlySet<Extension>, items: Item[]): Item[] => {
  const more: Plain[] = [
    ...(enabled.has('CONDSTORE') ? ['MODSEQ' as const] : []),
    ...(enabled.has('QRESYNC') && !enabled.has('UIDONLY') ? ['UID' as const] : []),
  ]
  const missing = more.filter((plain) => !items.some(({ get }) => get === plain))
  return missing.length === 0 ? items : [...items, ...missing.map((get) => ({ get }))]
}

const withFlags = (items: Item[]): Item[] =>
  items.some(({ get }) => get === 'FLAGS') ? items : [...items, { get: 'FLAGS' }]

/** @returns false if some are gone and were left out */
export const tell = async (session: Session, messages: readonly Numbered[], items: readonly Item[]): Promise<boolean> =>
  tellPage(session, messages, items, await remember(session.edge.store.db, messages, items))

const tellPage = async (
  session: Session,
  messages: readonly Numbered[],
  items: readonly Item[],
  remembered: ReadonlyMap<number, Remembered> | undefined,
): Promise<boolean> => {
  const { output, mailbox, edge } = session
  const sections = items.filter((item) => item.get === 'section')
  const readsBodies = sections.some(({ what, fields }) => what !== 'HEADER' && !fields)
  const tellsFlags = items.some(({ get }) => get === 'FLAGS')
  let isWhole = true
  for (const batch of readsBodies && messages.length > 1 ? inBatches(messages) : [messages]) {
    const wholes = batch === messages ? undefined : await contents(edge.store.db, small(batch))
    for (const message of batch) {
      const { row } = message
      const known = withWhole(remembered ? remembered.get(row.id) : {}, wholes?.get(row.id))
      // Waiting costs more than all else: what is at hand is not waited for.
      const found = known && (allAtHand(row, known, sections) ?? (await findAll(edge.store.db, row, known, sections)))
      if (!found) {
        isWhole = false
        continue
      }
      if (mailbox.hasNewKeyword(row.keywords)) output.line(mailbox.flagsLine())
      if (sections.length === 0)
        output.line(`${mailbox.opening(message)} (${plainTexts(mailbox, message, items, known)})`)
      else await tellSections(output, mailbox, message, known, items, found)
      if (tellsFlags) mailbox.view.flagsTold(row.uid)
      if (!output.hasRoom) await output.room()
    }
  }
  return isWhole
}

/** Small bodies are read so many bytes at a time: one is soon told, and reading the next needs no long wait. */
const BATCH_BYTES = 1 << 20

function* inBatches(messages: readonly Numbered[]): Generator<Numbered[]> {
  let batch: Numbered[] = []
  let bytes = 0
  for (const message of messages) {
    batch.push(message)
    bytes += Math.min(message.row.size, INLINE_MAX)
    if (bytes < BATCH_BYTES) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}

const small = (messages: readonly Numbered[]): number[] =>
  messages.flatMap(({ row }) => (row.size <= INLINE_MAX ? [row.id] : []))

const withWhole = (known: Remembered | undefined, whole: Buffer | undefined): Remembered | undefined =>
  known && whole ? { ...known, whole } : known

/** In the order of the sections; undefined if something has to be read, or decoded. */
const allAtHand = (row: Row, known: Known, sections: readonly Section[]): Found[] | undefined => {
  const all: Found[] = []
  for (const section of sections) {
    const found = section.decoded ? undefined : atHand(row.size, known, section)
    if (!found) return undefined
    all.push(found)
  }
  return all
}

const findAll = async (db: Session['edge']['store']['db'], row: Row, known: Known, sections: readonly Section[]) => {
  const all: Found[] = []
  try {
    for (const section of sections) {
      const found = await (section.decoded ? findDecoded : find)(db, row, known, section)
      if (!found) break
      all.push(found)
    }
    return all.length === sections.length ? all : undefined
  } finally {
    if (all.length < sections.length) letGo(all)
  }
}

/** Closes what is open of it. */
const letGo = (all: readonly Found[]): void => {
  for (const { bytes } of all) if (isStream(bytes)) bytes.destroy()
}

const plainTexts = (selected: Selected, { row }: Numbered, items: readonly Item[], known: Remembered): string => {
  let texts = ''
  for (const item of items) {
    if (item.get === 'section') continue
    if (texts !== '') texts += ' '
    texts +=
      item.get === 'MODSEQ' ? selected.modseqItem(row) : plainText(item.get, row, known, selected.view.isRecent(row))
  }
  return texts
}

/** `found` holds the sections among the items, in their order. */
const tellSections = async (
  output: Output,
  selected: Selected,
  message: Numbered,
  known: Remembered,
  items: readonly Item[],
  found: readonly Found[],
): Promise<void> => {
  let next = 0
  let before = `${selected.opening(message)} (`
  try {
    for (const item of items) {
      if (item.get !== 'section') output.write(before + plainTexts(selected, message, [item], known))
      else {
        const streaming = tellSection(output, before, item, found[next++])
        if (streaming) await streaming
      }
      before = ' '
      // A client may ask for the same body many times over.
      if (!output.hasRoom) await output.room()
    }
  } finally {
    letGo(found)
  }
  output.line(')')
}

const plainText = (
  get: Exclude<Item['get'], 'MODSEQ' | 'section'>,
  row: Row,
  known: Remembered,
  isRecent: boolean,
): string => {
  switch (get) {
    case 'FLAGS':
      return `FLAGS ${flagList(row.flags, row.keywords, isRecent)}`
    case 'UID':
      return `UID ${row.uid}`
    case 'INTERNALDATE':
      return `INTERNALDATE ${dateTime(row.internalDate)}`
    case 'RFC822.SIZE':
      return `RFC822.SIZE ${row.size}`
    case 'ENVELOPE':
      return `ENVELOPE ${known.envelope}`
    case 'BODYSTRUCTURE':
      return `BODYSTRUCTURE ${known.bodyStructure}`
    case 'BODY':
      return `BODY ${known.body}`
    case 'EMAILID':
      return `EMAILID (${known.emailId})`
    case 'THREADID':
      return `THREADID (${threadId(known)})`
    case 'SAVEDATE':
      return `SAVEDATE ${dateTime(known.savedAt ?? 0)}`
    case 'PREVIEW':
      return `PREVIEW ${typeof known.preview === 'string' ? string(Buffer.from(known.preview).toString('latin1')) : 'NIL'}`
  }
}

/** @returns what is to be waited for, where a long one comes as a stream */
const tellSection = (
  output: Output,
  before: string,
  { label, decoded }: Section,
  { size, bytes, hasNul }: Found = { size: 0, bytes: null },
): Promise<void> | undefined => {
  if (decoded === 'size') {
    if (isStream(bytes)) bytes.destroy()
    output.write(`${before}${label} ${size}`)
  } else if (bytes === null) output.write(`${before}${label} NIL`)
  else {
    output.write(`${before}${label} ${hasNul ? '~' : ''}{${size}}\r\n`)
    if (isStream(bytes)) return tellStream(output, bytes, size)
    output.bytes(bytes)
  }
  return undefined
}

const tellStream = async (output: Output, bytes: Readable, size: number): Promise<void> => {
  let sent = 0
  for await (const chunk of bytes) {
    output.bytes(chunk)
    sent += chunk.length
    await output.room()
  }
  // The client waits for what was announced; nothing else could be said to it now.
  if (sent !== size) throw new Error(`a body of ${size} octets ended after ${sent}`)
}

const isStream = (bytes: Buffer | Readable | null): bytes is Readable => bytes !== null && !Buffer.isBuffer(bytes)
