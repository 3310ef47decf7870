/**
 * Messages as the texts SEARCH looks into, folded for comparing (src/mail/fold.ts): read a page at a time, for the
 * search that scans and for the index (text-index.ts), so that both mean the same.
 */
import { fold, withSingleBlanks } from '../src/mail/fold.ts'
import { type HeaderFacts, headerFacts } from '../src/mail/header-facts.ts'
import { pieceText, textPieces } from '../src/mail/text.ts'
import type { Part } from '../src/mail/walk.ts'
import { cached } from './cached.ts'
import type { Source } from './db.ts'
import { content, contents } from './message.ts'

/** `mime`: the headers of parts. All folded. */
type BodyTexts = { body: string; mime: string }
type Sized = { id: number; size: number }

/** Larger messages are read piece by piece, of each no more than this. */
const READ_MAX = 1 << 20
/**
 * Of a message, bytes and what is made of them: a letter may be folded into eighteen. Nobody writes so much; whoever sends it
 * must not fill the memory: to index a MiB of words that are all different takes a second, and 60 MB.
 */
const TEXTS_MAX = 2 << 20

/**
 * The texts below the headers of messages, folded.
 *
 * @param page a few MiB of them: all are in memory at once
 * @returns by id; those that are gone are left out
 */
export const bodyTexts = async (from: Source, page: readonly Sized[]): Promise<Map<number, BodyTexts>> => {
  const ids = page.map(({ id }) => id)
  const whole = await contents(from, ids)
  const texts = new Map<number, BodyTexts>()
  const sizes = new Map(page.map(({ id, size }) => [id, size]))
  for (const { id, root } of await cached(from, ids, ['root'])) {
    const bytes = whole.get(id) ?? ((sizes.get(id) ?? 0) <= READ_MAX ? await content(from, id) : undefined)
    const read: Read = Buffer.isBuffer(bytes) ? async (start, end) => bytes.subarray(start, end) : ahead(from, id)
    texts.set(id, await textOf(root, read))
  }
  return texts
}

/**
 * What the headers of messages say, folded. Of a long one only the beginning is remembered: it is read.
 *
 * @param page some MiB of headers at most: all are in memory at once
 * @returns by id, in their order; those that are gone are left out
 */
export const headers = async (from: Source, page: readonly number[]): Promise<Map<number, HeaderFacts>> => {
  const facts = new Map<number, HeaderFacts>()
  for (const { id, header, headerSize } of await cached(from, page, ['header', 'headerSize'])) {
    const isWhole = header.length >= Math.min(headerSize, READ_MAX)
    const bytes = isWhole ? header : await content(from, id, { start: 0, end: Math.min(headerSize, READ_MAX) })
    facts.set(id, headerFacts(Buffer.isBuffer(bytes) ? bytes : header))
  }
  return facts
}

type Read = (start: number, end: number) => Promise<Buffer | undefined>

/** No more than READ_MAX at a time, and always as much: a large message may have ten thousand small parts. */
const ahead = (from: Source, id: number): Read => {
  let last: { start: number; bytes: Buffer } = { start: 0, bytes: Buffer.alloc(0) }
  return async (start, end) => {
    if (start < last.start || end > last.start + last.bytes.length) {
      const bytes = await content(from, id, { start, end: start + READ_MAX })
      if (!Buffer.isBuffer(bytes)) return undefined
      last = { start, bytes }
    }
    return last.bytes.subarray(start - last.start, end - last.start)
  }
}

const textOf = async (root: Part, read: Read): Promise<BodyTexts> => {
  const texts: string[] = []
  const mime: string[] = []
  let left = TEXTS_MAX
  for (const piece of textPieces(root)) {
    const end = Math.min(piece.end, piece.start + Math.min(READ_MAX, left))
    const bytes = end > piece.start ? await read(piece.start, end) : undefined
    if (!bytes) continue
    const text = fold(pieceText(piece, bytes)).slice(0, left)
    if (piece.isMime) mime.push(withSingleBlanks(text))
    else if (text !== '') texts.push(text)
    left -= Math.max(bytes.length, text.length)
  }
  return { body: texts.join('\n'), mime: mime.join('\n') }
}
