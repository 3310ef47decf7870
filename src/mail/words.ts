/**
 * Header bytes as people read them: encoded words (RFC 2047), raw UTF-8 (RFC 6532), charsets.
 *
 * Input is latin1 text (bytes), output is Unicode. Nothing throws: an unknown
 * charset is read as UTF-8 if it is that, and otherwise byte for byte.
 */
import { isUtf8 } from 'node:buffer'
import { TextDecoder } from 'node:util'

/** A header value, unfolded, as a person reads it. */
export const decodeText = (value: string): string => {
  if (!value.includes('=?')) return rawText(value)
  let out = ''
  let at = 0
  let run: { charset: string; pieces: Buffer[] } | null = null
  const endRun = (): void => {
    if (run) out += decodeBytes(Buffer.concat(run.pieces), run.charset)
    run = null
  }
  for (const match of value.matchAll(ENCODED_WORD)) {
    const [whole, charset = '', kind = '', text = ''] = match
    const between = value.slice(at, match.index)
    // RFC 2047 §6.2: blanks between two encoded words are not shown. Characters cut in two by careless senders are mended.
    const isAdjacent = run !== null && /^\s*$/.test(between)
    if (!isAdjacent || run?.charset !== charset.toLowerCase()) endRun()
    if (!isAdjacent) out += rawText(between)
    run ??= { charset: charset.toLowerCase(), pieces: [] }
    run.pieces.push(kind.toLowerCase() === 'b' ? Buffer.from(text, 'base64') : decodeQ(text))
    at = match.index + whole.length
  }
  endRun()
  return out + rawText(value.slice(at))
}

/** Bytes in a named charset (any WHATWG label) as text. */
export const decodeBytes = (bytes: Uint8Array, charset: string): string => {
  const name = charset.trim().toLowerCase()
  return (decoder(name) ?? (isUtf8(bytes) ? UTF8 : LATIN1)).decode(bytes)
}

/** A value as an encoded word where it is not plain ASCII: for the headers we write ourselves. RFC 2047 §2, §5. */
export const encodeText = (text: string): string => {
  if (/^[\x20-\x7e]*$/.test(text) && !text.includes('=?')) return text
  const words: string[] = []
  let word = ''
  for (const char of text) {
    // 75 characters a word: `=?utf-8?B?` and `?=` leave 63, that is 45 bytes in base64.
    if (Buffer.byteLength(word + char) > 45) {
      words.push(word)
      word = ''
    }
    word += char
  }
  return [...words, word].map((each) => `=?utf-8?B?${Buffer.from(each).toString('base64')}?=`).join('\r\n ')
}

// The language of RFC 2231 §5 (`utf-8*en`) is passed over.
const ENCODED_WORD = /=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?\r\n]*)\?=/g

const decodeQ = (text: string): Buffer =>
  Buffer.from(
    text
      .replace(/_/g, ' ')
      .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )

/** Bytes as UTF-8, or where they are none one by one. */
export const rawText = (value: string): string => {
  if (!/[\x80-\xff]/.test(value)) return value
  const bytes = Buffer.from(value, 'latin1')
  return (isUtf8(bytes) ? UTF8 : LATIN1).decode(bytes)
}

const UTF8 = new TextDecoder('utf-8')
const LATIN1 = new TextDecoder('latin1')

// Labels come from strangers: the map holds the few that exist, and refused ones are asked for again.
const decoders = new Map<string, TextDecoder>()

const decoder = (charset: string): TextDecoder | null => {
  const known = decoders.get(charset)
  if (known) return known
  try {
    const made = new TextDecoder(charset)
    decoders.set(charset, made)
    return made
  } catch {
    return null
  }
}
