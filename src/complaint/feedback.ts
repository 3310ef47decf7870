/**
 * A report of unwanted mail as a mail program sends it to abuse@: ARF, RFC 5965. Read here in two
 * steps, so that of a large message only the parts that count are fetched.
 *
 *   multipart/report; report-type=feedback-report
 *   1  text/plain                         for people, not looked at
 *   2  message/feedback-report            fields: Feedback-Type, Version …
 *   3  message/rfc822, or its header alone (text/rfc822-headers; message/global-headers, RFC 6533): the message it is about
 *
 * Nothing in it is believed: it names a message, and whoever sent it complains about that only if they
 * received it.
 */
import { isEnvelopeId } from '../address.ts'
import { parseHeader, unfold } from '../mail/header.ts'
import { param } from '../mail/param.ts'
import type { Part } from '../mail/parsed.ts'
import { decodeTransfer } from '../mail/transfer.ts'
import type { Grievance } from './verdict.ts'

export type Feedback = {
  verdict: Grievance | 'not-spam'
  /** By which the message may be found, the surest first; at least one of the two. */
  envelopes: string[]
  messageId?: string
}

/** Why it is none; `not-a-report` for any other letter. */
export type Flaw = 'not-a-report' | 'no-type' | 'version' | 'other-kind' | 'no-original'

/** Where the parts are in the message's bytes, and how they are encoded. */
type Pieces = Record<'fields' | 'original', { start: number; end: number; encoding: string }>

/** Of a part more is not read: a header with its trace fields is some kilobytes. */
const PIECE_BYTES = 64 * 1024

const HEADERS: ReadonlySet<string> = new Set(['text/rfc822-headers', 'message/global-headers'])

export const feedbackPieces = (root: Part): Pieces | Flaw => {
  const isReport =
    root.type === 'multipart' &&
    root.subtype === 'report' &&
    param(root.params, 'report-type')?.toLowerCase() === 'feedback-report'
  if (!isReport) return 'not-a-report'
  const [, fields, original] = root.children
  if (fields === undefined || `${fields.type}/${fields.subtype}` !== 'message/feedback-report') return 'no-type'
  if (original === undefined) return 'no-original'
  const { message } = original
  const isHeader = HEADERS.has(`${original.type}/${original.subtype}`)
  if (message === undefined && !isHeader) return 'no-original'
  const header = message
    ? { start: message.start, end: message.bodyStart }
    : { start: original.bodyStart, end: original.end }
  return {
    fields: cut({ start: fields.bodyStart, end: fields.end }, fields.encoding),
    original: cut(header, message ? '7bit' : original.encoding),
  }
}

const cut = ({ start, end }: { start: number; end: number }, encoding: string) => ({
  start,
  end: Math.min(end, start + PIECE_BYTES),
  encoding,
})

export const readFeedback = (pieces: Pieces, fields: Buffer, original: Buffer): Feedback | Flaw => {
  const said = fieldsOf(decodeTransfer(fields, pieces.fields.encoding))
  const [kind, ...more] = said.get('feedback-type') ?? []
  if (kind === undefined || more.length > 0) return 'no-type' // RFC 5965 §3.1: exactly once
  if ((said.get('version') ?? ['1'])[0]?.trim() !== '1') return 'version'
  const verdict = verdictOf(kind)
  if (verdict === undefined) return 'other-kind'

  const about = fieldsOf(decodeTransfer(original, pieces.original.encoding))
  // Ours is the topmost: a delivery here puts its trace fields above whatever the letter brought.
  const paths = (about.get('vouchsafe-path') ?? []).map((path) => /^id=([0-9a-f]{32})(?:;|$)/.exec(path)?.[1] ?? '')
  const named = said.get('original-envelope-id') ?? []
  const envelopes = [...new Set([...paths.slice(0, 1), ...named].filter(isEnvelopeId))].slice(0, ENVELOPES_MAX)
  const messageId = about.get('message-id')?.[0]
  if (envelopes.length === 0 && !messageId) return 'no-original'
  return { verdict, envelopes, ...(messageId && { messageId }) }
}

/** Each costs a look-up. */
const ENVELOPES_MAX = 4

/** RFC 5965 §3.5 and its registry: what is not known counts as `other`; two kinds are about no unwanted letter. */
const verdictOf = (kind: string): Feedback['verdict'] | undefined => {
  switch (kind.toLowerCase()) {
    case 'abuse':
    case 'fraud':
    case 'virus':
    case 'not-spam':
      return kind.toLowerCase() as 'abuse' | 'fraud' | 'virus' | 'not-spam'
    case 'auth-failure':
    case 'opt-out':
      return undefined
    default:
      return 'other'
  }
}

/** Values by name, in their order; control characters out. */
const fieldsOf = (bytes: Buffer): Map<string, string[]> => {
  const all = new Map<string, string[]>()
  for (const [name, value] of parseHeader(bytes).fields) {
    const key = name.toLowerCase()
    const values = all.get(key) ?? []
    values.push(
      unfold(value)
        .replace(/\p{Cc}/gu, '')
        .trim(),
    )
    all.set(key, values)
  }
  return all
}
