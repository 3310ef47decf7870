/**
 * Messages as trees, and how THREAD tells them. RFC 5256 §4.
 *
 * A tree node is a message, by its place 0 … n-1, or a *dummy* from n on: a message that is not here and holds several
 * together. Only the top of a tree is ever a dummy, and it is not told: `((3)(5))`.
 */
import { at, PAUSE_STEPS } from './ranks.ts'

/** `first` below a node and `next` to it, -1 where there is none. */
export type Forest = { tops: readonly number[]; first: Int32Array; next: Int32Array; messages: number }

/**
 * Trees whose brothers are in this order, and the trees in that of the first message in each.
 *
 * @param order all messages
 * @param holder what each is right below, -1 at the top
 * @param dummies how many there are
 */
export const planted = (order: Uint32Array, holder: Int32Array, dummies = 0): Forest => {
  const messages = order.length
  const first = new Int32Array(messages + dummies).fill(-1)
  const next = new Int32Array(messages).fill(-1)
  const last = new Int32Array(messages + dummies)
  const tops: number[] = []
  for (const message of order) {
    const above = at(holder, message)
    if (above < 0) {
      tops.push(message)
      continue
    }
    const isFirst = at(first, above) < 0
    if (isFirst) first[above] = message
    else next[at(last, above)] = message
    last[above] = message
    if (isFirst && above >= messages) tops.push(above)
  }
  return { tops, first, next, messages }
}

/**
 * `(3 6 (4 23)(44 7 96))`: an only child follows its parent, several stand in brackets of their own.
 *
 * @param numbers what the client is told, by the place of a message
 */
export function* forestText(
  { tops, first, next, messages }: Forest,
  numbers: readonly number[],
): Generator<void, string> {
  let text = ''
  let pieces: string[] = []
  /** Nodes above whose brothers are still to come, each in brackets. */
  const open: number[] = []
  for (const top of tops) {
    pieces.push('(')
    for (let node: number | undefined = top; node !== undefined; ) {
      const isHere = node < messages
      if (isHere) pieces.push(`${numbers[node]}`)
      if (pieces.length >= PAUSE_STEPS) {
        text += pieces.join('')
        pieces = []
        yield
      }
      const child = at(first, node)
      if (child < 0) {
        pieces.push(')')
        node = brotherOf(open, next, pieces)
      } else if (at(next, child) < 0) {
        pieces.push(' ')
        node = child
      } else {
        pieces.push(isHere ? ' (' : '(')
        open.push(child)
        node = child
      }
    }
  }
  return text + pieces.join('')
}

/** The next of those whose turn it is, with its bracket opened; undefined at the end of the tree, with all closed. */
const brotherOf = (open: number[], next: Int32Array, pieces: string[]): number | undefined => {
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const brother = at(next, node)
    if (brother >= 0) {
      open.push(brother)
      pieces.push('(')
      return brother
    }
    pieces.push(')')
  }
  return undefined
}
