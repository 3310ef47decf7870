/**
 * Messages as FETCH tells them, a page at a time: look.ts reads what is remembered of them, `tellPage` writes.
 *
 * What was lately told (lately.ts) or read (lately-read.ts) is not read again. A message's answer is begun only when all of it is at hand or
 * open, so one that goes with its whole mailbox is left out whole.
 */
import { Readable } from 'node:stream'
import { contents } from '../../../store/message.ts'
import { INLINE_MAX } from '../../../store/spool.ts'
import type { Session } from '../command.ts'
import type { Edge } from '../edge.ts'
import type { Output } from '../output.ts'
import type { Selected } from '../view/selected.ts'
import type { Numbered, Row } from '../view/shown.ts'
import { findDecoded } from './binary.ts'
import { atHand, type Found, find, type Known } from './body.ts'
import { type Item, type Section, withEnabled } from './item.ts'
import { plainText } from './item-text.ts'
import { lookedAt, type Page } from './look.ts'
import type { Remembered } from './remembered.ts'

/** Why messages were left out: some went meanwhile, of some the body is lost. */
type LeftOut = { someAreGone: boolean; someAreLost: boolean }

/** Unasked, what the client wants told. */
export const tell = async (session: Session, messages: readonly Numbered[], wanted: readonly Item[]): Promise<void> => {
  const items = withEnabled(session.enabled, wanted)
  for await (const { page, looked } of lookedAt(session.edge, messages, items))
    await tellPage(session, page, items, looked)
}

/** @param items as look.ts had them, and perhaps FLAGS behind them */
export const tellPage = async (
  session: Session,
  messages: readonly Numbered[],
  items: readonly Item[],
  { known, texts }: Page,
): Promise<LeftOut> => {
  const { output, mailbox, edge } = session
  const sections = items.filter((item) => item.get === 'section')
  const readsBodies = sections.some(({ what, fields }) => what !== 'HEADER' && !fields)
  const tellsFlags = items.some(({ get }) => get === 'FLAGS')
  const leftOut = { someAreGone: false, someAreLost: false }
  let n = 0
  for (const batch of readsBodies && messages.length > 1 ? inBatches(messages) : [messages]) {
    const wholes = readsBodies ? await readSmall(edge, batch) : undefined
    for (const message of batch) {
      const { row } = message
      const line = texts && lineOf(mailbox, message, items, texts, n++)
      if (line !== undefined) {
        tellKeywords(session, row)
        output.line(line)
        if (tellsFlags) mailbox.view.flagsTold(row.uid)
      } else {
        const one = withWhole(known ? known.get(row.id) : {}, wholes?.get(row.id))
        // Waiting costs more than all else: what is at hand is not waited for.
        const found = one && (allAtHand(row, one, sections) ?? (await findAll(edge.store.db, row, one, sections)))
        if (!found) {
          const isLost = one && (await noteLost(session, row)) && !row.isGone
          leftOut[isLost ? 'someAreLost' : 'someAreGone'] = true
          continue
        }
        tellKeywords(session, row)
        await tellItems(output, mailbox, message, one, items, found)
      }
      if (!output.hasRoom) await output.room()
    }
  }
  return leftOut
}

const noteLost = ({ edge, user, mailbox: { mailbox } }: Session, { id, uid }: Row): Promise<boolean> =>
  edge.lost.note(id, { account: user.address, mailbox: mailbox.name, uid })

const tellKeywords = ({ mailbox, output }: Session, { keywords }: Row): void => {
  if (mailbox.hasNewKeyword(keywords)) mailbox.tellFlags(output)
}

/** All of one message; undefined if something has to be looked for. */
const lineOf = (
  selected: Selected,
  message: Numbered,
  items: readonly Item[],
  texts: NonNullable<Page['texts']>,
  n: number,
): string | undefined => {
  let line = `${selected.opening(message)} (`
  for (let i = 0; i < items.length; i++) {
    const fixed = texts[i]
    const text = fixed ? fixed[n] : itemText(selected, message.row, items[i], {})
    if (text === undefined) return undefined
    line += i === 0 ? text : ` ${text}`
  }
  return `${line})`
}

const itemText = (selected: Selected, row: Row, item: Item | undefined, known: Remembered): string => {
  if (!item || item.get === 'section') return ''
  return item.get === 'MODSEQ' ? selected.modseqItem(row) : plainText(item.get, row, known, selected.view.isRecent(row))
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

/** Small messages whole, by their id: from memory, the others in one read. */
const readSmall = async (
  { store: { db }, latelyRead }: Pick<Edge, 'store' | 'latelyRead'>,
  messages: readonly Numbered[],
): Promise<Map<number, Buffer>> => {
  const wholes = new Map<number, Buffer>()
  const lacking: number[] = []
  for (const { row } of messages) {
    if (row.size > INLINE_MAX) continue
    const bytes = latelyRead.get(row.id)
    if (bytes) wholes.set(row.id, bytes)
    else lacking.push(row.id)
  }
  if (lacking.length === 0) return wholes
  for (const [id, bytes] of await contents(db, lacking)) wholes.set(id, latelyRead.keep(id, bytes))
  return wholes
}

const withWhole = (known: Remembered | undefined, whole: Buffer | undefined): Remembered | undefined =>
  known && whole ? { ...known, whole } : known

/**
 * What is held of one message before it is told: a command may name thousands of sections. Those beyond are looked for
 * twice, for their length and again when it is their turn.
 */
const HELD_MAX_BYTES = 4 << 20
/** A stream holds a file, and of it what it reads at once. */
const STREAM_BYTES = 256 << 10

const heldBy = ({ bytes }: Found): number => (Buffer.isBuffer(bytes) ? bytes.length : bytes === null ? 0 : STREAM_BYTES)

/** In the order of the sections; undefined if something has to be read, or decoded, or is too much to hold. */
const allAtHand = (row: Row, known: Known, sections: readonly Section[]): Found[] | undefined => {
  const all: Found[] = []
  let held = 0
  for (const section of sections) {
    const found = section.decoded ? undefined : atHand(row.size, known, section)
    if (found) held += heldBy(found)
    if (!found || held > HELD_MAX_BYTES) return undefined
    all.push(found)
  }
  return all
}

const findAll = async (db: Session['edge']['store']['db'], row: Row, known: Known, sections: readonly Section[]) => {
  const all: Found[] = []
  let held = 0
  try {
    for (const section of sections) {
      const look = () => (section.decoded ? findDecoded : find)(db, row, known, section)
      const found = await look()
      if (!found) break
      held += heldBy(found)
      all.push(held > HELD_MAX_BYTES ? later(found, look) : found)
    }
    return all.length === sections.length ? all : undefined
  } finally {
    if (all.length < sections.length) letGo(all)
  }
}

const later = (found: Found, look: () => Promise<Found | undefined>): Found => {
  if (found.bytes === null) return found
  letGo([found])
  return { ...found, bytes: Readable.from(again(look), { objectMode: false }) }
}

/** A message that is gone by then ends too soon, which is noticed where it is told. */
async function* again(look: () => Promise<Found | undefined>): AsyncGenerator<Buffer> {
  const bytes = (await look())?.bytes ?? null
  if (isStream(bytes)) yield* bytes
  else if (bytes) yield bytes
}

/** Closes what is open of it. */
const letGo = (all: readonly Found[]): void => {
  for (const { bytes } of all) if (isStream(bytes)) bytes.destroy()
}

/** `found` holds the sections among the items, in their order. */
const tellItems = async (
  output: Output,
  selected: Selected,
  message: Numbered,
  known: Remembered,
  items: readonly Item[],
  found: readonly Found[],
): Promise<void> => {
  let next = 0
  // Not later: a body may take its time, and a change meanwhile has another.
  const modseq = items.some(({ get }) => get === 'MODSEQ') ? selected.modseqItem(message.row) : ''
  let before = `${selected.opening(message)} (`
  try {
    for (const item of items) {
      if (item.get !== 'section') {
        output.write(before + (item.get === 'MODSEQ' ? modseq : itemText(selected, message.row, item, known)))
        // What changes from here on, while a body goes out perhaps, is still to be told.
        if (item.get === 'FLAGS') selected.view.flagsTold(message.row.uid)
      } else {
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
