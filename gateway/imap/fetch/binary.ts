/**
 * The bytes that `BINARY[…]` means: a part with its transfer encoding undone. RFC 3516 §4.2, §4.3.
 *
 * The length has to be said first, so a long part is decoded twice: once to count, once to tell. A multipart, a message
 * inside and the whole message have no encoding of their own, and are given as they are.
 */
import { Readable } from 'node:stream'
import { findPart } from '../../../src/mail/section.ts'
import { startDecoder } from '../../../src/mail/transfer.ts'
import type { Source } from '../../../store/db.ts'
import { Declined, no } from '../reply.ts'
import { bytesAt, type Found, type Known } from './body.ts'
import type { Section } from './item.ts'

type Message = { id: number; size: number }
type Range = { start: number; end: number }
/** Of what the part is decoded; octets. */
type Window = { from: number; to: number }

const unknownEncoding = no('UNKNOWN-CTE', 'The part is encoded in a way that is not known here')

/** Parts up to so many octets, encoded, and pieces of as many, are decoded in memory, and once. */
const WHOLE_MAX = 1 << 20

/** @returns undefined if the message is gone. @throws Declined if nobody here knows the encoding */
export const findDecoded = async (
  db: Source,
  message: Message,
  known: Known,
  wanted: Section,
): Promise<Found | undefined> => {
  const part = wanted.path.length > 0 && known.root ? findPart(known.root, wanted.path) : undefined
  if (wanted.path.length > 0 && !part) return { size: 0, bytes: null }
  const range = part ? { start: part.bodyStart, end: part.end } : { start: 0, end: message.size }
  const isLeaf = part !== undefined && part.type !== 'multipart' && !part.message
  const encoding = isLeaf ? part.encoding : ''
  const window = { from: wanted.partial?.from ?? 0, to: Number.POSITIVE_INFINITY }
  if (wanted.partial) window.to = window.from + wanted.partial.count
  const read = () => decode(db, message.id, known, range, encoding, window)
  if (Math.min(range.end - range.start, wanted.partial?.count ?? range.end) > WHOLE_MAX) return twice(read)
  const chunks: Buffer[] = []
  for await (const chunk of read()) {
    if (chunk === undefined) return undefined
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  return { size: bytes.length, bytes, hasNul: bytes.includes(0) }
}

type Read = () => AsyncGenerator<Buffer | undefined>

const twice = async (read: Read): Promise<Found | undefined> => {
  let size = 0
  let hasNul = false
  for await (const chunk of read()) {
    if (chunk === undefined) return undefined
    size += chunk.length
    hasNul ||= chunk.includes(0)
  }
  return { size, bytes: Readable.from(whole(read), { objectMode: false }), hasNul }
}

/** A message that goes between the two readings ends too soon, which is noticed where it is told (tell.ts). */
async function* whole(read: Read): AsyncGenerator<Buffer> {
  for await (const chunk of read()) if (chunk !== undefined) yield chunk
}

/** Yields undefined if the message is gone. */
async function* decode(
  db: Source,
  id: number,
  known: Known,
  range: Range,
  encoding: string,
  { from, to }: Window,
): AsyncGenerator<Buffer | undefined> {
  const decoder = startDecoder(encoding)
  if (!decoder) throw new Declined(unknownEncoding)
  const bytes = range.start < range.end ? await bytesAt(db, id, known, range) : Buffer.alloc(0)
  if (!bytes) return yield undefined
  let at = 0
  const inWindow = (chunk: Buffer): Buffer => {
    const start = at
    at += chunk.length
    return chunk.subarray(Math.max(0, from - start), Math.max(0, Math.min(chunk.length, to - start)))
  }
  for await (const chunk of Buffer.isBuffer(bytes) ? [bytes] : bytes) {
    yield inWindow(decoder.push(chunk))
    if (at >= to) return
  }
  yield inWindow(decoder.end())
}
