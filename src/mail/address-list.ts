/**
 * Address lists as ENVELOPE shows them: RFC 5322 §3.4 and its obsolete forms, RFC 3501 §7.4.2.
 *
 *   Anna <anna@a.test>           name, null, local, host
 *   anna@a.test (Anna)           the same: a comment stands in for the name
 *   <@r.test,@s.test:anna@a.test>  route '@r.test,@s.test'
 *   Friends: anna@a.test, b@b.test;  { local: 'Friends' and nothing else } … { nothing at all }
 *
 * Reading never fails: what is missing is named MISSING_MAILBOX or MISSING_DOMAIN,
 * as Dovecot does, for a null host would start a group. Text is latin1 (bytes);
 * encoded words stay encoded, quoted strings lose their quotes.
 */
import { trim } from './header.ts'
import { decodeText } from './words.ts'

export type AddressItem = { name: string | null; route: string | null; local: string | null; host: string | null }

/** @param itemsMax about as many are read */
export const parseAddresses = (value: string, itemsMax = ITEMS_MAX): AddressItem[] => {
  const items: AddressItem[] = []
  const text = new Scanner(value)
  let inGroup = false
  while (!text.done() && items.length < itemsMax) {
    const char = text.peek()
    if (char === ',' || char === '>') {
      text.at++
    } else if (char === ';') {
      text.at++
      if (inGroup) items.push({ name: null, route: null, local: null, host: null })
      inGroup = false
    } else {
      const item = readItem(text)
      if (item.group) {
        inGroup = true
        items.push({ name: null, route: null, local: item.name ?? '', host: null })
      } else if (item.local !== null || item.name !== null) {
        items.push({
          name: item.name,
          route: item.route,
          local: item.local || MISSING_MAILBOX,
          host: item.host || MISSING_DOMAIN,
        })
      }
    }
  }
  if (inGroup) items.push({ name: null, route: null, local: null, host: null })
  return items
}

/** `Anna <anna@a.test>, b@b.test` for lists and search, names decoded; groups show their members. */
export const addressesToPeople = (items: readonly AddressItem[]): string =>
  items
    .filter((item) => item.host !== null)
    .map(({ name, local, host }) => {
      const address = decodeText(`${local}@${host}`)
      return name ? `${decodeText(name)} <${address}>` : address
    })
    .join(', ')

/** The addresses alone, decoded, as written. */
export const addressesIn = (value: string): string[] =>
  parseAddresses(value).flatMap(({ local, host }) => (host === null ? [] : [decodeText(`${local}@${host}`)]))

/** Nobody writes to more; somebody may send a megabyte of commas and letters. */
export const ITEMS_MAX = 20_000
const MISSING_MAILBOX = 'MISSING_MAILBOX'
const MISSING_DOMAIN = 'MISSING_DOMAIN'

type Read = AddressItem & { group: boolean }

/** One mailbox or the head of a group, up to the `,`, `;` or `:` that ends it. */
const readItem = (text: Scanner): Read => {
  const phrase = text.words()
  const next = text.peek()
  if (next === ':') {
    text.at++
    return { name: phrase, route: null, local: null, host: null, group: true }
  }
  if (next === '<') {
    text.at++
    const angle = readAngle(text)
    text.skipTo(',;')
    return { name: phrase || text.comment, ...angle, group: false }
  }
  if (next === '@') {
    text.at++
    const host = text.domain()
    text.skipTo(',;')
    return { name: text.comment, route: null, local: phrase, host: host || null, group: false }
  }
  text.skipTo(',;')
  return { name: text.comment, route: null, local: phrase || null, host: null, group: false }
}

/** `[@route,@route:]local@host>`; the bracket may be missing. */
const readAngle = (text: Scanner): { route: string | null; local: string | null; host: string | null } => {
  let route: string | null = null
  text.blanks()
  if (text.peek() === '@') {
    const end = text.find(':<>;')
    if (text.text[end] === ':') {
      route = text.text.slice(text.at, end).replace(/[ \t]+/g, '')
      text.at = end + 1
    }
  }
  const local = text.words()
  let host: string | null = null
  if (text.peek() === '@') {
    text.at++
    host = text.domain()
  }
  return { route, local: local || '', host: host || '' }
}

/** A cursor over one field's value. `comment` is the last one passed since the item began. */
class Scanner {
  readonly text: string
  at = 0
  comment: string | null = null

  constructor(text: string) {
    this.text = text
  }

  /** Also the turn from one item to the next: an item's comment is its own. */
  done(): boolean {
    this.comment = null
    this.blanks()
    return this.at >= this.text.length
  }

  peek(): string {
    return this.text.charAt(this.at)
  }

  /** The next of some characters, or the end. */
  find(stops: string): number {
    let at = this.at
    while (at < this.text.length && !stops.includes(this.text.charAt(at))) at++
    return at
  }

  /** Passes white space and comments, which nest (RFC 5322 §3.2.2). @returns whether there was any */
  blanks(): boolean {
    const from = this.at
    for (; this.at < this.text.length; this.at++) {
      const char = this.peek()
      if (char === '(') this.readComment()
      else if (char !== ' ' && char !== '\t' && char !== '\r' && char !== '\n') break
    }
    return this.at > from
  }

  /** Atoms, dots and quoted strings up to a structural character; one blank where there were any. */
  words(): string {
    let out = ''
    for (;;) {
      const spaced = this.blanks() && out !== ''
      const word = this.peek() === '"' ? this.quoted() : this.atom()
      if (word === null) return out
      out += spaced ? ` ${word}` : word
    }
  }

  /** A dot-atom or a literal in brackets, blanks around its dots removed; a blank elsewhere ends it. */
  domain(): string {
    let out = ''
    for (;;) {
      const isSpaced = this.blanks() && out !== ''
      if (isSpaced && !out.endsWith('.') && this.peek() !== '.') return out
      const word = this.peek() === '[' ? this.literal() : this.atom()
      if (word === null) return out
      out += word
    }
  }

  skipTo(stops: string): void {
    for (; this.at < this.text.length && !stops.includes(this.peek()); this.at++) {
      const char = this.peek()
      if (char === '"') {
        this.quoted()
        this.at--
      } else if (char === '(') this.readComment()
    }
  }

  private atom(): string | null {
    const from = this.at
    while (this.at < this.text.length && !STRUCTURE.has(this.text.charCodeAt(this.at))) this.at++
    return this.at > from ? this.text.slice(from, this.at) : null
  }

  private quoted(): string {
    let out = ''
    for (this.at++; this.at < this.text.length; this.at++) {
      const char = this.peek()
      if (char === '"') {
        this.at++
        break
      }
      if (char === '\\') this.at++
      out += this.peek()
    }
    return out
  }

  private literal(): string {
    const close = this.find('],<>')
    const end = this.text[close] === ']' ? close + 1 : close
    const out = this.text.slice(this.at, end)
    this.at = end
    return out
  }

  /** Leaves `at` on the closing bracket. */
  private readComment(): void {
    let depth = 0
    let out = ''
    for (; this.at < this.text.length; this.at++) {
      const char = this.peek()
      if (char === '(' && depth++ === 0) continue
      if (char === ')' && --depth === 0) break
      if (char === '\\') this.at++
      out += this.peek()
    }
    this.comment = trim(out) || null
  }
}

/** What ends an atom: structure, white space, quotes. Dots stay inside, for `John Q. Public` and `a.test` alike. */
const STRUCTURE: ReadonlySet<number> = new Set([...' \t\r\n"(),:;<>@'].map((char) => char.charCodeAt(0)))
