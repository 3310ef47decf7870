/**
 * What GETMETADATA and SETMETADATA say. RFC 5464 §5.
 *
 * getmetadata = "GETMETADATA" [SP options] SP mailbox [SP options] SP entries
 * options = "(" option *(SP option) ")"; the grammar has them before the mailbox, the examples of the RFC after it
 * option = "MAXSIZE" SP number / "DEPTH" SP ("0" / "1" / "infinity")
 * entries = entry / "(" entry *(SP entry) ")"
 * setmetadata = "SETMETADATA" SP mailbox SP "(" entry SP value *(SP entry SP value) ")"
 * value = string / literal8 / "NIL"
 */
import { fail, type Words } from '../wire/words.ts'

/** `entries` are there once each. `depth` is how many levels below each entry are meant as well: 0, 1 or Infinity. `maxSize` in octets. */
export type Getting = { mailbox: string; entries: string[]; depth: number; maxSize: number }
/** `mailbox` is empty for what is noted of the account itself. */
export type Setting = { mailbox: string; entries: Map<string, Buffer | null> }

/** A path in ASCII without wildcards, empty levels and controls, in any case: kept in small letters. RFC 5464 §3.2.1. */
const ENTRY = /^\/(private|shared)(\/[ -$&-)+-.0-~]+)*$/
/** No registered name has more than 40 octets; vendors put an identifier or two into theirs. */
const NAME_MAX = 255

export const parseGetting = (words: Words): Getting => {
  const args: Getting = { mailbox: '', entries: [], depth: 0, maxSize: Number.POSITIVE_INFINITY }
  words.space()
  const isOptionFirst = words.peek() === '('
  if (isOptionFirst) parseOptions(words, args)
  args.mailbox = words.mailbox()
  words.space()
  if (!isOptionFirst && words.peek() === '(' && /[A-Z]/i.test(words.peek(1) ?? '')) parseOptions(words, args)
  args.entries = words.peek() === '(' ? parseEntries(words) : [parseEntry(words)]
  words.end()
  return args
}

/** `(/private/comment /shared/comment)`, each once. */
export const parseEntries = (words: Words): string[] => {
  const entries = words.list(() => parseEntry(words))
  return entries.length > 0 ? [...new Set(entries)] : fail('an entry was expected')
}

export const parseSetting = (words: Words): Setting => {
  words.space()
  const mailbox = words.mailbox()
  words.space()
  const entries = new Map(
    words.list((): [string, Buffer | null] => {
      const name = parseEntry(words)
      if (name.lastIndexOf('/') === 0) fail('an entry has a name below /private or /shared')
      words.space()
      return [name, words.value()]
    }),
  )
  if (entries.size === 0) fail('an entry was expected')
  words.end()
  return { mailbox, entries }
}

const parseOptions = (words: Words, args: Getting): void => {
  const count = words.list(() => {
    const option = words.keyword()
    words.space()
    if (option === 'MAXSIZE') args.maxSize = words.number()
    else if (option === 'DEPTH') args.depth = depths[words.keyword()] ?? fail('the depth is 0, 1 or infinity')
    else fail('there is no such option')
  }).length
  if (count === 0) fail('an option was expected')
  words.space()
}

const depths: Record<string, number | undefined> = { 0: 0, 1: 1, INFINITY: Number.POSITIVE_INFINITY }

const parseEntry = (words: Words): string => {
  const name = words.astring().toLowerCase()
  if (name.length > NAME_MAX) fail('the name of an entry is too long')
  return ENTRY.test(name) ? name : fail('an entry is a path below /private or /shared')
}
