/**
 * What FETCH tells of messages beside what the view knows: remembered at delivery, read a page at a time.
 *
 * Previews (RFC 8970) are made when somebody first asks and kept from then on: most mail is never listed by a client
 * that shows them. Threads (RFC 8474) are named after the first message they refer to: whatever order they come in,
 * and when the others are long gone, the name is the same.
 */
import { createHash } from 'node:crypto'
import { previewOf, previewPart } from '../../../src/mail/preview.ts'
import { partText } from '../../../src/mail/text.ts'
import { type Cached, cachedPage, keepPreviews, pagesOf } from '../../../store/cached.ts'
import type { Db } from '../../../store/db.ts'
import { content } from '../../../store/message.ts'
import { idsOf, type Numbered } from '../view/shown.ts'
import { columnsFor, type Known } from './body.ts'
import type { Item } from './item.ts'

export type Remembered = Partial<Cached> & Pick<Known, 'whole'>

/** Base64 of a part begins to tell after its first kilobytes; markup may take more. */
const PREVIEW_BYTES = 32_768

/** Of a page, by message id; those gone are not in it. Undefined where the view knows all that is asked. */
export const remember = async (
  db: Db,
  messages: readonly Numbered[],
  items: readonly Item[],
): Promise<Map<number, Remembered> | undefined> => {
  const columns = columnsOfAll(items)
  if (columns.length === 0) return undefined
  const rows: ({ id: number } & Remembered)[] = await cachedPage(db, idsOf(messages), columns)
  if (items.some((item) => item.get === 'PREVIEW' && !item.lazy)) await addPreviews(db, rows)
  return new Map(rows.map((row) => [row.id, row]))
}

const columnsOfAll = (items: readonly Item[]): (keyof Cached)[] => [...new Set(items.flatMap(columnsOf))]

/** The messages in pages of which `remember` can hold what is asked for. */
export const partsOf = async (
  db: Db,
  messages: readonly Numbered[],
  items: readonly Item[],
): Promise<(readonly Numbered[])[]> => {
  const parts: (readonly Numbered[])[] = []
  let at = 0
  for (const { length } of await pagesOf(db, idsOf(messages), columnsOfAll(items))) {
    parts.push(messages.slice(at, at + length))
    at += length
  }
  return parts
}

/** RFC 8474 §5.2. */
export const threadId = ({ references, inReplyTo, messageId, emailId }: Remembered): string => {
  const root = references?.[0] ?? inReplyTo ?? messageId ?? emailId ?? ''
  return `T${createHash('sha256').update(root).digest('hex').slice(0, 32)}`
}

const columnsOf = (item: Item): (keyof Cached)[] => {
  switch (item.get) {
    case 'section':
      return columnsFor(item)
    case 'ENVELOPE':
      return ['envelope']
    case 'BODYSTRUCTURE':
      return ['bodyStructure']
    case 'BODY':
      return ['body']
    case 'EMAILID':
      return ['emailId']
    case 'THREADID':
      return ['references', 'inReplyTo', 'messageId', 'emailId']
    case 'SAVEDATE':
      return ['savedAt']
    case 'PREVIEW':
      return ['preview', 'bodyId']
    case 'FLAGS':
    case 'UID':
    case 'INTERNALDATE':
    case 'RFC822.SIZE':
    case 'MODSEQ':
      return []
  }
}

/** Of each body once, whatever copies there are, and kept a page at a time: a row with a large structure is written anew. */
const addPreviews = async (db: Db, rows: readonly ({ id: number } & Remembered)[]): Promise<void> => {
  const lacking = new Map<number, Remembered[]>()
  const first = new Map<number, number>()
  for (const row of rows) {
    if (row.preview !== null || row.bodyId === undefined) continue
    const alike = lacking.get(row.bodyId)
    if (alike) alike.push(row)
    else {
      lacking.set(row.bodyId, [row])
      first.set(row.id, row.bodyId)
    }
  }
  for (const page of await pagesOf(db, [...first.keys()], ['root'])) {
    const made: { bodyId: number; preview: string }[] = []
    for (const { id, root } of await cachedPage(db, page, ['root'])) {
      const preview = await previewFrom(db, id, root)
      const bodyId = first.get(id) ?? 0
      for (const row of lacking.get(bodyId) ?? []) row.preview = preview
      made.push({ bodyId, preview })
    }
    await keepPreviews(db, made)
  }
}

const previewFrom = async (db: Db, id: number, root: Cached['root']): Promise<string> => {
  const part = previewPart(root)
  if (!part) return ''
  const end = Math.min(part.end, part.bodyStart + PREVIEW_BYTES)
  const bytes = await content(db, id, { start: part.bodyStart, end })
  return Buffer.isBuffer(bytes) ? previewOf(part, partText(part, bytes)) : ''
}
