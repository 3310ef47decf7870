/**
 * What FETCH may ask for. RFC 3501 §6.4.5; MODSEQ RFC 7162, EMAILID and THREADID RFC 8474, SAVEDATE RFC 8514, PREVIEW
 * RFC 8970.
 *
 * fetch-att = "FLAGS" / "UID" / … / "BODY" [".PEEK"] "[" [section-spec] "]" ["<" number64 "." nz-number64 ">"]
 *
 *           / "BINARY" [".PEEK"] "[" [part] "]" ["<" number64 "." nz-number64 ">"] / "BINARY.SIZE" "[" [part] "]"  (RFC 3516)
 *
 * The RFC822 items are BODY sections by their old names.
 */

import type { SectionPart } from '../../../src/mail/section.ts'
import type { Extension } from '../extension.ts'
import { type Page, parsePage } from '../wire/partial.ts'
import { fail, Words } from '../wire/words.ts'
import { string } from '../wire/writer.ts'

export type Plain =
  | 'FLAGS'
  | 'UID'
  | 'INTERNALDATE'
  | 'RFC822.SIZE'
  | 'ENVELOPE'
  | 'BODY'
  | 'BODYSTRUCTURE'
  | 'MODSEQ'
  | 'EMAILID'
  | 'THREADID'
  | 'SAVEDATE'

export type Section = {
  get: 'section'
  /** How the answer names it: `BODY[1.MIME]<0>`. */
  label: string
  path: number[]
  what: SectionPart
  /** HEADER.FIELDS and HEADER.FIELDS.NOT: these fields, or all others; names in lower case. */
  fields?: { names: string[]; not: boolean }
  /** Octets of it, counted from 0. */
  partial?: { from: number; count: number }
  /** Leaves \Seen as it is. */
  peeks: boolean
  /** BINARY: what the part is without its transfer encoding, or only how much that is. */
  decoded?: 'bytes' | 'size'
}

/** `lazy`: only if it is there already. */
export type Item = { get: Plain } | { get: 'PREVIEW'; lazy: boolean } | Section

const plain: readonly string[] = [
  'FLAGS',
  'UID',
  'INTERNALDATE',
  'RFC822.SIZE',
  'ENVELOPE',
  'BODY',
  'BODYSTRUCTURE',
  'MODSEQ',
  'EMAILID',
  'THREADID',
  'SAVEDATE',
] satisfies Plain[]
const isPlain = (name: string): name is Plain => plain.includes(name)

const macros = new Map<string, Plain[]>([
  ['FAST', ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE']],
  ['ALL', ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE']],
  ['FULL', ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY']],
])

const oldNames = new Map<string, Pick<Section, 'what' | 'peeks'>>([
  ['RFC822', { what: '', peeks: false }],
  ['RFC822.HEADER', { what: 'HEADER', peeks: true }],
  ['RFC822.TEXT', { what: 'TEXT', peeks: false }],
])

/** A mailbox of a hundred parts asked for one by one is no mail client. */
const ITEMS_MAX = 200

/** Who has enabled them is told modseqs in every FETCH, and with QRESYNC uids, too. RFC 7162 §3.1.4.1, §3.2.4. */
export const withEnabled = (enabled: ReadonlySet<Extension>, items: readonly Item[]): readonly Item[] => {
  const more: Plain[] = [
    ...(enabled.has('CONDSTORE') ? ['MODSEQ' as const] : []),
    ...(enabled.has('QRESYNC') && !enabled.has('UIDONLY') ? ['UID' as const] : []),
  ]
  const missing = more.filter((plain) => !items.some(({ get }) => get === plain))
  return missing.length === 0 ? items : [...items, ...missing.map((get) => ({ get }))]
}

export const parseItems = (words: Words): Item[] => {
  if (words.peek() !== '(') {
    const name = words.name()
    return macros.get(name)?.map((get) => ({ get })) ?? [parseItem(name, words)]
  }
  const items = words.list(() => parseItem(words.name(), words))
  if (items.length === 0) fail('there is nothing to fetch')
  return items.length <= ITEMS_MAX ? items : fail('these are too many items')
}

/** What may stand behind the items. */
export type Modifiers = { changedSince?: number; vanished?: true; page?: Page }

/** RFC 7162 §3.1.4, §3.2.6; RFC 9394 §3.4. */
export const parseModifiers = (words: Words): Modifiers => {
  const modifiers: Modifiers = {}
  if (!words.trySpace()) return modifiers
  const count = words.list(() => parseModifier(words, modifiers)).length
  if (count === 0) fail('a modifier was expected')
  if (modifiers.vanished && modifiers.changedSince === undefined) fail('VANISHED goes with CHANGEDSINCE')
  return modifiers
}

const parseModifier = (words: Words, modifiers: Modifiers): void => {
  if (words.tryWord('CHANGEDSINCE')) {
    words.space()
    modifiers.changedSince = words.modseq()
  } else if (words.tryWord('PARTIAL')) modifiers.page = parsePage(words)
  else if (words.tryWord('VANISHED')) modifiers.vanished = true
  else fail('there is no such modifier')
}

const parseItem = (name: string, words: Words): Item => {
  const opens = words.peek() === '['
  if (opens && (name === 'BODY' || name === 'BODY.PEEK')) return parseSection(words, name === 'BODY.PEEK')
  if (opens && /^BINARY(\.PEEK|\.SIZE)?$/.test(name)) return parseBinary(words, name)
  if (opens) fail('only BODY and BINARY have sections')
  if (isPlain(name)) return { get: name }
  if (name === 'PREVIEW') return { get: 'PREVIEW', lazy: words.tryPhrase(' (LAZY)') }
  const old = oldNames.get(name)
  return old ? { get: 'section', label: name, path: [], ...old } : fail('there is no such item')
}

/** `1.2.MIME`, as it would stand in `BODY[…]`; octets of it apart. @throws Malformed */
export const sectionNamed = (spec: string, partial?: Section['partial']): Section => {
  const words = new Words([{ text: `[${spec}]` }])
  const section = parseSection(words, true)
  words.end()
  return { ...section, ...(partial && { partial }) }
}

const parseSection = (words: Words, peeks: boolean): Section => {
  words.expect('[')
  const spec = words.sectionSpec()
  const section = readSpec(spec)
  const names = section.fields ? parseNames(words) : undefined
  if (section.fields && names) section.fields.names = names.map((name) => name.toLowerCase())
  words.expect(']')
  const { origin, partial } = parsePartial(words)
  const shownNames = names ? ` (${names.map(shown).join(' ')})` : ''
  const label = `BODY[${spec}${shownNames}]${origin}`
  return { get: 'section', label, peeks, ...section, ...(partial && { partial }) }
}

const parseBinary = (words: Words, name: string): Section => {
  words.expect('[')
  const spec = words.sectionSpec()
  words.expect(']')
  if (!/^(?:[1-9]\d{0,8}(?:\.[1-9]\d{0,8})*)?$/.test(spec)) fail('BINARY has parts by their numbers')
  const path = spec.split('.').filter(Boolean).map(Number)
  const isSize = name === 'BINARY.SIZE'
  const { origin, partial } = isSize ? whole : parsePartial(words)
  const label = `${isSize ? name : 'BINARY'}[${spec}]${origin}`
  const decoded = isSize ? 'size' : 'bytes'
  return { get: 'section', label, path, what: '', peeks: name !== 'BINARY', decoded, ...(partial && { partial }) }
}

const readSpec = (spec: string): Pick<Section, 'path' | 'what' | 'fields'> => {
  const [, numbers = '', rest = ''] = /^((?:[1-9]\d{0,8}(?:\.|$))*)(.*)$/.exec(spec) ?? []
  const path = numbers.split('.').filter(Boolean).map(Number)
  if (rest === '' && spec.endsWith('.')) fail('the section ends with a dot')
  if (rest === 'HEADER.FIELDS') return { path, what: 'HEADER', fields: { names: [], not: false } }
  if (rest === 'HEADER.FIELDS.NOT') return { path, what: 'HEADER', fields: { names: [], not: true } }
  if (rest === 'MIME' && path.length > 0) return { path, what: rest }
  if (rest === '' || rest === 'HEADER' || rest === 'TEXT') return { path, what: rest }
  return fail('there is no such section')
}

const parseNames = (words: Words): string[] => {
  words.space()
  const names = words.list(() => words.astring())
  return names.length > 0 ? names : fail('a header field was expected')
}

/** `origin` is what the answer repeats of it. */
type Cut = { origin: string; partial?: NonNullable<Section['partial']> }
const whole: Cut = { origin: '' }

const parsePartial = (words: Words): Cut => {
  if (!words.tryChar('<')) return whole
  const from = words.number64()
  words.expect('.')
  const count = words.number64()
  words.expect('>')
  if (count === 0n) fail('no octets were asked for')
  return { origin: `<${from}>`, partial: { from: Number(from), count: Number(count) } }
}

const shown = (name: string): string => (/^[A-Za-z\d-]+$/.test(name) ? name : string(name))
