/**
 * The beginning of what a message says, for a list of messages: RFC 8970.
 *
 * Text as a person would read it, in one line: of HTML without its markup, of plain text without what is quoted and
 * without the signature. At most 200 characters (§3.1), cut between words where there are any.
 */
import type { Part } from './parsed.ts'
import { textParts } from './text.ts'

const LENGTH_MAX = 200
/** Of the text, characters that are looked at; what follows pages of markup is no preview. */
const READ_MAX = 16_384

/** The part to take it from: the first text. Among alternatives that is the plainest (RFC 2046 §5.1.4). */
export const previewPart = (root: Part): Part | undefined => textParts(root)[0]

/** @param text of that part, decoded; its beginning suffices */
export const previewOf = ({ subtype }: Pick<Part, 'subtype'>, text: string): string => {
  const start = text.slice(0, READ_MAX)
  const said = (subtype === 'html' ? withoutMarkup(start) : withoutQuotes(start))
    .replace(/\p{Cf}+/gu, '') // soft hyphens, joiners: they stand within words
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
  return cut(said)
}

const withoutQuotes = (text: string): string => {
  const [body = ''] = text.split(/^-- \r?$/m)
  const own = body.split('\n').filter((line) => !line.startsWith('>'))
  return own.join('\n')
}

const withoutMarkup = (html: string): string =>
  html
    .replace(/<!--[\s\S]*?(?:-->|$)/g, ' ')
    .replace(/<(style|script|head|title)\b[\s\S]*?(?:<\/\1\s*>|$)/gi, ' ')
    .replace(/<[^>]*(?:>|$)/g, ' ')
    .replace(/&(#\d{1,7}|#x[\da-f]{1,6}|[a-z]{2,8});/gi, (whole, name: string) => entity(name.toLowerCase()) ?? whole)

const named = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
  ['nbsp', ' '],
  ['zwnj', ''],
])

const entity = (name: string): string | undefined => {
  if (!name.startsWith('#')) return named.get(name)
  const code = name.startsWith('#x') ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1))
  return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : ''
}

const cut = (text: string): string => {
  const characters = Array.from(text.slice(0, 2 * LENGTH_MAX + 2))
  if (characters.length <= LENGTH_MAX) return characters.join('')
  const start = characters.slice(0, LENGTH_MAX + 1).join('')
  const space = start.lastIndexOf(' ')
  return space > LENGTH_MAX / 2 ? start.slice(0, space) : characters.slice(0, LENGTH_MAX).join('')
}
