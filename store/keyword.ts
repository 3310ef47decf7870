/**
 * Keywords of a message as one text: separated by blanks, sorted, each once whatever its case,
 * spelled as it first came (RFC 9051 §2.3.2: keywords are case-insensitive).
 */
import { Refusal } from '../src/refusal.ts'

export type FlagMode = 'set' | 'add' | 'remove'

export const keywordsOf = (words: string): string => mergeKeywords('', 'add', words)

export const mergeKeywords = (was: string, mode: FlagMode, words: string): string => {
  if (words === '') return mode === 'set' ? '' : was // as it is ten thousand times when a mailbox is marked as read
  const kept = new Map(split(mode === 'set' ? '' : was).map((word) => [word.toLowerCase(), word]))
  // A set keeps the spelling, too: clients must not see a flag change its case.
  const spelled = new Map(split(was).map((word) => [word.toLowerCase(), word]))
  for (const word of split(words)) {
    const key = word.toLowerCase()
    if (mode === 'remove') kept.delete(key)
    else if (!kept.has(key)) kept.set(key, spelled.get(key) ?? word)
  }
  return [...kept.keys()]
    .sort()
    .map((key) => kept.get(key))
    .join(' ')
}

const KEYWORDS_MAX = 50

/** For what people set; the gateway's own marks are few. @throws Refusal if a message cannot bear so many */
export const checkKeywords = (words: string): void => {
  if (split(words).length > KEYWORDS_MAX)
    throw new Refusal('rate-limited', `A message has at most ${KEYWORDS_MAX} keywords`)
}

const split = (words: string): string[] => words.split(' ').filter((word) => word !== '')
