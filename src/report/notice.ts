/**
 * A letter to a sender about their message: multipart/report, RFC 6522, RFC 3464, RFC 6533.
 *
 *   1  text/plain                what happened, to whom, where the message is, what to do: for the person
 *   2  message/delivery-status   the same for programs; message/global-delivery-status if an address is not ASCII
 *   3  text/rfc822-headers       the header of the message, or message/rfc822 with all of it (failed, RET=FULL);
 *                                of an internationalized one message/global-headers, message/global
 *
 * It comes from nobody who could be answered by a machine: null return path,
 * Auto-Submitted (RFC 3834). It answers the message, so clients show it beside it. Its From is the
 * name that reports bear (RFC 3464 §2); no mailbox here has it, and the text says so.
 */
import { isUtf8 } from 'node:buffer'
import { formatDate } from '../mail/date.ts'
import { encodeText } from '../mail/words.ts'
import { clean, crlf, time, wrap } from './lines.ts'

type NoticeRecipient = {
  address: string
  /** ORCPT as given, decoded: `rfc822;ann@old.test`. RFC 3461 §4.2. */
  orcpt?: string
  /** RFC 3463: `5.1.1`. */
  status: string
  /** Sentences for the sender. */
  reason: string
  advice: string
  /** Delayed: when it will be given up, epoch ms. */
  until?: number
}

export type NoticeAbout = {
  kind: 'delayed' | 'failed' | 'delivered'
  to: string
  /** The domain of the gateway that writes. */
  gateway: string
  now: number
  /** `header` up to and including the empty line, if there is one; `arrived` when 250 was said. */
  original: { messageId: string; subject: string; header: Buffer; arrived: number }
  recipients: NoticeRecipient[]
  /** Who had the message, since when: sentences without a full stop, oldest first. */
  trail: { text: string; at: number }[]
  ret: 'FULL' | 'HDRS'
  /** The whole message, where RET=FULL is to be honoured; `later` where somebody else puts it in, at `wholeGoesTo`. */
  full?: Buffer | 'later'
  envid?: string
  makeId: () => string
}

export const notice = (about: NoticeAbout): Buffer => {
  const { original, gateway, now, makeId } = about
  const id = makeId()
  const boundary = `=_notice_${id}`
  const header = [
    'Return-Path: <>',
    `Date: ${formatDate(now)}`,
    `From: Mail gateway <postmaster@${clean(gateway)}>`,
    `To: <${clean(about.to)}>`,
    `Subject: ${encodeText(`${titles[about.kind]}: ${shortened(original.subject) || '(no subject)'}`)}`,
    `Message-ID: <${clean(id)}@${clean(gateway)}>`,
    ...(original.messageId
      ? [`In-Reply-To: ${clean(original.messageId)}`, `References: ${clean(original.messageId)}`]
      : []),
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=${isAscii(about) ? '' : 'global-'}delivery-status;`,
    ` boundary="${boundary}"`,
    '',
  ]
  const parts = [textPart(about), statusPart(about), originalPart(about)]
  const pieces = parts.flatMap((part) => [Buffer.from(`\r\n--${boundary}\r\n`), part])
  return Buffer.concat([Buffer.from(header.join('\r\n')), ...pieces, Buffer.from(closing(id))])
}

const closing = (id: string): string => `\r\n--=_notice_${id}--\r\n`

/** The offset in a notice of this id at which the message belongs: the end of its last part. */
export const wholeGoesTo = (notice: Buffer, id: string): number => notice.length - closing(id).length

/** A subject of many lines would fill the list of letters, and a line has 998 octets (RFC 5322 §2.1.1). By whole characters. */
const shortened = (subject: string): string => [...clean(subject)].slice(0, SUBJECT_MAX).join('')
const SUBJECT_MAX = 200

const titles: Record<NoticeAbout['kind'], string> = {
  delayed: 'Not yet delivered',
  failed: 'Not delivered',
  delivered: 'Delivered',
}

const openings: Record<NoticeAbout['kind'], string> = {
  delayed: 'Your message has not arrived yet. It is not lost.',
  failed: 'Your message could not be delivered. No further attempt will be made.',
  delivered: 'Your message has arrived. You asked to be told.',
}

const places: Record<NoticeAbout['kind'], string> = {
  delayed: 'Where it is now',
  failed: 'Where it stopped',
  delivered: 'Where it is now',
}

const nextSteps: Record<NoticeAbout['kind'], string> = {
  delayed: 'Please do not send it again: it could then arrive twice.',
  failed: 'Your own copy, in the folder your mail program keeps sent mail in, is still there.',
  delivered: 'Arrived means: it lies in the mailbox. Whether it was read, nobody but the recipient knows.',
}

const textPart = (about: NoticeAbout): Buffer => {
  const { original, recipients, trail } = about
  const now = trail.at(-1)
  const paragraphs = [
    openings[about.kind],
    ...recipients.flatMap(recipientLines),
    nextSteps[about.kind],
    `The message:\n  Subject: ${shortened(original.subject) || '(none)'}\n  Sent:    ${time(original.arrived)}`,
    ...(now ? [`${places[about.kind]}:\n${wrap(`${now.text}, ${time(now.at)}.`, '  ')}`] : []),
    ...(trail.length > 0
      ? [`Its way so far:\n${trail.map((step) => wrap(`${time(step.at)}: ${step.text}`, '  ', '    ')).join('\n')}`]
      : []),
    `This letter was written by the mail gateway ${clean(about.gateway)}. Answers to it reach nobody: ask whoever runs the gateway.`,
  ]
  const text = paragraphs.map((each) => (each.includes('\n') ? each : wrap(each, ''))).join('\n\n')
  const head =
    'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nContent-Description: Notice\r\n\r\n'
  return Buffer.from(`${head}${crlf(text)}\r\n`)
}

const recipientLines = ({ address, reason, advice, until }: NoticeRecipient): string[] => [
  [
    `To: ${clean(address)}`,
    wrap(`Why: ${clean(reason)}`, '  ', '       '),
    wrap(`What you can do: ${clean(advice)}`, '  ', '       '),
    ...(until === undefined ? [] : [`  It will be tried until ${time(until)}.`]),
  ].join('\n'),
]

const statusPart = (about: NoticeAbout): Buffer => {
  const { gateway, envid, original, recipients } = about
  const groups = [
    [
      ...(envid ? [`Original-Envelope-Id: ${clean(envid)}`] : []),
      `Reporting-MTA: dns; ${clean(gateway)}`,
      `Arrival-Date: ${formatDate(original.arrived)}`,
    ],
    ...recipients.map((recipient) => recipientFields(about, recipient)),
  ]
  const fields = groups.map((group) => `${group.join('\r\n')}\r\n`).join('\r\n')
  const type = isAscii(about) ? 'message/delivery-status' : 'message/global-delivery-status'
  const encoding = isAscii(about) ? '' : 'Content-Transfer-Encoding: 8bit\r\n'
  return Buffer.from(`Content-Type: ${type}\r\n${encoding}Content-Description: Delivery report\r\n\r\n${fields}`)
}

/** RFC 3464 §2.3. The diagnostic type is ours: a hop of the web speaks no SMTP. */
const recipientFields = (about: NoticeAbout, recipient: NoticeRecipient): string[] => {
  const { kind, trail, now } = about
  const { address, orcpt, status, reason, until } = recipient
  const type = ASCII.test(clean(address)) ? 'rfc822' : 'utf-8'
  const why = isAscii(about) ? plain(clean(reason)) : clean(reason)
  return [
    ...(orcpt ? [`Original-Recipient: ${clean(orcpt)}`] : []),
    `Final-Recipient: ${type}; ${clean(address)}`,
    `Action: ${kind}`,
    `Status: ${clean(status)}`,
    ...(kind === 'delivered' ? [] : [`Diagnostic-Code: x-vouchsafe; ${why}`]),
    `Last-Attempt-Date: ${formatDate(trail.at(-1)?.at ?? now)}`,
    ...(kind === 'delayed' && until !== undefined ? [`Will-Retry-Until: ${formatDate(until)}`] : []),
  ]
}

/** RFC 3461 §4.3: RET is for messages that failed; all others are answered with the header alone. */
const originalPart = ({ kind, ret, full, original }: NoticeAbout): Buffer => {
  const isWhole = kind === 'failed' && ret === 'FULL' && full !== undefined
  const bytes = isWhole ? (full === 'later' ? NOTHING : full) : original.header
  const isGlobal = isInternationalized(original.header)
  const [all, head] = isGlobal
    ? ['message/global', 'message/global-headers']
    : ['message/rfc822', 'text/rfc822-headers']
  const is7Bit = full !== 'later' && bytes.every((byte) => byte < 128)
  const encoding = is7Bit ? '' : 'Content-Transfer-Encoding: 8bit\r\n'
  const fields = `Content-Type: ${isWhole ? all : head}\r\n${encoding}Content-Description: Your message\r\n\r\n`
  return Buffer.concat([Buffer.from(fields), bytes])
}

const NOTHING = Buffer.alloc(0)

/** RFC 6532 §3.7. Bytes of another charset in a header are no UTF-8, and stay what they always were: an old mail program's. */
const isInternationalized = (header: Buffer): boolean => header.some((byte) => byte > 127) && isUtf8(header)

/** Whether all that is named is: what the sender named comes back as it was, and the gateway has the name of its domain. */
const isAscii = ({ envid, gateway, recipients }: NoticeAbout): boolean =>
  [envid, gateway, ...recipients.flatMap(({ address, orcpt }) => [address, orcpt])].every((text = '') =>
    ASCII.test(clean(text)),
  )

/** For the part that is ASCII whatever neighbours are called; the text for people has their names whole. */
const plain = (text: string): string => text.replace(/[^\x20-\x7e]/gu, '?')

const ASCII = /^[\x20-\x7e]*$/
