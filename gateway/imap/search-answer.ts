/**
 * Tells what SEARCH or SORT found, in the words the client asked for, and keeps it for `$`.
 */
import type { Session } from './command.ts'
import type { By } from './range.ts'
import { asksModseq, type Key } from './search-key.ts'
import { ALL, esearchLine, modseqOf, type Returns, savedOf } from './search-return.ts'
import type { Numbered } from './view.ts'

export type Asked = { by: By; key: Key; returns: Returns | undefined }

/** @param found in the order of the answer */
export const tellFound = (
  session: Session,
  word: 'SEARCH' | 'SORT',
  { by, key, returns }: Asked,
  found: readonly Numbered[],
): void => {
  const { mailbox, output, tag, isRev2, enabled } = session
  if (returns?.save) mailbox.saved = savedOf(returns, found)
  const tellsModseq = asksModseq(key)
  if (tellsModseq) enabled.add('CONDSTORE')
  const numbers = found.map(({ seq, row }) => (by === 'uid' ? row.uid : seq))
  const modseq = tellsModseq ? modseqOf(returns ?? ALL, found) : undefined
  // IMAP4rev2 knows no other answer to SEARCH, but SORT is as it was. RFC 9051 appendix E.
  const told = returns ?? (isRev2 && word === 'SEARCH' ? ALL : undefined)
  const answer = { about: `TAG "${tag}"`, isUid: by === 'uid', found: numbers, modseq }
  const line = told ? esearchLine(told, answer) : plainLine(word, numbers, modseq)
  if (line) output.line(line)
}

const plainLine = (word: string, numbers: readonly number[], modseq: number | undefined): string => {
  const line = numbers.length === 0 ? `* ${word}` : `* ${word} ${numbers.join(' ')}`
  return modseq === undefined ? line : `${line} (MODSEQ ${modseq})`
}
