/**
 * The only edits ever made to a letter: once, to its header, when its sender submits it. RFC 6409 §8.
 *
 *   Bcc, Resent-Bcc                 removed: the other recipients must not see them
 *   Return-Path, Vouchsafe-Path,    removed: only a gateway on the way may say such things,
 *   Authentication-Results            and what the sender's client said of them is forged (RFC 8601 §5)
 *   Received                        several become one that only counts them: they would tell where the sender
 *                                     sits, but the count finds loops (RFC 5321 §6.3)
 *   Date, Message-ID                added where missing or empty (RFC 6409 §8.2, §8.3)
 *
 * What is added stands above all else (but below a first line that is a stray fold, which it would otherwise
 * gain). Every other byte stays as and where it is.
 */
import { addressesIn } from './address-list.ts'
import { formatDate } from './date.ts'
import { findFields, unfold } from './header.ts'
import { idIn } from './message-id.ts'
import { decodeText, rawText } from './words.ts'

export type Edited = {
  header: Buffer
  /** With its angle brackets; beyond ASCII as a person reads it (RFC 6532 §3.3). */
  messageId: string
  /** Decoded. */
  subject: string
  /** The addresses of From and Sender, as written. */
  authors: string[]
  /** More than HOPS_MAX gateways had it before: it runs in a circle. */
  loops: boolean
}

/** RFC 5321 §6.3 wants at least 100 for one gateway's own count; Postfix and Exim stop at 50 and 30. */
const HOPS_MAX = 50

const REMOVED: ReadonlySet<string> = new Set([
  'bcc',
  'resent-bcc',
  'return-path',
  'vouchsafe-path',
  'authentication-results',
  'received',
])

/**
 * @param header up to and including the empty line, if there is one
 * @param messageIdDomain the right side of a Message-ID that must be made; also names the gateway in `Received`
 */
export const editSubmission = (
  header: Buffer,
  { now, messageIdDomain, makeId }: { now: number; messageIdDomain: string; makeId: () => string },
): Edited => {
  const text = header.toString('latin1')
  const kept: Buffer[] = []
  const authors: string[] = []
  let [date, messageId, subject] = ['', '', '']
  let hops = 0
  const fields = findFields(text)
  const stray = /^[ \t]/.test(text) ? (fields[0]?.to ?? 0) : 0
  let at = stray
  for (const field of fields) {
    const name = field.name.toLowerCase()
    const value = READ.has(name) ? unfold(text.slice(field.colon + 1, field.end)) : ''
    const isEmpty = value === '' && (name === 'date' || name === 'message-id')
    if (name === 'received') hops += hopsTold(value)
    if (name === 'date') date = value || date
    if (name === 'message-id') messageId = value || messageId // the last counts, as in walk.ts
    if (name === 'subject') subject = decodeText(value)
    if (name === 'from' || name === 'sender') authors.push(...addressesIn(value))
    if (!REMOVED.has(name) && !isEmpty) continue
    kept.push(header.subarray(at, field.from))
    at = field.to
  }
  kept.push(header.subarray(at))
  const added: string[] = []
  if (hops > 0) added.push(`Received: by ${messageIdDomain} (${hops} earlier hops left out); ${formatDate(now)}`)
  if (date === '') added.push(`Date: ${formatDate(now)}`)
  if (messageId === '') {
    messageId = `<${makeId()}@${messageIdDomain}>`
    added.push(`Message-ID: ${messageId}`)
  }
  kept.unshift(header.subarray(0, stray), Buffer.from(added.map((line) => `${line}\r\n`).join('')))
  const id = idIn(rawText(messageId)) ?? messageId
  return { header: Buffer.concat(kept), messageId: id, subject, authors, loops: hops > HOPS_MAX }
}

const READ: ReadonlySet<string> = new Set(['received', 'date', 'message-id', 'subject', 'from', 'sender'])

/** One hop, or those a gateway of ours left out before. */
const hopsTold = (received: string): number =>
  Math.min(Number(/\((\d{1,4}) earlier hops left out\)/.exec(received)?.[1] ?? 0), HOPS_MAX) + 1
