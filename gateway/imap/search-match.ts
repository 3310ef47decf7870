/**
 * Whether a message is what SEARCH looks for. Pure; RFC 3501 §6.4.4.
 *
 * Answers true, false, or undefined for "not from what is known so far": most searches are settled by the flags and
 * numbers at hand, some need the header, few the body. What is to be read is read only for messages still undecided.
 */
import { fold } from '../../src/mail/fold.ts'
import { parseHeader, unfold } from '../../src/mail/header.ts'
import { decodeText } from '../../src/mail/words.ts'
import type { Key } from './search-key.ts'
import type { Numbered } from './view.ts'
import { isIn, type Range, resolveSet } from './wire/sequence.ts'

/** What is known of a message. Texts are folded for comparison. */
export type Facts = Numbered & { header?: HeaderFacts; bodyText?: string; ids?: Ids }

/** `savedAt`: epoch ms. */
export type Ids = { emailId: string; threadId: string; savedAt: number }

export type HeaderFacts = {
  /** In order, names lower-case, values decoded. */
  fields: { name: string; value: string }[]
  /** Epoch ms of the day the Date field names, in its own zone. */
  sentDay: number | undefined
}

export type Match = (facts: Facts) => boolean | undefined

/** `largest`: what `*` means, as a number and as a uid; `saved`: the uids of `$`; `now`: epoch ms. */
export type Setting = { largest: { seq: number; uid: number }; saved: readonly Range[]; now: number }

export const compile = (key: Key, setting: Setting): Match => {
  const { largest, now } = setting
  switch (key.is) {
    case 'all':
      return () => true
    case 'recent':
      return ({ row }) => row.isRecent
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
    case 'header':
      return ({ header }) => header?.fields.some(({ name, value }) => name === key.name && value.includes(key.text))
    case 'body':
      return ({ bodyText }) => bodyText?.includes(key.text)
    case 'text':
      return inText(key.text)
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

/** What the header of a message says, ready to be compared. */
export const headerFacts = (header: Buffer): HeaderFacts => {
  const raw = parseHeader(header).fields.map(([name, value]) => ({ name: name.toLowerCase(), value: unfold(value) }))
  const date = raw.find(({ name }) => name === 'date')?.value
  return {
    fields: raw.map(({ name, value }) => ({ name, value: fold(decodeText(value)) })),
    sentDay: date === undefined ? undefined : dayNamed(date),
  }
}

const DAY_MS = 86_400_000
const MONTHS = 'janfebmaraprmayjunjulaugsepoctnovdec'

/** `Tue, 1 Jul 2003 23:52:37 -0800` is the 1st of July, whatever day that was in Greenwich. */
const dayNamed = (date: string): number | undefined => {
  const [, day, month = '', year] = /(\d{1,2})[\s-]+([A-Za-z]{3})[a-z]*[\s-]+(\d{4})/.exec(date.slice(0, 200)) ?? []
  const at = MONTHS.indexOf(month.toLowerCase())
  return day === undefined || at % 3 !== 0 ? undefined : Date.UTC(Number(year), at / 3, Number(day))
}

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

/** In the header as well as the body; a hit in the header needs no body. */
const inText =
  (text: string): Match =>
  ({ header, bodyText }) => {
    if (header?.fields.some(({ name, value }) => `${name}: ${value}`.includes(text))) return true
    return bodyText === undefined ? undefined : bodyText.includes(text)
  }

const every =
  (matches: Match[]): Match =>
  (facts) => {
    let answer: boolean | undefined = true
    for (const match of matches) {
      const one = match(facts)
      if (one === false) return false
      if (one === undefined) answer = undefined
    }
    return answer
  }

const some =
  (matches: Match[]): Match =>
  (facts) => {
    let answer: boolean | undefined = false
    for (const match of matches) {
      const one = match(facts)
      if (one === true) return true
      if (one === undefined) answer = undefined
    }
    return answer
  }
