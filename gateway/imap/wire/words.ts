/**
 * A command's words, read from left to right: the terminals of RFC 3501 §9.
 *
 * A command is text that literals interrupt (reader.ts). Text is latin1, one character an octet; what people wrote
 * in another charset stays octets until somebody knows the charset. Every method reads one thing or throws
 * `Malformed`, whose message is a sentence for the BAD reply and never repeats what the client sent.
 */
import { isUtf8 as nodeIsUtf8 } from 'node:buffer'
import type { Range } from '../../../store/range.ts'
import type { Piece } from './reader.ts'
import { parseSet } from './sequence.ts'
import { decodeName } from './utf7.ts'

export class Malformed extends Error {
  override readonly name = 'Malformed'
}

// Printable ASCII without the atom-specials of RFC 3501 §9; `]`, `%` and `*` where the grammar allows them.
const ATOM = /[!#$&'+-Z[^-z|}~]+/y
const ASTRING = /[!#$&'+-Z[\]^-z|}~]+/y
const LIST_MAILBOX = /[!#-'*-Z[\]^-z|}~]+/y
const TAG = /[!#$&',-Z[\]^-z|}~]+/y
const SET = /\$|[\d*:,]+/y
const QUOTED = /"((?:[^"\\\r\n]|\\["\\])*)"/y
const NAME = /[A-Za-z][A-Za-z\d.]*/y
const SECTION = /[A-Za-z\d.]*/y
const NUMBER = /\d{1,10}/y
const NUMBER64 = /\d{1,19}/y
const DATE = /"?([ \d]?\d)-(\w{3})-(\d{4})"?/y
const DATE_TIME = /"([ \d]\d)-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"/y
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

export class Words {
  private readonly pieces: readonly Piece[]
  private readonly isUtf8: boolean
  private index = 0
  private offset = 0

  /** @param isUtf8 mailbox names come in UTF-8, as IMAP4rev2 has them, and not in modified UTF-7 */
  constructor(pieces: readonly Piece[], isUtf8 = false) {
    this.pieces = pieces
    this.isUtf8 = isUtf8
  }

  tag(): string {
    return this.match(TAG)?.[0] ?? fail('a command starts with a tag')
  }

  atom(): string {
    return this.match(ATOM)?.[0] ?? fail('an atom was expected')
  }

  /** An atom that is one of a few words, upper-cased. */
  keyword(): string {
    return this.atom().toUpperCase()
  }

  /** A FETCH attribute's name, upper-cased; a bracket ends it, as it would not an atom. */
  name(): string {
    return this.match(NAME)?.[0].toUpperCase() ?? fail('an item was expected')
  }

  /** What stands in `BODY[…]` before a list of fields: `1.2.HEADER`, or nothing. Upper-cased. */
  sectionSpec(): string {
    return this.match(SECTION)?.[0].toUpperCase() ?? ''
  }

  number(): number {
    const text = this.match(NUMBER)?.[0] ?? fail('a number was expected')
    const number = Number(text)
    return number <= 0xffffffff ? number : fail('the number is too large')
  }

  /** A mod-sequence: 63 bits (RFC 7162 §7). Ours never grow so large that a double would not hold them. */
  modseq(): number {
    return Number(this.number64())
  }

  /** Octets, of which IMAP4rev2 has more: 63 bits (RFC 9051 §4.2). A bigint, for what is told back is to be the same. */
  number64(): bigint {
    const number = BigInt(this.match(NUMBER64)?.[0] ?? fail('a number was expected'))
    return number < 1n << 63n ? number : fail('the number is too large')
  }

  string(): string {
    return this.tryString() ?? fail('a string was expected')
  }

  /** What is kept as it came: a string of any octets, or NIL, which is null. RFC 5464 §5. */
  value(): Buffer | null {
    if (this.tryWord('NIL')) return null
    return Buffer.from(this.tryString(true) ?? fail('a value was expected'), 'latin1')
  }

  astring(): string {
    return this.tryString() ?? this.match(ASTRING)?.[0] ?? fail('an atom or a string was expected')
  }

  /** A mailbox name, decoded; `INBOX` in any case is INBOX. RFC 3501 §5.1. */
  mailbox(): string {
    return decodeMailbox(this.astring(), this.isUtf8)
  }

  /** LIST's pattern, in which `*` and `%` may stand in an atom. */
  listMailbox(): string {
    const text = this.tryString() ?? this.match(LIST_MAILBOX)?.[0] ?? fail('a mailbox pattern was expected')
    return decode(text, this.isUtf8)
  }

  sequenceSet(): Range[] {
    const text = this.match(SET)?.[0]
    return (text === undefined ? undefined : parseSet(text)) ?? fail('a sequence set was expected')
  }

  /** `(a b c)` or `()`; `item` reads one. */
  list<T>(item: () => T): T[] {
    const items: T[] = []
    this.expect('(')
    if (this.tryChar(')')) return items
    do items.push(item())
    while (this.trySpace())
    this.expect(')')
    return items
  }

  /** A flag with its backslash, or a keyword. `\Recent` cannot be set by a client. RFC 3501 §2.3.2. */
  flag(): string {
    return this.tryChar('\\') ? `\\${this.atom()}` : this.atom()
  }

  /** `1-Feb-1994`, quoted or not, as epoch ms of its first moment in UTC. */
  date(): number {
    const [, day = '', month = '', year = ''] = this.match(DATE) ?? fail('a date like 1-Feb-1994 was expected')
    return utc(day, month, year, 0)
  }

  /** `"17-Jul-1996 02:44:25 -0700"` as epoch ms; in UTC the year must have four digits, too, for so it is told. */
  dateTime(): number {
    const found = this.match(DATE_TIME) ?? fail('a date-time like "17-Jul-1996 02:44:25 -0700" was expected')
    const [, day = '', month = '', year = '', hour, minute, second, sign, zoneHour, zoneMinute] = found
    if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) fail('there is no such time of day')
    const zoneMin = (Number(zoneHour) * 60 + Number(zoneMinute)) * (sign === '-' ? -1 : 1)
    const timeMs = ((Number(hour) * 60 + Number(minute) - zoneMin) * 60 + Number(second)) * 1000
    const at = utc(day, month, year, timeMs)
    const utcYear = new Date(at).getUTCFullYear()
    return utcYear >= 0 && utcYear <= 9999 ? at : fail('there is no such year')
  }

  /** Passes this word, in any case, if it stands here. */
  tryWord(word: string): boolean {
    const [before, after] = [this.offset, this.offset + word.length]
    if (this.text().slice(before, after).toUpperCase() !== word || /[^ )]/.test(this.text()[after] ?? '')) return false
    this.offset = after
    return true
  }

  /** Passes exactly this text, in any case, if it stands here. */
  tryPhrase(text: string): boolean {
    const after = this.offset + text.length
    if (this.text().slice(this.offset, after).toUpperCase() !== text) return false
    this.offset = after
    return true
  }

  space(): void {
    this.expect(' ')
  }

  trySpace(): boolean {
    return this.tryChar(' ')
  }

  expect(char: string): void {
    if (!this.tryChar(char)) fail(char === ' ' ? 'a space was expected' : `"${char}" was expected`)
  }

  tryChar(char: string): boolean {
    if (this.text()[this.offset] !== char) return false
    this.offset++
    return true
  }

  peek(ahead = 0): string | undefined {
    return this.text()[this.offset + ahead]
  }

  isAtEnd(): boolean {
    return this.offset === this.text().length && this.index >= this.pieces.length - 1
  }

  /** Arguments one behind the other, each after a space, and nothing else. */
  all<Args extends unknown[]>(...read: { [I in keyof Args]: (this: Words) => Args[I] }): Args {
    const args = read.map((each) => {
      this.space()
      return each.call(this)
    })
    this.end()
    return args as Args
  }

  end(): void {
    if (!this.isAtEnd()) fail('there is more than the command takes')
  }

  /** @param takesBinary a literal8 is one as well */
  private tryString(takesBinary = false): string | undefined {
    const quoted = this.match(QUOTED)
    if (quoted) return (quoted[1] ?? '').replace(/\\(["\\])/g, '$1')
    // A literal stands between two texts: the text before it is read to its end.
    const next = this.pieces[this.index + 1]
    if (this.offset < this.text().length || next === undefined || 'text' in next) return undefined
    if (next.binary && !takesBinary) fail('octets of any kind stand for a message or a value only')
    this.index += 2
    this.offset = 0
    return next.literal.toString('latin1')
  }

  private match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.offset
    const found = pattern.exec(this.text())
    if (found) this.offset = pattern.lastIndex
    return found ?? undefined
  }

  private text(): string {
    const piece = this.pieces[this.index]
    return piece && 'text' in piece ? piece.text : ''
  }
}

const decodeMailbox = (text: string, isUtf8: boolean): string => {
  const name = decode(text, isUtf8)
  return name.toUpperCase() === 'INBOX' ? 'INBOX' : name
}

const decode = (text: string, isUtf8: boolean): string => {
  if (!isUtf8) return decodeName(text) ?? fail('a mailbox name is spelled in modified UTF-7')
  const octets = Buffer.from(text, 'latin1')
  return nodeIsUtf8(octets) ? octets.toString('utf8') : fail('a mailbox name is spelled in UTF-8')
}

const utc = (day: string, month: string, year: string, timeMs: number): number => {
  const monthIndex = MONTHS.indexOf(month.toLowerCase())
  const date = new Date(0)
  date.setUTCFullYear(Number(year), monthIndex, Number(day))
  // 30-Feb moves into March: there is no such day.
  if (monthIndex < 0 || date.getUTCMonth() !== monthIndex || Number(day) < 1) return fail('there is no such day')
  return date.getTime() + timeMs
}

export const fail = (why: string): never => {
  throw new Malformed(why)
}
