/**
 * Searches kept under a name: FILTER. RFC 5466.
 *
 * A filter is what is noted of the account under /private/filters/values/NAME, or if there is none, /shared/…: search
 * keys, texts in UTF-8. One may name others; whichever names itself, or grows beyond what a search may have, is as if
 * it were not there (§3.1).
 */
import { TextDecoder } from 'node:util'
import { annotations } from '../../../store/annotation.ts'
import type { Session } from '../command.ts'
import { Declined, no } from '../reply.ts'
import type { Piece } from '../wire/reader.ts'
import { Malformed, Words } from '../wire/words.ts'
import type { Looked } from './answer.ts'
import { asksFilters, countKeys, KEYS_MAX, type Key, parseKeys, replaced } from './key.ts'

const FOLDERS = ['/private/filters/values/', '/shared/filters/values/']

/**
 * What is to be looked for. A search that is to be saved and is answered with NO leaves nothing in `$`. RFC 5182 §2.1.
 *
 * @throws Declined
 */
export const keyOf = async (session: Session, { key, returns }: Looked): Promise<Key> => {
  try {
    if ('status' in key) throw new Declined(key)
    return await withFilters(session, key)
  } catch (error) {
    const isNo = error instanceof Declined && error.reply.status === 'NO'
    if (isNo && returns?.save && session.selected) session.selected.saved = []
    throw error
  }
}

/** The key with what its filters stand for in their place. */
const withFilters = async ({ edge, user }: Session, key: Key): Promise<Key> => {
  if (!asksFilters(key)) return key
  const noted = await annotations(edge.store.db, user.id, null)
  let room = KEYS_MAX
  const put = (outer: Key, within: readonly string[]): Key =>
    replaced(outer, (part) => {
      if (part.is !== 'filter') return part
      const name = part.name.toLowerCase() // as names of what is noted are
      const value = FOLDERS.map((folder) => noted.get(folder + name)).find(Boolean)
      const inner = within.includes(name) ? undefined : value && filterKey(value)
      room -= inner ? countKeys(inner) : 0
      if (!inner || room < 0) throw new Declined(no(`UNDEFINED-FILTER ${part.name}`, 'There is no such filter'))
      return put(inner, [...within, name])
    })
  return put(key, [])
}

/** Whether an entry of the account is a filter, and its value nothing to search for. */
export const isBadFilter = (entry: string, value: Buffer | null): boolean =>
  value !== null && FOLDERS.some((folder) => entry.startsWith(folder)) && !filterKey(value)

const filterKey = (value: Buffer): Key | undefined => {
  const decoder = new TextDecoder()
  try {
    return parseKeys(new Words(piecesOf(value)), (octets) => decoder.decode(Buffer.from(octets, 'latin1')))
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

/** A literal stands in it as in a command. */
const piecesOf = (value: Buffer): Piece[] => {
  const pieces: Piece[] = []
  let rest = value.toString('latin1')
  for (;;) {
    const found = /\{(\d{1,5})\+?\}\r\n/.exec(rest)
    const start = found ? found.index + found[0].length : 0
    const end = start + Number(found?.[1] ?? 0)
    if (!found || end > rest.length) return [...pieces, { text: rest }]
    pieces.push({ text: rest.slice(0, found.index) }, { literal: Buffer.from(rest.slice(start, end), 'latin1') })
    rest = rest.slice(end)
  }
}
