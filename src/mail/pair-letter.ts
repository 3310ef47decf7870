/**
 * A PAIR record as the letter it travels in: RFC 5322 with one part of a type of its own, so that a gateway
 * that does not know it shows its reader an attachment and a subject instead of nonsense.
 * The record is folded to lines of 76: it is longer than a line may be (RFC 5322 §2.1.1).
 */
import { formatDate } from './date.ts'

const TYPE = 'application/vnd.vouchsafe.pair'

type PairLetter = { from: string; to: string; id: string; record: string; now: number }

export const SUBJECT = 'A direct link between our gateways'

export const pairLetter = ({ from, to, id, record, now }: PairLetter): Buffer =>
  Buffer.from(
    [
      `Date: ${formatDate(now)}`,
      `From: <${from}>`,
      `To: <${to}>`,
      `Subject: ${SUBJECT}`,
      `Message-ID: ${id}`,
      'MIME-Version: 1.0',
      `Content-Type: ${TYPE}`,
      'Auto-Submitted: auto-generated',
      '',
      ...(record.match(/.{1,76}/g) ?? []),
      '',
    ].join('\r\n'),
  )

/** @returns the record, if the letter is one of these; whether it holds is for others to say */
export const recordIn = (letter: Buffer): string | undefined => {
  const end = letter.indexOf('\r\n\r\n')
  const header = letter.subarray(0, Math.max(end, 0)).toString('latin1')
  if (!/^content-type:[ \t]*application\/vnd\.vouchsafe\.pair[ \t;]*$/im.test(header)) return undefined
  return letter.subarray(end).toString('latin1').replace(/\s+/g, '')
}
