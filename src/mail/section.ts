/**
 * Which bytes `BODY[…]` means: RFC 3501 §6.4.5.
 *
 *   BODY[]         the message          BODY[2]         the content of its second part, without MIME header
 *   BODY[HEADER]   header, empty line   BODY[2.MIME]    the MIME header of that part
 *   BODY[TEXT]     all below            BODY[2.HEADER]  the header of the message that part 2 is (message/rfc822)
 *
 * A message that is not a multipart has one part, its body, numbered 1.
 */
import { findFields } from './header.ts'
import type { Part } from './parsed.ts'

export type Range = { start: number; end: number }
export type SectionPart = '' | 'HEADER' | 'TEXT' | 'MIME'

/** @returns offsets into the message, or undefined where it has no such section */
export const section = (root: Part, path: readonly number[], what: SectionPart): Range | undefined => {
  if (path.length === 0) {
    if (what === 'MIME') return undefined
    return what === '' ? { start: root.start, end: root.end } : messageRange(root, what)
  }
  const part = findPart(root, path)
  if (!part) return undefined
  if (what === '') return { start: part.bodyStart, end: part.end }
  if (what === 'MIME') return { start: part.start, end: part.bodyStart }
  return part.message && messageRange(part.message, what)
}

/** The part a section number names: `[2, 1]` for `2.1`. */
export const findPart = (root: Part, path: readonly number[]): Part | undefined => {
  let part: Part | undefined
  let message: Part | undefined = root
  for (const number of path) {
    if (message && message.type !== 'multipart') part = number === 1 ? message : undefined
    else part = (message ?? part)?.children[number - 1]
    if (!part) return undefined
    message = part.message
  }
  return part
}

/**
 * HEADER.FIELDS and HEADER.FIELDS.NOT: the named fields (or the others) byte for byte, in order, and an empty line.
 *
 * @param names in lower case
 */
export const headerFields = (header: Buffer, names: readonly string[], not: boolean): Buffer => {
  const text = header.toString('latin1')
  let fields = ''
  for (const { name, from, end, to } of findFields(text)) {
    if (names.includes(name.toLowerCase()) === not) continue
    fields += text.slice(from, to)
    if (to === end) fields += CRLF // cut off in mid-header
  }
  return Buffer.from(fields + CRLF, 'latin1')
}

const messageRange = (message: Part, what: 'HEADER' | 'TEXT'): Range =>
  what === 'HEADER' ? { start: message.start, end: message.bodyStart } : { start: message.bodyStart, end: message.end }

const CRLF = '\r\n'
