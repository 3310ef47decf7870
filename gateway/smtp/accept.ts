/**
 * A message from DATA to what 250 says of it: received, asked whether it came before, made durable.
 */
import type { Readable } from 'node:stream'
import { editSubmission } from '../../src/mail/submit.ts'
import type { BodyDraft, BodyWriter } from '../../store/spool.ts'
import { drawId } from '../id.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Account, Session } from './connection.ts'
import { deliverBy } from './deliver-by.ts'
import { recipientsOf } from './envelope.ts'
import { holdUntil } from './hold.ts'
import { receive } from './receive.ts'
import { type Answer, nameOfSubmission, type Repeats } from './repeat.ts'
import type { Submission } from './submission.ts'

export type AcceptOptions = {
  /** The gateway's domain in ASCII, for the header fields that are added. */
  host: string
  sizeLimit: number
  /**
   * Resolves when the message is durable. The draft is its own from the call on, whatever comes of it.
   * @returns who has custody by then, where the gateway waits for that
   */
  submit(submission: Submission): Promise<Custodians | undefined>
  repeats: Repeats
  discard(draft: BodyDraft): Promise<void>
  startBody(): BodyWriter
  log: Log
  metrics: Pick<Metrics, 'submissions' | 'acceptSeconds'>
}

/** Who has signed for a message, of how many envelopes: carry/first-hop.ts. */
export type Custodians = { agents: string[]; signed: number; envelopes: number }

/** What 250 says, and whom to tell whether the client has heard it. */
export type Accepted = { text: string; answer: Answer }

/** @throws Refusal, ReplyError, or what the stream or the disk failed with; nothing is kept then */
export const accept = async (
  options: AcceptOptions,
  stream: Readable,
  session: Session,
  account: Account,
): Promise<Accepted> => {
  const { host, sizeLimit, startBody, log, metrics } = options
  const recipients = recipientsOf(session)
  const { dsn } = session.envelope
  const { edited, body, parsed, sent } = await receive(stream, {
    sizeLimit,
    startBody,
    edit: (header) => editSubmission(header, { now: Date.now(), messageIdDomain: host, makeId: drawId }),
  })
  const at = Date.now()
  const { messageId, subject, authors, header } = edited
  const { mailFrom } = session.envelope
  const args = mailFrom ? mailFrom.args : false
  const [until, by] = [holdUntil(args, at), deliverBy(args, at)]
  const given: Omit<Submission, 'id'> = {
    account: account.id,
    entityId: account.entityId,
    from: account.address,
    recipients,
    ret: dsn?.ret === 'FULL' ? 'FULL' : 'HDRS',
    ...(dsn?.envid && { envid: dsn.envid }),
    ...(until !== undefined && { holdUntil: until }),
    ...(by !== undefined && { deliverBy: by }),
    messageId,
    subject,
    authors,
    header,
    body,
    parsed,
    at,
  }
  const attempt = await options.repeats.begin(nameOfSubmission(given, sent), () => session.connection.isGone())
  if ('before' in attempt) {
    const { before } = attempt
    await options.discard(body)
    log.info({ event: 'repeated', submission: before, messageId, account: account.address }, '250 was said again')
    return { text: `Accepted as ${before}, when you sent it before`, answer: attempt }
  }
  const id = drawId()
  const custodians = await options.submit({ id, ...given }).catch((error: unknown) => {
    attempt.failed()
    throw error
  })
  attempt.taken(id)
  metrics.acceptSeconds.observe((Date.now() - at) / 1000)
  metrics.submissions.inc({ outcome: 'accepted' })
  log.info(
    {
      event: 'accepted',
      submission: id,
      messageId,
      account: account.address,
      recipients: recipients.length,
      size: body.size,
    },
    '250 was said',
  )
  return { text: `Accepted as ${id}${tellCustody(custodians)}`, answer: attempt }
}

/** Agents by the start of their ids: their names are their own words, which this edge does not repeat. */
const tellCustody = (custodians: Custodians | undefined): string => {
  if (custodians === undefined || custodians.envelopes === 0) return ''
  const { agents, signed, envelopes } = custodians
  if (signed === 0) return ', in custody here'
  const who = agents.slice(0, CUSTODIANS_SAID).map((agent) => agent.slice(0, 12))
  const more = agents.length > who.length ? ' and others' : ''
  return `, in custody of ${who.join(', ')}${more}${signed < envelopes ? ` for ${signed} of ${envelopes} recipients` : ''}`
}

/** A reply line has 512 octets: RFC 5321 §4.5.3.1.5. */
const CUSTODIANS_SAID = 5
