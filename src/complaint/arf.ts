/**
 * A complaint as a letter to the owner of the gateway whose user it is about: ARF, RFC 5965.
 *
 * It names the local sender, the message by its Message-ID and the reason. Who complained, to whom the
 * message went and what was in it are nobody else's business: the third part has none of it (RFC 5965
 * §2 asks for the message or its header, and leaves what is in it to the sender of the report; RFC 6590).
 */
import { partsOfKey } from '../envelope/envelope.ts'
import { formatDate } from '../mail/date.ts'
import { encodeText } from '../mail/words.ts'
import { clean, crlf, wrap } from '../report/lines.ts'

type FeedbackAbout = {
  to: string
  /** The domain of the gateway, which reports to itself. */
  gateway: string
  about: string
  level: string
  /** Different people who complained lately. */
  count: number
  reproach: { key: string; reason: string; at: number; messageId?: string }
  now: number
}

export const feedbackReport = ({ to, gateway, about, level, count, reproach, now }: FeedbackAbout): Buffer => {
  const { key, reason, at, messageId } = reproach
  const id = `feedback.${key.replace(/[^a-z0-9]+/gi, '.')}`
  const boundary = `=_feedback_${partsOfKey(key)[1]}` // of 70 characters at most: RFC 2046 §5.1.1
  const subject = `Complaint about mail of ${clean(about)} (${reason})`
  const header = [
    'Return-Path: <>',
    `Date: ${formatDate(now)}`,
    `From: Mail gateway <abuse@${clean(gateway)}>`,
    `To: <${clean(to)}>`,
    `Subject: ${encodeText(subject)}`,
    `Message-ID: <${id}@${clean(gateway)}>`,
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=feedback-report;',
    ` boundary="${boundary}"`,
  ]
  const words = [
    `Somebody who received mail of ${about} complained about it (${reason}). Different people who did so in the last 28 days: ${count}. ${about} is ${level} now.`,
    'Who complained, and about what, is not said. The account was told as well, if this changed what it may do.',
    `What you can do: look at "vouchsafe user show ${about}". "vouchsafe user allow ${about}" takes everything back that was held against the account.`,
  ]
  const fields = [
    `Feedback-Type: ${reason}`,
    'User-Agent: Vouchsafe/1',
    'Version: 1',
    `Original-Mail-From: <${clean(about)}>`,
    `Reporting-MTA: dns; ${clean(gateway)}`,
    `Arrival-Date: ${formatDate(at)}`,
    `Incidents: ${count}`,
  ]
  const original = [`From: <${clean(about)}>`, ...(messageId ? [`Message-ID: ${clean(messageId)}`] : [])]
  const utf8 = 'Content-Transfer-Encoding: 8bit'
  const parts = [
    ['Content-Type: text/plain; charset=utf-8', utf8, '', words.map((one) => wrap(one, '')).join('\n\n'), ''],
    ['Content-Type: message/feedback-report', utf8, '', ...fields, ''],
    ['Content-Type: text/rfc822-headers', utf8, '', ...original, ''],
  ]
  const body = parts.map((lines) => `\n--${boundary}\n${lines.join('\n')}`).join('')
  return Buffer.from(crlf(`${header.join('\n')}\n${body}\n--${boundary}--\n`))
}
