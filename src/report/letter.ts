/**
 * A letter of the gateway to somebody who lives here, about nothing they sent: a key that ends, a
 * neighbour in doubt. Plain text; nobody and no machine can answer it (RFC 3834).
 */
import { formatDate } from '../mail/date.ts'
import { encodeText } from '../mail/words.ts'
import type { Change } from '../state.ts'
import { clean, crlf, wrap } from './lines.ts'

export type LetterAbout = {
  to: { account: number; address: string }
  /** The domain of the gateway that writes. */
  gateway: string
  now: number
  subject: string
  /** Sentences, wrapped here. */
  paragraphs: string[]
  /** Unlike any other letter's; it becomes the Message-ID. */
  id: string
}

/** The letter, on its way to INBOX. */
export const letterHome = (about: LetterAbout): Change => ({
  deliver: { account: about.to.account, folder: 'INBOX', body: { letter: letter(about) } },
})

const letter = (about: LetterAbout): Buffer => {
  const gateway = clean(about.gateway)
  const closing = `This letter was written by the mail gateway ${gateway}. Answers to it reach nobody: ask whoever runs the gateway.`
  return letterOf(about, [...about.paragraphs, closing].map((one) => wrap(one, '')).join('\n\n'))
}

/** @param head `about`: the Message-ID of what it belongs to @param text as it is to be read, its lines ended by LF */
export const letterOf = (
  { to, gateway, now, subject, id, about }: Omit<LetterAbout, 'paragraphs'> & { about?: string },
  text: string,
): Buffer => {
  const header = [
    'Return-Path: <>',
    `Date: ${formatDate(now)}`,
    `From: Mail gateway <postmaster@${clean(gateway)}>`,
    `To: <${clean(to.address)}>`,
    `Subject: ${encodeText(clean(subject))}`,
    `Message-ID: <${clean(id)}@${clean(gateway)}>`,
    ...(about === undefined ? [] : [`In-Reply-To: ${clean(about)}`, `References: ${clean(about)}`]),
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
  ]
  return Buffer.from(`${header.join('\r\n')}\r\n\r\n${crlf(text)}\r\n`)
}
