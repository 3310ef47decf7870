/**
 * The header of a letter that has arrived, as its sender's gateway let it pass: whom it says it is
 * from, and what it may not say. An honest gateway has taken the trace fields out when the letter
 * was submitted (submit.ts), so an honest letter is not touched here; what remains was put there to deceive
 * (RFC 8601 §5: results in our own name that are not ours).
 */
import { addressesIn } from './address-list.ts'
import { normalized } from './fold.ts'
import { findFields, unfold } from './header.ts'
import { withoutComments } from './param.ts'

/** No letter has a longer header: a submission may have one of 256 KiB, to which its gateway adds a few fields. */
export const HEADER_MAX = 260 * 1024

export type Arrived = {
  header: Buffer
  /** The addresses of From and Sender, as written. */
  authors: string[]
}

/**
 * @param header up to and including the empty line, if there is one
 * @param names our domain in its forms: results in its name are removed, others' stay
 */
export const cleanArrived = (header: Buffer, names: readonly string[]): Arrived => {
  const text = header.toString('latin1')
  const kept: Buffer[] = []
  const authors: string[] = []
  let at = 0
  for (const field of findFields(text)) {
    const name = field.name.toLowerCase()
    const value = READ.has(name) ? unfold(text.slice(field.colon + 1, field.end)) : '' // a line that is no field has no colon
    if (name === 'from' || name === 'sender') authors.push(...addressesIn(value))
    if (!isForged(name, value, names)) continue
    kept.push(header.subarray(at, field.from))
    at = field.to
  }
  kept.push(header.subarray(at))
  return { header: Buffer.concat(kept), authors }
}

const READ: ReadonlySet<string> = new Set(['from', 'sender', 'authentication-results'])

const isForged = (name: string, value: string, names: readonly string[]): boolean => {
  if (name === 'return-path' || name === 'vouchsafe-path') return true
  return name === 'authentication-results' && names.includes(serverIn(value))
}

/** Who says so: behind comments, a word or a quoted string (RFC 8601 §2.2). As `canonical` spells a domain: in bytes, the \xa0 of `à` is no blank. */
const serverIn = (value: string): string => {
  const [, quoted, word = ''] = /^[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^ \t;("]+))/.exec(withoutComments(value)) ?? []
  const said = quoted?.replace(/\\(.)/g, '$1') ?? word
  return normalized(Buffer.from(said, 'latin1').toString(), 'NFC').toLowerCase()
}
