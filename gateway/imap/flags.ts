/**
 * Flags as a client names them, as the store keeps them. RFC 3501 §2.3.2.
 */
import { checkKeywords, keywordsOf } from '../../store/keyword.ts'
import { fail } from './wire/words.ts'
import { flagBits } from './wire/writer.ts'

/** `keywords` separated by spaces. */
type Flags = { bits: number; keywords: string }

/** With how many a message may have (store/keyword.ts), bounds what its row, and every FETCH of it, can grow to. */
const KEYWORD_MAX = 100

const bitOf = new Map<string, number>(Object.entries(flagBits).map(([name, bit]) => [name.toLowerCase(), bit]))

/** @throws Malformed for a system flag that is none, or `\Recent`, which is the server's to set; Refusal for too many */
export const toFlags = (names: readonly string[]): Flags => {
  const keywords: string[] = []
  let bits = 0
  for (const name of names) {
    if (!name.startsWith('\\')) {
      keywords.push(name.length <= KEYWORD_MAX ? name : fail(`a keyword has at most ${KEYWORD_MAX} characters`))
      continue
    }
    bits |= bitOf.get(name.toLowerCase()) ?? fail('there is no such flag to set')
  }
  const words = keywordsOf(keywords.join(' '))
  checkKeywords(words)
  return { bits, keywords: words }
}
