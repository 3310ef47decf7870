/**
 * A page of what was found. RFC 9394 §3.
 * partial-range = nz-number ":" nz-number / "-" nz-number ":" "-" nz-number     the last one is -1
 */
import { fail, type Words } from './words.ts'

/** Both ends are of it, `from` the lower; `label` is what the client said. */
export type Page = { from: number; to: number; isFromEnd: boolean; label: string }

const RANGE = /^(-?)([1-9]\d{0,9}):(-?)([1-9]\d{0,9})$/
const LARGEST = 0xffffffff

/** Reads what follows PARTIAL, with the blank before it. */
export const parsePage = (words: Words): Page => {
  words.space()
  const label = words.atom()
  const [, minus, one, otherMinus, other] = RANGE.exec(label) ?? []
  const ends = [Number(one), Number(other)].sort((a, b) => a - b)
  const [from = 0, to = 0] = ends
  if (minus !== otherMinus || !(to <= LARGEST)) fail('a range like 1:100 or -1:-100 was expected')
  return { from, to, isFromEnd: minus === '-', label }
}

export const pageOf = <T>({ from, to, isFromEnd }: Page, all: readonly T[]): T[] =>
  isFromEnd ? all.slice(Math.max(0, all.length - to), Math.max(0, all.length - from + 1)) : all.slice(from - 1, to)
