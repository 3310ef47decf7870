/**
 * What a client wants to know of what was found, and the ESEARCH response that tells it: RFC 4731, RFC 5182 (SAVE),
 * RFC 5267 (ESORT, CONTEXT), RFC 5465 §7 (what of new messages), RFC 7162 §3.1.10 (MODSEQ), RFC 7377 (of which
 * mailbox), RFC 9394 (PARTIAL).
 *
 *   RETURN (MIN MAX COUNT ALL PARTIAL 1:100 SAVE CONTEXT UPDATE (FLAGS))     RETURN () is RETURN (ALL)
 */

import { type Range, runsOf } from '../../../store/range.ts'
import { type Item, parseItems } from '../fetch/item.ts'
import { type Numbered, uidsOf } from '../view/shown.ts'
import { type Page, pageOf, parsePage } from '../wire/partial.ts'
import { formatSet } from '../wire/sequence.ts'
import { fail, type Words } from '../wire/words.ts'

/** `update`: what is to be fetched of messages that are added. */
export type Returns = Record<Option, boolean> & { page?: Page; update?: readonly Item[] }
type Option = 'min' | 'max' | 'all' | 'count' | 'save'

/** What IMAP4rev2 tells who asks for nothing. RFC 9051 §6.4.4. */
export const ALL: Returns = { min: false, max: false, all: true, count: false, save: false }

const options: Record<string, Option> = { MIN: 'min', MAX: 'max', ALL: 'all', COUNT: 'count', SAVE: 'save' }

/** Reads `RETURN (…)` and the blank behind it, if they stand here. */
export const parseReturns = (words: Words): Returns | undefined => {
  if (!words.tryWord('RETURN')) return undefined
  words.space()
  const returns: Returns = { ...ALL, all: false }
  words.list(() => parseReturn(words, returns))
  if (returns.all && returns.page) fail('it is either ALL or PARTIAL') // RFC 9394 §3.1
  const { min, max, all, count, save, page, update } = returns
  returns.all = all || !(min || max || count || save || page || update)
  words.space()
  return returns
}

const parseReturn = (words: Words, returns: Returns): void => {
  const name = words.keyword()
  switch (name) {
    case 'PARTIAL':
      if (returns.page) fail('there is one PARTIAL at most')
      returns.page = parsePage(words)
      return
    case 'UPDATE':
      returns.update = words.peek(1) === '(' && words.trySpace() ? parseItems(words) : []
      return
    case 'CONTEXT':
      return // a hint that the like will be asked again
    default:
      returns[options[name] ?? fail('there is no such return option')] = true
  }
}

/**
 * Those of what was found that the client hears of: with MIN, MAX or PARTIAL and nothing more, it is these; else all
 * are meant. RFC 5182 §2.4, RFC 9394 §3.2.
 */
const toldOf = <T>({ min, max, all, count, page }: Returns, found: readonly T[]): readonly T[] => {
  if (all || count || !(min || max || page)) return found
  const paged = new Set(page ? pageOf(page, found) : [])
  return found.filter((each, i) => (min && i === 0) || (max && i === found.length - 1) || paged.has(each))
}

/** What `$` holds from now on. */
export const savedOf = (returns: Returns, found: readonly Numbered[]): Range[] =>
  runsOf(uidsOf(toldOf(returns, found)).sort((a, b) => a - b))

/** The highest modseq of what is told, for a search that asked for MODSEQ; undefined if nothing was found. */
export const modseqOf = (returns: Returns, found: readonly Numbered[]): number | undefined => {
  const told = toldOf(returns, found)
  return told.length === 0 ? undefined : told.reduce((highest, { row }) => Math.max(highest, row.modseq), 0)
}

/** `about`: what stands in the brackets, the tag at least. `found` are numbers, or uids, in the order of the answer. */
export type Answer = { about: string; isUid: boolean; found: readonly number[]; modseq: number | undefined }

/** @returns undefined where only SAVE was asked for; who asks for UPDATE alone is told that there was a search */
export const esearchLine = (returns: Returns, answer: Answer): string | undefined => {
  const { min, max, all, count, page, update, save } = returns
  if (!min && !max && !all && !count && !page && (save || !update)) return undefined
  const { about, isUid, found, modseq } = answer
  const line = [`* ESEARCH (${about})`]
  if (isUid) line.push('UID')
  const [first] = found
  if (first !== undefined) {
    if (min) line.push(`MIN ${first}`)
    if (max) line.push(`MAX ${found.at(-1)}`)
    if (all) line.push(`ALL ${formatSet(found)}`)
  }
  if (page) line.push(`PARTIAL (${page.label} ${formatSet(pageOf(page, found)) || 'NIL'})`)
  if (count) line.push(`COUNT ${found.length}`)
  if (modseq !== undefined) line.push(`MODSEQ ${modseq}`)
  return line.join(' ')
}
