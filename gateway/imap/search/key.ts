/**
 * What SEARCH may look for. RFC 3501 §6.4.4.
 *
 * Keys side by side are all to hold. Texts come in the charset the client names and are folded for comparison as
 * they are read (`fold`), so that what follows compares like with like.
 */
import { fold, withSingleBlanks } from '../../../src/mail/fold.ts'
import { flag } from '../../../store/change.ts'
import type { Range } from '../../../store/range.ts'
import { SAVED } from '../wire/sequence.ts'
import { fail, type Words } from '../wire/words.ts'

export type Key =
  | { is: 'all' }
  | { is: 'recent' }
  | { is: 'flag'; bit: number }
  /** Lower-case. */
  | { is: 'keyword'; name: string }
  | { is: 'seq' | 'uid'; ranges: Range[] }
  | { is: 'saved' }
  | { is: 'larger' | 'smaller'; size: number }
  /** RFC 8474 §6: what FETCH tells by these names. */
  | { is: 'emailId' | 'threadId'; id: string }
  /** Changed at this modseq or later. RFC 7162 §3.1.5. */
  | { is: 'modseq'; modseq: number }
  /** Received longer ago than so many seconds, or at most so long ago. RFC 5032. */
  | { is: 'older' | 'younger'; seconds: number }
  /** `day`: epoch ms of its start, as if in UTC; times and zones are disregarded. `by` is the date received, sent, or put here (RFC 8514). */
  | { is: 'before' | 'on' | 'since'; by: 'received' | 'sent' | 'saved'; day: number }
  /** `name` lower-case; an empty text asks for the field alone. */
  | { is: 'header'; name: string; text: string }
  | { is: 'body' | 'text'; text: string }
  /** Another search, noted under this name (filter.ts). RFC 5466. */
  | { is: 'filter'; name: string }
  | { is: 'not'; key: Key }
  | { is: 'or' | 'and'; keys: Key[] }

/** Brackets, NOT and OR within each other, an OR that is the second key of another aside. */
const DEPTH_MAX = 50
export const KEYS_MAX = 2000

/** Reads keys to the end of the command. `decode` turns a string's octets into text. */
export const parseKeys = (words: Words, decode: (octets: string) => string): Key => {
  const parser = new Parser(words, decode)
  const keys = [parser.key(0)]
  while (words.trySpace()) keys.push(parser.key(0))
  words.end()
  return all(keys)
}

class Parser {
  private readonly words: Words
  private readonly decode: (octets: string) => string
  private count = 0

  constructor(words: Words, decode: (octets: string) => string) {
    this.words = words
    this.decode = decode
  }

  key(depth: number): Key {
    const { words } = this
    if (depth > DEPTH_MAX || ++this.count > KEYS_MAX) fail('the search is too complicated')
    const next = words.peek() ?? ''
    if (next === '(') {
      const keys = words.list(() => this.key(depth + 1))
      return keys.length > 0 ? all(keys) : fail('a search key was expected')
    }
    if (/[\d*$]/.test(next)) return numbers('seq', words)
    const name = words.keyword()
    return flagKeys.get(name) ?? this.keyWithArgument(name, depth)
  }

  private keyWithArgument(name: string, depth: number): Key {
    const { words } = this
    const dated = dateKeys.get(name)
    if (!dated && !argumentKeys.has(name)) return fail('there is no such search key')
    words.space()
    if (dated) return { ...dated, day: words.date() }
    switch (name) {
      case 'NOT':
        return not(this.key(depth + 1))
      case 'OR': {
        // Of many, each OR is the second key of the one before it: it is one level.
        const keys = [this.key(depth + 1)]
        for (words.space(); words.tryWord('OR'); words.space()) {
          words.space()
          keys.push(this.key(depth + 1))
        }
        return { is: 'or', keys: [...keys, this.key(depth + 1)] }
      }
      case 'UID':
        return numbers('uid', words)
      case 'KEYWORD':
        return { is: 'keyword', name: words.atom().toLowerCase() }
      case 'UNKEYWORD':
        return not({ is: 'keyword', name: words.atom().toLowerCase() })
      case 'OLDER':
        return { is: 'older', seconds: interval(words) }
      case 'YOUNGER':
        return { is: 'younger', seconds: interval(words) }
      case 'FILTER':
        return { is: 'filter', name: filterName(words) }
      case 'EMAILID':
        return { is: 'emailId', id: words.atom() }
      case 'THREADID':
        return { is: 'threadId', id: words.atom() }
      case 'MODSEQ':
        return { is: 'modseq', modseq: modseq(words) }
      case 'LARGER':
        return { is: 'larger', size: Number(words.number64()) }
      case 'SMALLER':
        return { is: 'smaller', size: Number(words.number64()) }
      case 'HEADER': {
        const field = words.astring().toLowerCase()
        words.space()
        return { is: 'header', name: field, text: withSingleBlanks(this.text()) }
      }
      case 'BODY':
        return { is: 'body', text: this.text() }
      case 'TEXT':
        return { is: 'text', text: this.text() }
      default:
        return { is: 'header', name: name.toLowerCase(), text: withSingleBlanks(this.text()) } // BCC, CC, FROM, SUBJECT, TO
    }
  }

  private text(): string {
    return fold(this.decode(this.words.astring()))
  }
}

/** RFC 5466 §4: 1*<any ATOM-CHAR except "/">. */
const filterName = (words: Words): string => {
  const name = words.atom()
  return /[/\]]/.test(name) ? fail('there is no such filter') : name
}

const numbers = (is: 'seq' | 'uid', words: Words): Key => {
  const ranges = words.sequenceSet()
  return ranges === SAVED ? { is: 'saved' } : { is, ranges }
}

/** RFC 5032 §3: nz-number. */
const interval = (words: Words): number => words.number() || fail('a number of seconds was expected')

const all = (keys: Key[]): Key => (keys.length === 1 && keys[0] ? keys[0] : { is: 'and', keys })
const not = (key: Key): Key => ({ is: 'not', key })
const has = (bit: number): Key => ({ is: 'flag', bit })
const recent: Key = { is: 'recent' }

const flagKeys = new Map<string, Key>([
  ['ALL', { is: 'all' }],
  ['SAVEDATESUPPORTED', { is: 'all' }], // it is, in every mailbox: RFC 8514 §4.4
  ['ANSWERED', has(flag.answered)],
  ['UNANSWERED', not(has(flag.answered))],
  ['DELETED', has(flag.deleted)],
  ['UNDELETED', not(has(flag.deleted))],
  ['DRAFT', has(flag.draft)],
  ['UNDRAFT', not(has(flag.draft))],
  ['FLAGGED', has(flag.flagged)],
  ['UNFLAGGED', not(has(flag.flagged))],
  ['SEEN', has(flag.seen)],
  ['UNSEEN', not(has(flag.seen))],
  ['RECENT', recent],
  ['OLD', not(recent)],
  ['NEW', { is: 'and', keys: [recent, not(has(flag.seen))] }],
])

const dateKeys = new Map<string, { is: 'before' | 'on' | 'since'; by: 'received' | 'sent' | 'saved' }>([
  ['BEFORE', { is: 'before', by: 'received' }],
  ['ON', { is: 'on', by: 'received' }],
  ['SINCE', { is: 'since', by: 'received' }],
  ['SENTBEFORE', { is: 'before', by: 'sent' }],
  ['SENTON', { is: 'on', by: 'sent' }],
  ['SENTSINCE', { is: 'since', by: 'sent' }],
  ['SAVEDBEFORE', { is: 'before', by: 'saved' }],
  ['SAVEDON', { is: 'on', by: 'saved' }],
  ['SAVEDSINCE', { is: 'since', by: 'saved' }],
])

/** A flag may be named whose own modseq is meant; here a message has one for all. RFC 7162 §3.1.5. */
const modseq = (words: Words): number => {
  if (words.peek() === '"') {
    if (!/^\/flags\/\S+$/i.test(words.string())) fail('a flag was expected')
    words.space()
    if (!['PRIV', 'SHARED', 'ALL'].includes(words.keyword())) fail('priv, shared or all was expected')
    words.space()
  }
  return words.modseq()
}

/** Whether MODSEQ is asked for anywhere in it. */
export const asksModseq = (key: Key): boolean => someOf(key, ({ is }) => is === 'modseq')

/** Whether other searches stand in it. */
export const asksFilters = (key: Key): boolean => someOf(key, ({ is }) => is === 'filter')

/** Whether a message is meant by its number. */
export const asksNumbers = (key: Key): boolean => someOf(key, ({ is }) => is === 'seq')

/** Whether only messages that nobody has read can be meant. */
export const asksUnseen = (key: Key): boolean =>
  key.is === 'and' ? key.keys.some(asksUnseen) : key.is === 'not' && key.key.is === 'flag' && key.key.bit === flag.seen

/** Whether what was found may change with flags. */
export const asksFlags = (key: Key): boolean =>
  someOf(key, ({ is }) => is === 'flag' || is === 'keyword' || is === 'modseq')

/** Whether what was found changes with time alone. */
export const asksAge = (key: Key): boolean => someOf(key, ({ is }) => is === 'older' || is === 'younger')

/** Whether headers may have to be read for it. */
export const asksHeader = (key: Key): boolean =>
  someOf(key, (each) => each.is === 'header' || each.is === 'text' || ('by' in each && each.by === 'sent'))

/** Whether it asks for what is remembered beside the header. */
export const asksRemembered = (key: Key): boolean =>
  someOf(key, (each) => each.is === 'emailId' || each.is === 'threadId' || ('by' in each && each.by === 'saved'))

const someOf = (key: Key, is: (key: Key) => boolean): boolean => {
  if (key.is === 'not') return someOf(key.key, is)
  if (key.is === 'and' || key.is === 'or') return key.keys.some((each) => someOf(each, is))
  return is(key)
}

/** How many keys it is made of. */
export const countKeys = (key: Key): number => {
  if (key.is === 'not') return 1 + countKeys(key.key)
  return key.is === 'and' || key.is === 'or' ? key.keys.reduce((sum, each) => sum + countKeys(each), 1) : 1
}

/** The key with others put in for some of its parts. */
export const replaced = (key: Key, by: (key: Key) => Key): Key => {
  if (key.is === 'not') return not(replaced(key.key, by))
  if (key.is === 'and' || key.is === 'or') return { ...key, keys: key.keys.map((each) => replaced(each, by)) }
  return by(key)
}

const argumentKeys: ReadonlySet<string> = new Set([
  ...['NOT', 'OR', 'UID', 'KEYWORD', 'UNKEYWORD', 'LARGER', 'SMALLER', 'OLDER', 'YOUNGER', 'HEADER', 'BODY', 'TEXT'],
  ...['FILTER', 'EMAILID', 'THREADID', 'MODSEQ', 'BCC', 'CC', 'FROM', 'SUBJECT', 'TO'],
])
