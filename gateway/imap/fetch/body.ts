/**
 * The bytes that `BODY[…]` means, from where they are cheapest: what is remembered of the message, its header, or
 * a range of its body, as a stream when it is long. RFC 3501 §6.4.5.
 */
import type { Readable } from 'node:stream'
import { areListed } from '../../../src/mail/listed.ts'
import { headerFields, section } from '../../../src/mail/section.ts'
import type { Part } from '../../../src/mail/walk.ts'
import { collected } from '../../../store/blob.ts'
import type { Cached } from '../../../store/cached.ts'
import type { Source } from '../../../store/db.ts'
import { content } from '../../../store/message.ts'
import type { Section } from './item.ts'

/** What must be remembered of a message to find its sections. */
export type Known = Partial<Pick<Cached, 'headerSize' | 'header' | 'listed' | 'root'>> & { whole?: Buffer | undefined }

/** `bytes` null: there is no such section. Octets are counted, for the literal; with NUL it is a literal8. */
export type Found = { size: number; bytes: Buffer | Readable | null; hasNul?: boolean }

const none: Found = { size: 0, bytes: null }
/** No mail client reads such a header by fields; it bounds what is collected for them. */
const HEADER_MAX = 4 << 20

/** Which columns `find` needs: the tree of parts only where a part is named, for it can be large. */
export const columnsFor = (wanted: Section): Exclude<keyof Known, 'whole'>[] => {
  const { path, what } = wanted
  if (path.length > 0) return ['root']
  if (isListed(wanted)) return ['listed']
  if (what === 'HEADER') return ['headerSize', 'header']
  return what === 'TEXT' ? ['headerSize'] : []
}

/** Cut from what is kept of the header. */
export const isListed = ({ path, fields }: Section): boolean =>
  path.length === 0 && fields !== undefined && !fields.not && areListed(fields.names)

/** @returns undefined if the message is gone */
export const find = async (
  db: Source,
  message: { id: number; size: number },
  known: Known,
  wanted: Section,
): Promise<Found | undefined> => {
  const near = atHand(message.size, known, wanted)
  if (near) return near
  const range = octets(message.size, known, wanted)
  const bytes = range && (await content(db, message.id, range))
  if (!range || !bytes) return undefined
  if (wanted.fields) return fieldsOf(await collected(bytes), wanted)
  return Buffer.isBuffer(bytes) ? found(bytes) : { size: range.end - range.start, bytes }
}

/** The same, as far as it needs no reading; undefined if it does. */
export const atHand = (size: number, known: Known, wanted: Section): Found | undefined => {
  if (known.listed && known.listed.length > 0 && isListed(wanted)) return fieldsOf(known.listed, wanted)
  const range = octets(size, known, wanted)
  if (!range) return none
  if (range.start === range.end) return found(Buffer.alloc(0))
  const bytes = held(known, range)
  return bytes && (wanted.fields ? fieldsOf(bytes, wanted) : found(bytes))
}

const fieldsOf = (header: Buffer, { fields, partial }: Section): Found => {
  const bytes = headerFields(header, fields?.names ?? [], fields?.not ?? true)
  return found(partial ? bytes.subarray(partial.from, partial.from + partial.count) : bytes)
}

/** Where it stands in the message: of fields, the whole header; undefined if there is no such section. */
const octets = (size: number, known: Known, wanted: Section): Range | undefined => {
  const range = wholeRange(size, known, wanted)
  if (!range) return undefined
  if (wanted.fields) return { start: range.start, end: Math.min(range.end, range.start + HEADER_MAX) }
  const start = Math.min(range.end, range.start + (wanted.partial?.from ?? 0))
  return { start, end: Math.min(range.end, start + (wanted.partial?.count ?? range.end)) }
}

type Range = { start: number; end: number }

const wholeRange = (size: number, { headerSize = size, root }: Known, { path, what }: Section): Range | undefined => {
  if (path.length > 0) return root && section(root satisfies Part, path, what)
  if (what === 'HEADER') return { start: 0, end: headerSize }
  return { start: what === 'TEXT' ? headerSize : 0, end: size }
}

/** Undefined if the message is gone. */
export const bytesAt = async (db: Source, id: number, known: Known, range: Range) =>
  held(known, range) ?? content(db, id, range)

const held = ({ header, whole }: Known, { start, end }: Range): Buffer | undefined =>
  (header && end <= header.length ? header : whole)?.subarray(start, end)

const found = (bytes: Buffer): Found => ({ size: bytes.length, bytes })
