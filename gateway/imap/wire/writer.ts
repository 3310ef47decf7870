/**
 * What goes to the client: RFC 3501 §7, §9. All text is latin1, one character an octet, as reader.ts and src/mail
 * hold it; people's text (mailbox names) is made 7-bit here.
 */
import { flag } from '../../../store/change.ts'
import { encodeName } from './utf7.ts'

/** A quoted string where that is allowed, else a literal. */
export const string = (text: string): string =>
  quotable.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : `{${text.length}}\r\n${text}`

/** Octets of any kind; with NUL among them a literal8 (RFC 3516). */
export const value = (bytes: Buffer): string => {
  const text = bytes.toString('latin1')
  return bytes.includes(0) ? `~{${text.length}}\r\n${text}` : string(text)
}

/** Of an annotation: bare where that needs no thought. */
export const entryName = (name: string): string => (/^[\w/.-]+$/.test(name) ? name : string(name))

/** INBOX keeps its name; the others are quoted, in modified UTF-7 or (IMAP4rev2) in UTF-8. RFC 9051 §5.1, §9. */
export const mailboxName = (name: string, isUtf8: boolean): string => {
  if (name === 'INBOX') return name
  if (!isUtf8) return string(encodeName(name))
  const octets = Buffer.from(name, 'utf8').toString('latin1')
  return `"${octets.replace(/["\\]/g, '\\$&')}"` // a name is no longer than a quoted string may be, and has no CR
}

/** The system flags that the store keeps as bits; `\Recent` is the session's. */
export const flagBits = {
  '\\Answered': flag.answered,
  '\\Flagged': flag.flagged,
  '\\Deleted': flag.deleted,
  '\\Seen': flag.seen,
  '\\Draft': flag.draft,
} as const

/** @param keywords separated by spaces */
export const flagList = (bits: number, keywords: string, isRecent = false): string => {
  const system = systemFlags[bits & ALL_FLAGS] ?? ''
  const named = keywords === '' || system === '' ? system + keywords : `${system} ${keywords}`
  if (!isRecent) return `(${named})`
  return named === '' ? '(\\Recent)' : `(${named} \\Recent)`
}

const ALL_FLAGS = 31
/** By the bits set: a FETCH of a whole mailbox says it ten thousand times. */
const systemFlags = Array.from({ length: ALL_FLAGS + 1 }, (_, bits) =>
  Object.entries(flagBits)
    .flatMap(([name, bit]) => (bits & bit ? [name] : []))
    .join(' '),
)

/** `"17-Jul-1996 02:44:25 +0000"`: the moment, in UTC. */
export const dateTime = (ms: number): string => {
  const at = new Date(ms)
  const month = MONTHS[at.getUTCMonth()]
  const [hour, minute, second] = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()].map(two)
  const year = String(at.getUTCFullYear()).padStart(4, '0')
  return `"${two(at.getUTCDate())}-${month}-${year} ${hour}:${minute}:${second} +0000"`
}

/** Text after a status: one line, printable ASCII, whatever went wrong inside. */
export const humanText = (text: string): string => text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 500)

const two = (n: number): string => String(n).padStart(2, '0')
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const quotable = /^[\x20-\x7e]{0,1000}$/
