/**
 * Flags as a client names them, as the store keeps them. RFC 3501 §2.3.2.
 */
import { fail } from './wire/words.ts'
import { flagBits } from './wire/writer.ts'

/** `keywords` separated by spaces. */
export type Flags = { bits: number; keywords: string }

/** Bounds what a message's row, and every FETCH of it, can grow to. */
const KEYWORD_MAX = 100
const KEYWORDS_MAX = 50

const bitOf = new Map<string, number>(Object.entries(flagBits).map(([name, bit]) => [name.toLowerCase(), bit]))

/** @throws Malformed for a system flag that is none, or `\Recent`, which is the server's to set */
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
  if (keywords.length > KEYWORDS_MAX) fail(`a message has at most ${KEYWORDS_MAX} keywords`)
  return { bits, keywords: keywords.join(' ') }
}
