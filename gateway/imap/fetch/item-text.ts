/**
 * How FETCH tells what it tells in a line: what the view knows and may change, and what is fixed with the message.
 * RFC 3501 §7.4.2.
 */

import type { Row } from '../view/shown.ts'
import { dateTime, flagList, string } from '../wire/writer.ts'
import { atHand, isListed } from './body.ts'
import type { Item, Plain, Section } from './item.ts'
import { type Remembered, threadId } from './remembered.ts'

type Live = 'FLAGS' | 'UID' | 'INTERNALDATE' | 'RFC822.SIZE'
type Fixed = Exclude<Plain, Live | 'MODSEQ' | 'SAVEDATE'>
/** Read with each FETCH: a message that is moved has a new SAVEDATE, and a PREVIEW may be made at any time. */
type Read = 'SAVEDATE' | 'PREVIEW'

const live: ReadonlySet<string> = new Set(['FLAGS', 'UID', 'INTERNALDATE', 'RFC822.SIZE', 'MODSEQ'])
const fixed: ReadonlySet<string> = new Set([
  'ENVELOPE',
  'BODY',
  'BODYSTRUCTURE',
  'EMAILID',
  'THREADID',
] satisfies Fixed[])

/** Known without reading. */
export const isLive = ({ get }: Item): boolean => live.has(get)

/** Never another for the same message, and short. */
export const isFixed = (item: Item): item is { get: Fixed } | Section =>
  item.get === 'section' ? isListed(item) && !item.partial : fixed.has(item.get)

/** What it is called in the answer. */
export const nameOf = (item: { get: Fixed } | Section): string => (item.get === 'section' ? item.label : item.get)

/** Undefined where it has to be looked for. */
export const fixedText = (item: { get: Fixed } | Section, row: Row, known: Remembered): string | undefined => {
  if (item.get !== 'section') return plainText(item.get, row, known, false)
  const bytes = atHand(row.size, known, item)?.bytes
  if (!Buffer.isBuffer(bytes)) return undefined
  return `${item.label} {${bytes.length}}\r\n${bytes.toString('latin1')}`
}

export const plainText = (get: Live | Fixed | Read, row: Row, known: Remembered, isRecent: boolean): string => {
  switch (get) {
    case 'FLAGS':
      return `FLAGS ${flagList(row.flags, row.keywords, isRecent)}`
    case 'UID':
      return `UID ${row.uid}`
    case 'INTERNALDATE':
      return `INTERNALDATE ${dateTime(row.internalDate)}`
    case 'RFC822.SIZE':
      return `RFC822.SIZE ${row.size}`
    case 'ENVELOPE':
      return `ENVELOPE ${known.envelope}`
    case 'BODYSTRUCTURE':
      return `BODYSTRUCTURE ${known.bodyStructure}`
    case 'BODY':
      return `BODY ${known.body}`
    case 'EMAILID':
      return `EMAILID (${known.emailId})`
    case 'THREADID':
      return `THREADID (${threadId(known)})`
    case 'SAVEDATE':
      return `SAVEDATE ${dateTime(known.savedAt ?? 0)}`
    case 'PREVIEW':
      return `PREVIEW ${typeof known.preview === 'string' ? string(Buffer.from(known.preview).toString('latin1')) : 'NIL'}`
  }
}
