/**
 * A letter to whoever runs this gateway: postmaster@ if there is such an account, else the first account. Plain
 * text, by nobody who could be answered (RFC 3834).
 */
import { createHash } from 'node:crypto'
import { formatDate } from '../mail/date.ts'
import { encodeText } from '../mail/words.ts'
import type { Change, Local, State } from '../state.ts'

export const operatorOf = (state: Pick<State, 'locals'>): Local | undefined => {
  const locals = [...state.locals.values()].sort((a, b) => a.account - b.account)
  return locals.find(({ address }) => address.startsWith('postmaster@')) ?? locals[0]
}

/** @returns undefined while nobody has an account */
export const ownerLetter = (
  state: State,
  now: number,
  { subject, paragraphs }: { subject: string; paragraphs: string[] },
): Change | undefined => {
  const to = operatorOf(state)
  if (to === undefined) return undefined
  const text = paragraphs.map((one) => wrap(one)).join('\r\n\r\n')
  const id = createHash('sha256').update(`${now} ${subject} ${text}`).digest('hex').slice(0, 32)
  const lines = [
    'Return-Path: <>',
    `Date: ${formatDate(now)}`,
    `From: Mail gateway <postmaster@${state.domain}>`,
    `To: <${to.address}>`,
    `Subject: ${encodeText(oneLine(subject))}`,
    `Message-ID: <${id}@${state.domain}>`,
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    '',
    text,
    '',
  ]
  return { deliver: { account: to.account, folder: 'INBOX', body: { letter: Buffer.from(lines.join('\r\n')) } } }
}

const WIDTH = 76

const wrap = (text: string): string => {
  const lines = ['']
  for (const word of oneLine(text).split(' ')) {
    const last = lines.at(-1) ?? ''
    if (last !== '' && last.length + 1 + word.length > WIDTH) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines.join('\r\n')
}

const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, ' ').trim()
