/**
 * What a LIST asks for. RFC 5258 §6, with SPECIAL-USE (RFC 6154), STATUS (RFC 5819), MYRIGHTS (RFC 8440) and
 * METADATA (RFC 9590).
 *
 * list = "LIST" [SP "(" [option *(SP option)] ")"] SP mailbox SP patterns [SP "RETURN" SP "(" [return *(SP return)] ")"]
 * patterns = pattern / "(" pattern *(SP pattern) ")"
 * option = "SUBSCRIBED" / "REMOTE" / "RECURSIVEMATCH" / "SPECIAL-USE"
 * return = "SUBSCRIBED" / "CHILDREN" / "SPECIAL-USE" / "MYRIGHTS" / "STATUS" SP "(" item *(SP item) ")"
 *          / "METADATA" SP "(" entry *(SP entry) ")"
 */

import { fail, type Words } from '../wire/words.ts'
import type { Selection } from './listing.ts'
import { parseEntries } from './metadata-args.ts'
import { parseStatusItems } from './status-item.ts'

export type Returns = {
  subscribed: boolean
  rights: boolean
  /** Items of STATUS; none: no STATUS. */
  status: string[]
  /** Names of what is noted; none: no METADATA. */
  entries: string[]
}

export type ListArgs = {
  reference: string
  patterns: string[]
  selection: Selection
  returns: Returns
  /** Any of what RFC 5258 added was used: then an empty pattern is one like any other. */
  isExtended: boolean
}

/** Each pattern is tried on each name; clients ask for a handful. */
const PATTERNS_MAX = 100

export const parseList = (words: Words): ListArgs => {
  words.space()
  const opens = words.peek() === '('
  const selection = opens ? parseSelection(words) : { subscribed: false, special: false, recursive: false }
  if (opens) words.space()
  const reference = words.mailbox()
  words.space()
  const isMany = words.peek() === '('
  const patterns = isMany ? words.list(() => words.listMailbox()) : [words.listMailbox()]
  if (patterns.length === 0 || patterns.length > PATTERNS_MAX) fail(`give 1 to ${PATTERNS_MAX} patterns`)
  const hasReturn = words.trySpace()
  const returns = hasReturn ? parseReturns(words) : noReturns()
  words.end()
  return { reference, patterns, selection, returns, isExtended: opens || isMany || hasReturn }
}

const parseSelection = (words: Words): Selection => {
  const given = words.list(() => words.keyword())
  if (!given.every((option) => selections.includes(option))) fail('there is no such option')
  const [subscribed, special] = [given.includes('SUBSCRIBED'), given.includes('SPECIAL-USE')]
  const recursive = given.includes('RECURSIVEMATCH')
  if (recursive && !subscribed && !special) fail('RECURSIVEMATCH needs something to match')
  return { subscribed, special, recursive }
}

const selections = ['SUBSCRIBED', 'REMOTE', 'RECURSIVEMATCH', 'SPECIAL-USE']

const noReturns = (): Returns => ({ subscribed: false, rights: false, status: [], entries: [] })

const parseReturns = (words: Words): Returns => {
  if (words.keyword() !== 'RETURN') fail('RETURN was expected')
  words.space()
  const returns = noReturns()
  words.list(() => parseReturn(words, returns))
  return returns
}

const parseReturn = (words: Words, returns: Returns): void => {
  switch (words.keyword()) {
    case 'CHILDREN':
    case 'SPECIAL-USE':
      return // told always
    case 'SUBSCRIBED':
      returns.subscribed = true
      return
    case 'MYRIGHTS':
      returns.rights = true
      return
    case 'STATUS':
      words.space()
      returns.status = parseStatusItems(words)
      return
    case 'METADATA':
      words.space()
      returns.entries = parseEntries(words)
      return
    default:
      fail('there is no such option')
  }
}
