/**
 * What SEARCH, SORT and ESEARCH have in common: how they are told what to look for, and how they tell what they found.
 */
import type { Session } from '../command.ts'
import type { Reply } from '../reply.ts'
import type { By } from '../view/range.ts'
import type { Numbered } from '../view/shown.ts'
import type { Words } from '../wire/words.ts'
import { parseKeysIn } from './charset.ts'
import { asksModseq, type Key } from './key.ts'
import { ALL, esearchLine, modseqOf, parseReturns, type Returns, savedOf } from './return.ts'

/** `key` is a refusal where it could not be read. */
export type Looked = { returns?: Returns | undefined; key: Key | Reply }
export type Asked = { by: By; key: Key; returns: Returns }

/** Reads `[RETURN (…) ][CHARSET x ]keys` to the end of the command. */
export const parseLooked = (words: Words): Looked => {
  const returns = parseReturns(words)
  return { returns, key: parseKeysIn(words, charsetOf(words)) }
}

const charsetOf = (words: Words): string | undefined => {
  if (!words.tryWord('CHARSET')) return undefined
  words.space()
  const charset = words.astring()
  words.space()
  return charset
}

/** Tells what was found in the selected mailbox, and keeps it for `$`. @param found in the order of the answer */
export const tellFound = (
  session: Session,
  word: 'SEARCH' | 'SORT',
  { returns, ...asked }: Omit<Asked, 'returns'> & Pick<Looked, 'returns'>,
  found: readonly Numbered[],
): void => {
  if (returns?.save) session.mailbox.saved = savedOf(returns, found)
  // IMAP4rev2 knows no other answer to SEARCH, but SORT is as it was. RFC 9051 appendix E.
  const told = returns ?? (session.isRev2 && word === 'SEARCH' ? ALL : undefined)
  const line = told ? foundLine(session, { ...asked, returns: told }, found) : plainLine(session, word, asked, found)
  if (line) session.output.line(line)
}

/** The ESEARCH response; `about` says more than the tag. Undefined where only SAVE was asked for. */
export const foundLine = (
  session: Session,
  { by, key, returns }: Asked,
  found: readonly Numbered[],
  about = '',
): string | undefined => {
  const modseq = tellsModseq(session, key) ? modseqOf(returns, found) : undefined
  const numbers = numbersOf(by, found)
  return esearchLine(returns, { about: `TAG "${session.tag}"${about}`, isUid: by === 'uid', found: numbers, modseq })
}

const plainLine = (
  session: Session,
  word: string,
  { by, key }: Pick<Asked, 'by' | 'key'>,
  found: readonly Numbered[],
): string => {
  const line = found.length === 0 ? `* ${word}` : `* ${word} ${numbersOf(by, found).join(' ')}`
  const modseq = tellsModseq(session, key) ? modseqOf(ALL, found) : undefined
  return modseq === undefined ? line : `${line} (MODSEQ ${modseq})`
}

/** Whoever asks for MODSEQ has thereby enabled it. RFC 7162 §3.1. */
const tellsModseq = ({ enabled }: Session, key: Key): boolean => asksModseq(key) && enabled.add('CONDSTORE').size > 0

export const numbersOf = (by: By, found: readonly Numbered[]): number[] =>
  found.map(({ seq, row }) => (by === 'uid' ? row.uid : seq))
