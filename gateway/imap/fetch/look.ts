/**
 * What is remembered of messages, as FETCH needs it, a page at a time: each is read while those before are told. Of most
 * messages that is a few hundred bytes, of one with thousands of parts it is megabytes: a page of such is read in parts.
 */
import type { Edge } from '../edge.ts'
import { slicing } from '../slices.ts'
import { idsOf, type Numbered } from '../view/shown.ts'
import type { Item } from './item.ts'
import { fixedText, isFixed, isLive, nameOf } from './item-text.ts'
import { partsOf, type Remembered, remember } from './remembered.ts'

/**
 * `known` is by message id; undefined where nothing had to be read. `texts` are those of the fixed items, by the
 * item and then by the message; undefined where other things are asked, too.
 */
export type Page = {
  known: ReadonlyMap<number, Remembered> | undefined
  texts: readonly ((string | undefined)[] | undefined)[] | undefined
}

type Sources = Pick<Edge, 'store' | 'lately'>

const PAGE = 500

/** Of all messages, in their order: no more of a page than can be in memory at once. */
export async function* lookedAt(
  edge: Sources,
  messages: readonly Numbered[],
  items: readonly Item[],
): AsyncGenerator<{ page: readonly Numbered[]; looked: Page }> {
  const readAhead = (from: number) => {
    const reading = look(edge, messages.slice(from, from + PAGE), items)
    reading.catch(() => {}) // should something fail before, nobody awaits it
    return reading
  }
  const pause = slicing() // what is at hand is not waited for
  let [next, afterNext] = [readAhead(0), readAhead(PAGE)]
  for (let at = 0; at < messages.length; at += PAGE) {
    const looked = await next
    await pause()
    // The database reads on while this page is told.
    next = afterNext
    afterNext = readAhead(at + 2 * PAGE)
    if (!Array.isArray(looked)) yield { page: messages.slice(at, at + PAGE), looked }
    else
      for (const part of looked)
        yield { page: part, looked: { known: await remember(edge.store.db, part, items), texts: undefined } }
  }
}

/** @returns its parts, if it is too much to be in memory at once */
const look = async (
  { store: { db }, lately }: Sources,
  messages: readonly Numbered[],
  items: readonly Item[],
): Promise<Page | (readonly Numbered[])[]> => {
  if (messages.length === 0) return { known: undefined, texts: undefined } // behind the last page
  if (!items.every((item) => isLive(item) || isFixed(item))) {
    const parts = await partsOf(db, messages, items)
    return parts.length > 1 ? parts : { known: await remember(db, messages, items), texts: undefined }
  }
  if (!items.some(isFixed)) return { known: undefined, texts: [] }
  const ids = idsOf(messages)
  const texts = items.map((item) => (isFixed(item) ? lately.of(nameOf(item), ids) : undefined))
  const lacking = messages.filter((_, n) => texts.some((each) => each && each[n] === undefined))
  if (lacking.length === 0) return { known: undefined, texts }
  if ((await partsOf(db, lacking, items)).length > 1) return partsOf(db, messages, items)
  const known = await remember(db, lacking, items)
  for (const [i, item] of items.entries()) {
    const each = texts[i]
    if (!each || !isFixed(item)) continue
    for (const [n, { row }] of messages.entries()) {
      const one = each[n] === undefined ? known?.get(row.id) : undefined
      const text = one && fixedText(item, row, one)
      if (text !== undefined) each[n] = lately.keep(nameOf(item), row.id, text)
    }
  }
  return { known, texts }
}
