/**
 * Whether a message is what SEARCH looks for. Pure; RFC 3501 §6.4.4.
 *
 * Answers true, false, or undefined for "not from what is known so far": most searches are settled by the flags and
 * numbers at hand, some need the header, few the body. What is to be read is read only for messages still undecided.
 */
import { finder } from '../../../src/mail/find.ts'
import { withSingleBlanks } from '../../../src/mail/fold.ts'
import type { HeaderFacts } from '../../../src/mail/header-facts.ts'
import type { Range } from '../../../store/range.ts'
import type { Hits } from '../../../store/text-index.ts'
import type { Numbered, Row } from '../view/shown.ts'
import { isIn, resolveSet } from '../wire/sequence.ts'
import type { Key } from './key.ts'

/** What is known of a message. Texts are folded for comparison. */
export type Facts = Numbered & { header?: HeaderFacts; bodyText?: string; mimeText?: string; ids?: Ids }

/** `savedAt`: epoch ms. */
export type Ids = { emailId: string; threadId: string; savedAt: number }

export type Match = (facts: Facts) => boolean | undefined

/** `largest`: what `*` means, as a number and as a uid; `saved`: the uids of `$`; `now`: epoch ms. */
export type Setting = {
  largest: { seq: number; uid: number }
  saved: readonly Range[]
  isRecent(row: Row): boolean
  now: number
  /** What the index knows of a key. */
  hits: ReadonlyMap<Key, Hits>
}

export const compile = (key: Key, setting: Setting): Match => {
  const hits = setting.hits.get(key)
  return hits ? byHits(hits, scanning(key, setting)) : scanning(key, setting)
}

/** Every text key in it, or its parts. */
export const textKeys = (key: Key): TextKey[] => {
  if (key.is === 'not') return textKeys(key.key)
  if (key.is === 'and' || key.is === 'or') return key.keys.flatMap(textKeys)
  return key.is === 'header' || key.is === 'body' || key.is === 'text' ? [key] : []
}
export type TextKey = Key & { is: 'header' | 'body' | 'text' }

const byHits =
  ({ upTo, sure, maybe }: Hits, scan: Match): Match =>
  (facts) => {
    const { id } = facts.row
    if (sure.has(id)) return true
    return id <= upTo && !maybe.has(id) ? false : scan(facts)
  }

const scanning = (key: Key, setting: Setting): Match => {
  const { largest, now } = setting
  switch (key.is) {
    case 'all':
      return () => true
    case 'recent':
      return ({ row }) => setting.isRecent(row)
    case 'flag':
      return ({ row }) => (row.flags & key.bit) !== 0
    case 'keyword':
      return ({ row }) => row.keywords !== '' && row.keywords.toLowerCase().split(' ').includes(key.name)
    case 'seq': {
      const ranges = resolveSet(key.ranges, largest.seq)
      return ({ seq }) => isIn(ranges, seq)
    }
    case 'uid': {
      const ranges = resolveSet(key.ranges, largest.uid)
      return ({ row }) => isIn(ranges, row.uid)
    }
    case 'saved':
      return ({ row }) => isIn(setting.saved, row.uid)
    case 'older':
      return ({ row }) => row.internalDate <= now - key.seconds * 1000
    case 'younger':
      return ({ row }) => row.internalDate >= now - key.seconds * 1000
    case 'emailId':
    case 'threadId':
      return ({ ids }) => ids && ids[key.is] === key.id
    case 'modseq':
      return ({ row }) => row.modseq >= key.modseq
    case 'larger':
      return ({ row }) => row.size > key.size
    case 'smaller':
      return ({ row }) => row.size < key.size
    case 'before':
    case 'on':
    case 'since':
      return byDate(key)
    case 'header': {
      const has = finder(key.text)
      return ({ header }) => header?.fields.some(({ name, value }) => name === key.name && has(value))
    }
    case 'body': {
      const has = finder(key.text)
      return ({ bodyText }) => (bodyText === undefined ? undefined : has(bodyText))
    }
    case 'text':
      return inText(key.text)
    case 'filter':
      throw new Error('a filter stands for another search, which was to be put in its place')
    case 'not': {
      const match = compile(key.key, setting)
      return (facts) => {
        const answer = match(facts)
        return answer === undefined ? undefined : !answer
      }
    }
    case 'and':
      return every(key.keys.map((each) => compile(each, setting)))
    case 'or':
      return some(key.keys.map((each) => compile(each, setting)))
  }
}

const DAY_MS = 86_400_000

const byDate = (key: Key & { is: 'before' | 'on' | 'since' }): Match => {
  const compare = {
    before: (day: number) => day < key.day,
    on: (day: number) => day === key.day,
    since: (day: number) => day >= key.day,
  }[key.is]
  if (key.by === 'received') return ({ row }) => compare(Math.floor(row.internalDate / DAY_MS) * DAY_MS)
  if (key.by === 'saved') return ({ ids }) => ids && compare(Math.floor(ids.savedAt / DAY_MS) * DAY_MS)
  return ({ header }) => header && (header.sentDay === undefined ? false : compare(header.sentDay))
}

/** In the headers, those of parts, too, as well as the body; a hit in the header needs no body. */
const inText = (text: string): Match => {
  const [has, headerHas] = [finder(text), finder(withSingleBlanks(text))]
  return ({ header, bodyText, mimeText = '' }) => {
    if (header?.fields.some(({ name, value }) => headerHas(`${name}: ${value}`))) return true
    return bodyText === undefined ? undefined : has(bodyText) || headerHas(mimeText)
  }
}

/** The first that `decides` is the answer; without one it is the other, or open where some are. */
const joined =
  (matches: Match[], decides: boolean): Match =>
  (facts) => {
    let answer: boolean | undefined = !decides
    for (const match of matches) {
      const one = match(facts)
      if (one === decides) return decides
      if (one === undefined) answer = undefined
    }
    return answer
  }
const every = (matches: Match[]): Match => joined(matches, false)
const some = (matches: Match[]): Match => joined(matches, true)
