/**
 * What SORT and THREAD compare messages by, from what is remembered of them. RFC 5256 §2, §3; RFC 5957 §3. Pure.
 */
import { normalized } from './fold.ts'
import { trim } from './header.ts'
import { decodeText } from './words.ts'

/** For putting texts in order: i;unicode-casemap (RFC 5051), in which letters count as capitals. */
export const collated = (text: string): string => normalized(text.toUpperCase(), 'NFKD')

export type AddressField = 'from' | 'to' | 'cc'
/** The first address of a list; `shown` is the name, decoded, or the address where there is none. */
type FirstAddress = { mailbox: string; shown: string }

const NOBODY: FirstAddress = { mailbox: '', shown: '' }
/** Where each list stands among the ten items of an ENVELOPE. RFC 3501 §7.4.2. */
const places: Record<AddressField, number> = { from: 2, to: 5, cc: 6 }

/** @param envelope as imap-text.ts writes it, latin1 */
export const firstAddress = (envelope: string, field: AddressField): FirstAddress => {
  const text = new EnvelopeText(envelope)
  text.open()
  for (let item = 0; item < places[field]; item++) text.skip()
  if (!text.open() || !text.open()) return NOBODY
  const name = text.string()
  text.skip() // the route
  const mailbox = text.string() ?? ''
  const host = text.string()
  const address = host === undefined ? mailbox : `${mailbox}@${host}`
  return { mailbox: decodeText(mailbox), shown: trim(decodeText(name ?? '')) || decodeText(address) }
}

const QUOTED = /"([^"\\]*(?:\\.[^"\\]*)*)"?/y

/** A cursor over `(… "…" NIL {3}CRLF…)`. */
class EnvelopeText {
  private readonly text: string
  private at = 0

  constructor(text: string) {
    this.text = text
  }

  /** Passes an opening bracket, if one is next. */
  open(): boolean {
    if (this.text[this.at] === ' ') this.at++
    if (this.text[this.at] !== '(') return false
    this.at++
    return true
  }

  /** A string; undefined for NIL. */
  string(): string | undefined {
    if (this.text[this.at] === ' ') this.at++
    if (this.text[this.at] === '"') return this.quoted()
    if (this.text[this.at] === '{') return this.literal()
    this.at += 'NIL'.length
    return undefined
  }

  /** Passes a string or a whole list. */
  skip(): void {
    let depth = 0
    do {
      if (this.open()) depth++
      else if (this.text[this.at] === ')') {
        this.at++
        depth--
      } else this.string()
    } while (depth > 0 && this.at < this.text.length)
  }

  private quoted(): string {
    QUOTED.lastIndex = this.at
    const [whole = '"', text = ''] = QUOTED.exec(this.text) ?? []
    this.at += whole.length
    return text.includes('\\') ? text.replace(/\\(.)/g, '$1') : text
  }

  private literal(): string {
    const close = this.text.indexOf('}', this.at)
    const from = close + '}\r\n'.length
    this.at = from + Number(this.text.slice(this.at + 1, close))
    return this.text.slice(from, this.at)
  }
}
