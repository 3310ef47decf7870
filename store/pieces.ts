/**
 * Work on very many messages, done in pieces with a transaction each: others' writes have their turn in between, and no
 * more than a piece is in memory at once.
 */

/** A piece takes some 50 ms. */
export const PIECE = 5000

/** The items in their order; no items are one piece, too. */
export function* pieces<T>(items: readonly T[], size = PIECE): Generator<readonly T[]> {
  let at = 0
  do {
    yield items.length <= size ? items : items.slice(at, at + size)
    at += size
  } while (at < items.length)
}
