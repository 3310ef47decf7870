/**
 * The charset in which a client writes what it looks for. RFC 3501 §6.4.4, RFC 5256 §3.
 */
import { TextDecoder } from 'node:util'
import { bad, no, type Reply } from '../reply.ts'
import type { Words } from '../wire/words.ts'
import { asksFilters, type Key, parseKeys } from './key.ts'

/** Reads keys to the end of the command; a refusal if their charset does not do. */
export const parseKeysIn = (words: Words, charset = USUAL_CHARSET): Key | Reply => {
  const decode = charsetDecoder(charset)
  if (!decode) return badCharset
  const key = parseKeys(words, decode)
  return asksFilters(key) && !/^(utf-8|us-ascii)$/i.test(charset) ? badFilterCharset : key
}

/** Undefined for a charset nobody here knows. */
export const charsetDecoder = (charset: string): ((octets: string) => string) | undefined => {
  try {
    const decoder = new TextDecoder(charset)
    return (octets) => decoder.decode(Buffer.from(octets, 'latin1'))
  } catch {
    return undefined
  }
}

/** Without CHARSET it is US-ASCII; a client that sends octets anyway means UTF-8. */
const USUAL_CHARSET = 'utf-8'

const badCharset: Reply = no('BADCHARSET (UTF-8 US-ASCII ISO-8859-1)', 'That charset is not known here')

/** Filters are kept in UTF-8, and say so for what stands beside them. RFC 5466 §3.1. */
const badFilterCharset: Reply = { ...bad('FILTER goes with UTF-8'), code: 'BADCHARSET (UTF-8 US-ASCII)' }
