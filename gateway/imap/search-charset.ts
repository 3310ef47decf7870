/**
 * The charset in which a client writes what it looks for. RFC 3501 §6.4.4, RFC 5256 §3.
 */
import { TextDecoder } from 'node:util'
import { no, type Reply } from './reply.ts'

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
export const USUAL_CHARSET = 'utf-8'

export const badCharset: Reply = no('BADCHARSET (UTF-8 US-ASCII ISO-8859-1)', 'That charset is not known here')
