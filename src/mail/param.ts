/**
 * `value; name=value; …` of Content-Type and Content-Disposition: RFC 2045 §5.1, RFC 2183, RFC 2231.
 *
 * Continuations (`name*0`, `name*1*`) are joined into one parameter; where any
 * piece is percent-encoded the joined one keeps the star and the encoding
 * (`filename*` = `utf-8''na%C3%AFve.txt`), as IMAP clients expect to see it.
 * Text is latin1 (bytes). Reading never fails: what can't be read is left out.
 */
import { trim } from './header.ts'
import { decodeBytes, decodeText } from './words.ts'

export type Param = readonly [name: string, value: string]

export const parseParams = (text: string): { value: string; params: Param[] } => {
  const plain = withoutComments(text)
  const end = plain.search(VALUE_END)
  if (end < 0) return { value: trim(plain), params: [] }
  return { value: trim(plain.slice(0, end)), params: joinContinuations(readPairs(plain.slice(end + 1))) }
}

/** The semicolon, or the blank where careless senders forget it: `text/html charset=utf-8`. */
const VALUE_END = /;|[ \t](?=[^ \t;="]+=)/

export const param = (params: readonly Param[], name: string): string | undefined =>
  params.find(([key]) => key.toLowerCase() === name)?.[1]

/**
 * What a search looks into beside a field as it is written: where parameters are cut up or encoded (RFC 2231), all of them
 * as a person reads them, `; filename=naïve.txt`.
 *
 * @param value unfolded
 */
export const readableParams = (name: string, value: string): string =>
  WITH_PARAMS.has(name.toLowerCase()) && value.includes('*') ? parseParams(value).params.map(readable).join('') : ''

const WITH_PARAMS: ReadonlySet<string> = new Set(['content-type', 'content-disposition'])

const readable = ([name, value]: Param): string => {
  const [, charset = '', coded = ''] = (name.endsWith('*') && /^([^']*)'[^']*'(.*)$/s.exec(value)) || []
  if (coded === '') return `; ${name}=${decodeText(value)}`
  const bytes = coded.replace(/%([\dA-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return `; ${name.slice(0, -1)}=${decodeBytes(Buffer.from(bytes, 'latin1'), charset)}`
}

/**
 * Comments nest (RFC 5322 §3.2.2). Among parameters only a bracket behind a blank or a semicolon opens one:
 * `name=report(1).pdf`, though it should be quoted, is what its sender calls the file. One that is never closed is none.
 */
export const withoutComments = (text: string): string => {
  if (!text.includes('(')) return text
  let out = ''
  let isQuoted = false
  let isParam = false
  for (let at = 0; at < text.length; ) {
    const char = text.charAt(at)
    if (char === '(' && !isQuoted && (!isParam || /[ \t;)]/.test(text.charAt(at - 1)))) {
      const end = commentEnd(text, at)
      if (end === undefined) return out + text.slice(at)
      at = end
      continue
    }
    if (char === '"') isQuoted = !isQuoted
    isParam ||= char === ';' || char === '='
    const length = char === '\\' && isQuoted ? 2 : 1
    out += text.slice(at, at + length)
    at += length
  }
  return out
}

const commentEnd = (text: string, from: number): number | undefined => {
  for (let at = from, depth = 0; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === '\\') at++
    else if (char === '(') depth++
    else if (char === ')' && --depth === 0) return at + 1
  }
  return undefined
}

const PAIR = /[ \t]*([^ \t=;]+)[ \t]*=[ \t]*(?:"([^"\\]*(?:\\[\s\S][^"\\]*)*)"?[^;]*|([^;]*))(?:;|$)|[^;]*(?:;|$)/gy

const readPairs = (text: string): Param[] => {
  const pairs: Param[] = []
  for (const [, name, quoted, token] of text.matchAll(PAIR)) {
    if (name === undefined) continue
    const value = quoted === undefined ? trim(token ?? '') : quoted.replace(/\\([\s\S])/g, '$1')
    pairs.push([name, value])
  }
  return pairs
}

const PIECE = /^(.+?)\*(\d{1,4})(\*?)$/

const joinContinuations = (pairs: Param[]): Param[] => {
  const out: Param[] = []
  const pieces = new Map<string, { name: string; parts: { order: number; encoded: boolean; value: string }[] }>()
  for (const [name, value] of pairs) {
    const match = PIECE.exec(name)
    if (!match?.[1]) {
      out.push([name, value])
      continue
    }
    const key = match[1].toLowerCase()
    const known = pieces.get(key) ?? { name: match[1], parts: [] }
    known.parts.push({ order: Number(match[2]), encoded: match[3] === '*', value })
    pieces.set(key, known)
  }
  for (const { name, parts } of pieces.values()) {
    parts.sort((a, b) => a.order - b.order)
    if (!parts.some((piece) => piece.encoded)) out.push([name, parts.map((piece) => piece.value).join('')])
    else out.push([`${name}*`, parts.map((piece) => (piece.encoded ? piece.value : percent(piece.value))).join('')])
  }
  return out
}

/** A piece that was not encoded, amid some that were: RFC 2231 §4.1. */
const percent = (value: string): string =>
  value.replace(
    /[^A-Za-z0-9!#$&+\-.^_`{|}~]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
