/**
 * The bytes that `BODY[…]` means, from where they are cheapest: what is remembered of the message, its header, or
 * a range of its body, as a stream when it is long. RFC 3501 §6.4.5.
 */
import type { Readable } from 'node:stream'
import { headerFields, section } from '../../src/mail/section.ts'
import type { Part } from '../../src/mail/walk.ts'
import type { Source } from '../../store/db.ts'
import { type Cached, content } from '../../store/message.ts'
import type { Section } from './fetch-item.ts'

/** What must be remembered of a message to find its sections. */
export type Known = Partial<Pick<Cached, 'headerSize' | 'header' | 'root'>> & { whole?: Buffer | undefined }

/** `bytes` null: there is no such section. Octets are counted, for the literal; with NUL it is a literal8. */
export type Found = { size: number; bytes: Buffer | Readable | null; hasNul?: boolean }

const none: Found = { size: 0, bytes: null }
/** No mail client reads such a header by fields; it bounds what is collected for them. */
const HEADER_MAX = 4 << 20

/** Which columns `find` needs: the tree of parts only where a part is named, for it can be large. */
export const columnsFor = ({ path, what }: Section): Exclude<keyof Known, 'whole'>[] => {
  if (path.length > 0) return ['root']
  if (what === 'HEADER') return ['headerSize', 'header']
  return what === 'TEXT' ? ['headerSize'] : []
}

/** @returns undefined if the message is gone */
export const find = async (
  db: Source,
  message: { id: number; size: number },
  known: Known,
  wanted: Section,
): Promise<Found | undefined> => {
  const range = wholeRange(message.size, known, wanted)
  if (!range) return none
  if (wanted.fields) {
    const end = Math.min(range.end, range.start + HEADER_MAX)
    const header = await bytesAt(db, message.id, known, { start: range.start, end })
    if (!header) return undefined
    const { names, not } = wanted.fields
    const bytes = headerFields(await collect(header), names, not)
    const { from, count } = wanted.partial ?? { from: 0, count: bytes.length }
    return found(bytes.subarray(from, from + count))
  }
  const start = Math.min(range.end, range.start + (wanted.partial?.from ?? 0))
  const end = Math.min(range.end, start + (wanted.partial?.count ?? range.end))
  if (start === end) return found(Buffer.alloc(0))
  const bytes = await bytesAt(db, message.id, known, { start, end })
  if (!bytes) return undefined
  return Buffer.isBuffer(bytes) ? found(bytes) : { size: end - start, bytes }
}

type Range = { start: number; end: number }

const wholeRange = (size: number, { headerSize = size, root }: Known, { path, what }: Section): Range | undefined => {
  if (path.length > 0) return root && section(root satisfies Part, path, what)
  if (what === 'HEADER') return { start: 0, end: headerSize }
  return { start: what === 'TEXT' ? headerSize : 0, end: size }
}

/** Undefined if the message is gone. */
export const bytesAt = async (db: Source, id: number, { header, whole }: Known, range: Range) => {
  const known = header && range.end <= header.length ? header : whole
  return known ? known.subarray(range.start, range.end) : content(db, id, range)
}

const found = (bytes: Buffer): Found => ({ size: bytes.length, bytes })

const collect = async (bytes: Buffer | Readable): Promise<Buffer> => {
  if (Buffer.isBuffer(bytes)) return bytes
  const chunks: Buffer[] = []
  for await (const chunk of bytes) chunks.push(chunk)
  return Buffer.concat(chunks)
}
