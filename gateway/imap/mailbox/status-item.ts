/**
 * What STATUS tells of a mailbox, alone or behind each line of a LIST. RFC 3501 §6.3.10; DELETED RFC 9051 §6.3.11; SIZE
 * RFC 8438; HIGHESTMODSEQ RFC 7162; MAILBOXID RFC 8474; APPENDLIMIT RFC 7889; DELETED-STORAGE RFC 9208; LIST-STATUS RFC 5819.
 */
import type { Status } from '../../../store/mailbox.ts'
import { fail, type Words } from '../wire/words.ts'
import { mailboxId } from './reply.ts'

const items = new Map<string, (status: Status, appendLimit: number) => number | string>([
  ['MESSAGES', ({ messages }) => messages],
  ['RECENT', ({ recent }) => recent],
  ['UIDNEXT', ({ uidNext }) => uidNext],
  ['UIDVALIDITY', ({ uidValidity }) => uidValidity],
  ['UNSEEN', ({ unseen }) => unseen],
  ['DELETED', ({ deleted }) => deleted],
  ['DELETED-STORAGE', ({ deletedSize }) => deletedSize],
  ['SIZE', ({ size }) => size],
  ['MAILBOXID', (mailbox) => `(${mailboxId(mailbox)})`],
  ['HIGHESTMODSEQ', ({ highestModseq }) => highestModseq],
  ['APPENDLIMIT', (_, appendLimit) => appendLimit],
])

/** `(MESSAGES UNSEEN)`, each once. */
export const parseStatusItems = (words: Words): string[] => {
  const asked = words.list(() => words.keyword())
  if (asked.length === 0 || !asked.every((item) => items.has(item))) fail('there is no such status item')
  return [...new Set(asked)]
}

/** @param spelled the name as the client is told it */
export const statusLine = (spelled: string, asked: readonly string[], found: Status, appendLimit: number): string => {
  const values = asked.map((item) => `${item} ${items.get(item)?.(found, appendLimit)}`)
  return `* STATUS ${spelled} (${values.join(' ')})`
}
