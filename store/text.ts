/**
 * Messages as the texts SEARCH looks into, folded for comparing (src/mail/fold.ts): read a page at a time, for the
 * search that scans and for the index (text-index.ts), so that both mean the same.
 */
import { fold } from '../src/mail/fold.ts'
import { bodyText, partText, textParts } from '../src/mail/text.ts'
import type { Part } from '../src/mail/walk.ts'
import { cached } from './cached.ts'
import type { Source } from './db.ts'
import { content } from './message.ts'

export type Sized = { id: number; size: number }

/** Larger messages are read part by part, their text parts up to this, and no more of them than TEXTS_MAX in all. */
const READ_MAX = 1 << 20
/** Nobody writes so much; whoever sends it must not fill the memory. */
const TEXTS_MAX = 8 << 20

/**
 * The texts below the headers of messages, folded.
 *
 * @param page a few hundred kB of them: all are in memory at once
 * @returns by id; those that are gone are left out
 */
export const bodyTexts = async (from: Source, page: readonly Sized[]): Promise<Map<number, string>> => {
  const ids = page.map(({ id }) => id)
  const whole = await wholeBodies(from, ids)
  const texts = new Map<number, string>()
  const sizes = new Map(page.map(({ id, size }) => [id, size]))
  for (const { id, root } of await cached(from, ids, ['root'])) {
    const bytes = whole.get(id)
    const text = bytes ? bodyText(root, bytes) : await textOf(from, { id, size: sizes.get(id) ?? 0 }, root)
    texts.set(id, fold(text))
  }
  return texts
}

/** Those that are in the database and not in a file, at one go. */
const wholeBodies = async (from: Source, ids: readonly number[]): Promise<Map<number, Buffer>> => {
  const rows = await from.read.all<{ id: number; bytes: Buffer | null }>(
    'SELECT message.id AS id, body.bytes AS bytes FROM message JOIN body ON body.id = message.body WHERE message.id IN (?*)',
    [ids],
  )
  return new Map(rows.flatMap(({ id, bytes }) => (bytes ? [[id, bytes] as const] : [])))
}

const textOf = async (from: Source, { id, size }: Sized, root: Part): Promise<string> => {
  if (size <= READ_MAX) {
    const message = await content(from, id)
    return Buffer.isBuffer(message) ? bodyText(root, message) : ''
  }
  const texts: string[] = []
  let left = TEXTS_MAX
  for (const part of textParts(root)) {
    const end = Math.min(part.end, part.bodyStart + Math.min(READ_MAX, left))
    if (end <= part.bodyStart) continue
    const bytes = await content(from, id, { start: part.bodyStart, end })
    if (Buffer.isBuffer(bytes)) texts.push(partText(part, bytes))
    left -= end - part.bodyStart
  }
  return texts.join('\n')
}
