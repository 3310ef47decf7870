/**
 * The fields a gateway puts above a letter it delivers: RFC 5321 §4.4, RFC 8601.
 *
 *   Return-Path             the sender's envelope address, `<>` for notices
 *   Authentication-Results  what this gateway found out, see `Findings`
 *   Vouchsafe-Path          the signed way it came, origin first, with who each gateway is in a comment
 *   Received                when, and over which link; never whose computer it was written on
 *
 * They come in this order, above every byte of the letter itself.
 */
import { formatDate } from './date.ts'
import { encodeText } from './words.ts'

/**
 * What is known of a letter. The methods are ours, named so that nobody takes them for DKIM:
 *
 *   vouchsafe-seal       pass: came encrypted to the recipient and opened    none: never left this gateway
 *   vouchsafe-signature  pass: signed by the sender's key for this recipient and envelope    none: as above
 *   vouchsafe-author     pass: From or Sender names who signed    fail: it names somebody else
 *   vouchsafe-path       pass: every hop's stamp holds, from the origin on    none: no hops
 *   vouchsafe-key        pass: known by …    policy: it is new here, nobody vouched for it yet
 *                        fail: the address is known here by another key
 *
 * A letter for which seal, signature or path fails is refused and never gets as far as this header.
 */
type Findings = {
  sealed: boolean
  signed: boolean
  /** The sender's entity, and how its key is known: RFC 8601 `policy.known`. */
  entity: string
  known: 'own' | 'verified' | 'contact' | 'introduced' | 'new' | 'changed'
  /** From or Sender names the sender. */
  isAuthor: boolean
}

export type Trace = {
  returnPath: string
  /** The gateway that writes this. */
  by: string
  at: number
  envelope: string
  /** Absent where one copy serves several: none of them may learn of the others (Bcc). */
  recipient?: string
  /** The sender's address as its card proves it. */
  sender: string
  findings: Findings
  /** Agents with the time of their stamps, origin first, and who each is, for people; empty within one gateway. */
  path: { agent: string; at: number; who: string }[]
}

export const traceHeader = (trace: Trace): Buffer => {
  const { path } = trace
  const fields = [`Return-Path: <${value(trace.returnPath)}>`, results(trace)]
  if (path.length > 0) fields.push(way(trace))
  fields.push(received(trace))
  return Buffer.from(fields.map((field) => `${field}\r\n`).join(''))
}

const results = ({ by, sender, findings, path }: Trace): string => {
  const { sealed, signed, entity, known, isAuthor } = findings
  const signature = `pass smtp.mailfrom=${value(sender)}\r\n  policy.entity=${value(entity)}`
  return [
    `Authentication-Results: ${value(by)}`,
    `vouchsafe-seal=${sealed ? 'pass' : 'none'}`,
    `vouchsafe-signature=${signed ? signature : 'none'}`,
    `vouchsafe-author=${isAuthor ? 'pass' : 'fail'}`,
    `vouchsafe-path=${path.length > 0 ? `pass policy.hops=${path.length}` : 'none'}`,
    `vouchsafe-key=${keyResult(known)} policy.known=${known}`,
  ].join(FOLD)
}

const keyResult = (known: Findings['known']): string => {
  if (known === 'changed') return 'fail'
  return known === 'new' ? 'policy' : 'pass'
}

const way = ({ envelope, path }: Trace): string =>
  [
    `Vouchsafe-Path: id=${value(envelope)}`,
    ...path.map(({ agent, at, who }) => `${value(agent)} ${isoTime(at)}${FOLD_ON}(${comment(who)})`),
  ].join(FOLD)

const received = ({ by, at, envelope, recipient, path }: Trace): string => {
  const neighbour = path.at(-1)
  // RFC 5321 §4.4 wants a `from` where a host gave it; a mail client's host is nobody's business, nor how it logged in.
  const from = neighbour ? `from ${value(neighbour.agent)}.vouchsafe.alt ` : ''
  const protocol = neighbour ? 'VOUCHSAFE' : 'ESMTP'
  return [
    `Received: ${from}by ${value(by)} with ${protocol}`,
    ` id ${value(envelope)}${recipient === undefined ? '' : ` for <${value(recipient)}>`};`,
    ` ${formatDate(at)}`,
  ].join('\r\n')
}

const FOLD = ';\r\n '

/** For people: nothing in it ends the comment (RFC 5322 §3.2.2) or looks like the next item. */
const comment = (text: string): string => encodeText(text.replace(/[\s\p{C}();\\]+/gu, ' ').trim())
const FOLD_ON = '\r\n  '

/** Whatever a value holds, it stays on its line. */
const value = (text: string): string => text.replace(/[\s;]+/g, ' ')

const isoTime = (at: number): string => new Date(at).toISOString()
