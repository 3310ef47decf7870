/**
 * What a client wants to know of what was found, and the ESEARCH response that tells it: RFC 4731, RFC 5182 (SAVE),
 * RFC 5267 (ESORT), RFC 7162 §3.1.10 (MODSEQ).
 *
 *   RETURN (MIN MAX COUNT ALL SAVE)     RETURN () is RETURN (ALL)
 */

import type { Numbered } from './view.ts'
import { formatSet, type Range, runsOf } from './wire/sequence.ts'
import { fail, type Words } from './wire/words.ts'

export type Returns = { min: boolean; max: boolean; all: boolean; count: boolean; save: boolean }

/** What IMAP4rev2 tells who asks for nothing. RFC 9051 §6.4.4. */
export const ALL: Returns = { min: false, max: false, all: true, count: false, save: false }

const options: Record<string, keyof Returns> = { MIN: 'min', MAX: 'max', ALL: 'all', COUNT: 'count', SAVE: 'save' }

/** Reads `RETURN (…)` and the blank behind it, if they stand here. */
export const parseReturns = (words: Words): Returns | undefined => {
  if (!words.tryWord('RETURN')) return undefined
  words.space()
  const returns: Returns = { min: false, max: false, all: false, count: false, save: false }
  const names = words.list(() => options[words.keyword()] ?? fail('there is no such return option'))
  for (const name of names) returns[name] = true
  returns.all ||= names.length === 0
  words.space()
  return returns
}

/** What `$` holds from now on. With MIN or MAX and nothing more, it is these two. RFC 5182 §2.4. */
export const savedOf = ({ min, max, all, count }: Returns, uids: readonly number[]): Range[] => {
  const isWhole = all || count || (!min && !max)
  const kept = isWhole ? [...uids] : uids.filter((_, i) => (min && i === 0) || (max && i === uids.length - 1))
  return runsOf(kept.sort((a, b) => a - b))
}

/**
 * The highest modseq of what is told, for a search that asked for MODSEQ; undefined if nothing was found.
 *
 * @param found in the order of the answer
 */
export const modseqOf = (returns: Returns | undefined, found: readonly Numbered[]): number | undefined => {
  const { min = false, max = false, all = true, count = false } = returns ?? {}
  const isWhole = all || count || (!min && !max)
  const told = isWhole ? found : found.filter((_, i) => (min && i === 0) || (max && i === found.length - 1))
  return told.length === 0 ? undefined : told.reduce((highest, { row }) => Math.max(highest, row.modseq), 0)
}

/** @param found in the order of the answer; `isUid`: of uids. @returns undefined where only SAVE was asked for */
export const esearchLine = (
  tag: string,
  returns: Returns,
  found: readonly number[],
  isUid: boolean,
  modseq?: number,
): string | undefined => {
  const { min, max, all, count } = returns
  if (!min && !max && !all && !count) return undefined
  const line = [`* ESEARCH (TAG "${tag}")`]
  if (isUid) line.push('UID')
  const [first] = found
  if (first !== undefined) {
    if (min) line.push(`MIN ${first}`)
    if (max) line.push(`MAX ${found.at(-1)}`)
    if (all) line.push(`ALL ${formatSet(found)}`)
  }
  if (count) line.push(`COUNT ${found.length}`)
  if (modseq !== undefined) line.push(`MODSEQ ${modseq}`)
  return line.join(' ')
}
