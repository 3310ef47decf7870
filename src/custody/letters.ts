/**
 * What the sender is told about one recipient: the stage in Outgoing, and the notices that
 * land in their INBOX in the same transaction as what they tell of.
 */
import type { RefusalCode } from '../refusal.ts'
import { notice, wholeGoesTo } from '../report/notice.ts'
import { advise, explain, tellRivals, tellTrail } from '../report/words.ts'
import type { Change, State } from '../state.ts'
import type { Custody } from './custody.ts'
import { isOver, overall, type Recipient, type Stage, type Submission, statusOf, wants } from './submission.ts'

/** How long a finished message still shows in Outgoing. */
const SHOWN_AFTER_MS = 86_400_000

/** The submission with one recipient at a new stage, and what Outgoing shows when that changed. */
export const progress = (state: State, row: Custody, stage: Stage, now: number): Change[] => {
  const submission = row.submission === undefined ? undefined : state.submissions.get(row.submission)
  if (submission === undefined) return []
  // Delayed stays until the end: that is what the sender was told.
  const moved = (one: Recipient): Recipient => (one.stage === 'Delayed' && !isOver(stage) ? one : { ...one, stage })
  const recipients = submission.recipients.map((one) => (one.envelope === row.id ? moved(one) : one))
  const before = overall(submission.recipients)
  const after = overall(recipients)
  const clearAt = recipients.every((one) => isOver(one.stage)) ? now + SHOWN_AFTER_MS : null
  const put: Change = { put: 'submission', row: { ...submission, recipients, clearAt } }
  return before === after ? [put] : [put, { outgoing: submission.id, account: submission.account, stage: after }]
}

export type Told =
  | { kind: 'delivered' }
  | { kind: 'delayed'; until: number; code?: 'card-conflict' | 'held-back' }
  | { kind: 'failed'; code: RefusalCode }
const asked = { delivered: 'SUCCESS', delayed: 'DELAY', failed: 'FAILURE' } as const

/** The notice about one recipient, unless the sender asked not to hear of it (RFC 3461 NOTIFY). */
export const tell = (state: State, row: Custody, told: Told, now: number): Change[] => {
  const submission = row.submission === undefined ? undefined : state.submissions.get(row.submission)
  const recipient = submission?.recipients.find((one) => one.envelope === row.id)
  return submission && recipient ? tellRecipient(state, submission, recipient, row, told, now) : []
}

export const tellRecipient = (
  state: State,
  submission: Submission,
  recipient: Recipient,
  row: Pick<Custody, 'trail' | 'id' | 'tried' | 'to'>,
  told: Told,
  now: number,
): Change[] => {
  if (!wants(recipient, asked[told.kind])) return []
  const header = Buffer.from(submission.header, 'base64')
  const what = told.kind === 'delivered' ? told.kind : (told.code ?? told.kind)
  const known = state.known.get(row.to ?? '')
  // Two delays may be told of one message, for two reasons: they are two letters.
  const id = `${told.kind === 'delayed' ? what : told.kind}.${row.id}`
  const whole = told.kind === 'failed' ? wholeOf(state, submission) : undefined
  const letter = notice({
    kind: told.kind,
    to: submission.from,
    gateway: state.domain,
    now,
    original: { messageId: submission.messageId, subject: submission.subject, header, arrived: submission.at },
    recipients: [
      {
        address: recipient.address,
        ...(recipient.orcpt && { orcpt: recipient.orcpt }),
        ...(told.kind === 'delayed' && { until: told.until }),
        status: told.kind === 'failed' ? statusOf(told.code) : told.kind === 'delayed' ? '4.4.7' : '2.0.0',
        ...(what === 'card-conflict' && known?.rival
          ? tellRivals(state, known, known.rival, told.kind === 'failed')
          : { reason: explain(what, state, row.trail, unsureOf(row)), advice: advise(what, recipient.address) }),
      },
    ],
    trail: tellTrail(state, row.trail, submission.at),
    ...(whole === undefined ? { ret: 'HDRS' } : { ret: 'FULL', full: 'later' }),
    ...(submission.envid && { envid: submission.envid }),
    makeId: () => id,
  })
  const around = whole === undefined ? {} : { around: { body: whole, at: wholeGoesTo(letter, id) } }
  return [{ deliver: { account: submission.account, folder: 'INBOX', body: { letter, ...around } } }]
}

/** RET=FULL above this is answered with the header: RFC 3461 §4.3 lets us, and the sender has their copy. */
const WHOLE_MAX_BYTES = 1 << 20

/** The message to send back. Letters that leave this gateway by LMTP stand alone. */
const wholeOf = (state: State, { ret, size, body }: Submission): number | undefined =>
  ret === 'FULL' && size <= WHOLE_MAX_BYTES && body !== null && state.lodging === 'store' ? body : undefined

const unsureOf = ({ trail, tried }: Pick<Custody, 'trail' | 'tried'>): string[] =>
  tried.filter((one) => !one.saidNo && !trail.some((step) => step.by === one.by)).map((one) => one.by)
