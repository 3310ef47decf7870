/**
 * A message as it is remembered: the shapes that walk.ts makes, the store keeps and IMAP reads.
 */
import type { Param } from './param.ts'

/** What is remembered of a message. The three IMAP texts are latin1: one character, one byte. */
export type Parsed = {
  /** All bytes, as FETCH RFC822.SIZE. */
  size: number
  /** Bytes of the header including the empty line. */
  headerSize: number
  envelope: string
  bodyStructure: string
  body: string
  root: Part
  /** Of the form `<…>` where the field holds one, otherwise as it stands; decoded from UTF-8. */
  messageId: string | null
  inReplyTo: string | null
  references: string[]
  /** Decoded, for lists and search. */
  subject: string
  from: string
  /** The Date field, epoch ms. */
  date: number | null
  /** The first 64 KiB of the header; all of it where `headerSize` equals its length. */
  header: Buffer
  /** Flaws separated by blanks, in the order of `flaws`; absent where there are none. */
  malformed?: string
}

/**
 * One node of the MIME tree: plain data, to be kept as JSON. Offsets count from the message's first byte.
 * `type`, `subtype` and `encoding` are lower-case; `params` are as written, continuations joined.
 */
export type Part = {
  type: string
  subtype: string
  params: Param[]
  encoding: string
  start: number
  bodyStart: number
  end: number
  lines: number
  children: Part[]
  message?: Part
}

/** What may be odd about a message. */
export const flaws = [
  'nul',
  'bare-cr',
  'bare-lf',
  'no-header', // not one field before the empty line or the end
  'header-unended', // no empty line after the message's header
  'header-too-long', // fields beyond HEADER_MAX are not seen
  'header-line-odd', // a line in a header that is no field
  'boundary-missing', // a multipart without boundary is read as text/plain
  'multipart-open', // the close-delimiter is missing
  'too-deep',
  'too-many-parts',
] as const
export type Flaw = (typeof flaws)[number]
