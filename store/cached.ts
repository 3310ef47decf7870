/**
 * What one walk over a body found, remembered by body so that nobody walks again: written at delivery, read a page at a
 * time by whoever lists, searches or sorts.
 */
import { listedFields } from '../src/mail/listed.ts'
import type { Parsed } from '../src/mail/walk.ts'
import type { BodySource } from './blob.ts'
import type { Sink, Source, Tx } from './db.ts'

/** What is remembered of a message beside its row. `bodyId` is its body's id, `body` the IMAP text BODY. */
export type Cached = Required<Omit<Parsed, 'size' | 'malformed'>> & {
  /** The header's fields that listings want (src/mail/listed.ts). */
  listed: Buffer
  malformed: string | null
  provenance: object | null
  bodyId: number
  /** The same for the same bytes, wherever they are: RFC 8474. */
  emailId: string
  /** Epoch ms at which it came into its mailbox. */
  savedAt: number
  /** null until `keepPreviews`. */
  preview: string | null
}

type Walked = { body: BodySource; parsed: Parsed }

/** By body; what is remembered of one already stays. */
export const remember = (tx: Tx, bodies: ReadonlyMap<number, Walked>): Promise<void> =>
  tx.insertMany('parsed', columns, [...bodies].map(cellsOf), { key: ['body'], update: [] })

const columns = [
  'body',
  'header_size',
  'envelope',
  'body_structure',
  'basic',
  'listed',
  'root',
  'message_id',
  'in_reply_to',
  'reference_ids',
  'subject',
  'sender',
  'sent_at',
  'malformed',
  'header',
]

const cellsOf = ([id, { body, parsed }]: [number, Walked]) => [
  id,
  parsed.headerSize,
  parsed.envelope,
  parsed.bodyStructure,
  parsed.body,
  listedFields(parsed.header, parsed.headerSize),
  parsed.root,
  parsed.messageId,
  parsed.inReplyTo,
  parsed.references,
  parsed.subject,
  parsed.from,
  parsed.date,
  parsed.malformed ?? null,
  'bytes' in body ? null : parsed.header, // the bytes have it
]

/** Hex digits: 128 bits, beyond chance. */
const EMAIL_ID = 32

/** Where each remembered thing is. */
const sources: Record<keyof Cached, string> = {
  headerSize: 'parsed.header_size',
  envelope: 'parsed.envelope',
  bodyStructure: 'parsed.body_structure',
  body: 'parsed.basic',
  listed: 'parsed.listed',
  root: 'parsed.root',
  messageId: 'parsed.message_id',
  inReplyTo: 'parsed.in_reply_to',
  references: 'parsed.reference_ids',
  subject: 'parsed.subject',
  from: 'parsed.sender',
  date: 'parsed.sent_at',
  malformed: 'parsed.malformed',
  header: 'COALESCE(parsed.header, substr(body.bytes, 1, parsed.header_size))',
  provenance: 'message.provenance',
  bodyId: 'message.body',
  emailId: `'M' || substr(body.sha256, 1, ${EMAIL_ID})`,
  savedAt: 'message.saved_at',
  preview: 'parsed.preview',
}
/** These come as bytes, these as long texts that are never NULL, the others as cells. */
const inBytes: ReadonlySet<keyof Cached> = new Set<keyof Cached>(['listed', 'header'])
const inText: ReadonlySet<keyof Cached> = new Set<keyof Cached>(['envelope', 'bodyStructure', 'body', 'root'])
const inJson: ReadonlySet<keyof Cached> = new Set<keyof Cached>(['root', 'references', 'provenance'])
/** These alone need the body's own row. */
const ofBody: ReadonlySet<keyof Cached> = new Set<keyof Cached>(['header', 'emailId'])

/** As long as the message's sender wants, up to megabytes. */
const inLength: ReadonlySet<keyof Cached> = new Set<keyof Cached>([
  ...inText,
  ...(['messageId', 'inReplyTo', 'references', 'subject', 'from'] as const),
])

/** A page stalls the loop some 5 ms. */
const PAGE = 500
/** So much of a page is in memory at once, or of one message that has more; in the end it takes some three times that. */
const PAGE_BYTES = 16 << 20
const USUAL_BYTES = PAGE_BYTES / PAGE
/** So few are read whatever they have: to ask for that first is a trip more. */
const FEW = 4

/** Messages in pages that can be in memory at once, as much of them as is asked for: mostly as many as a page may have. */
export const pagesOf = async (
  from: Source,
  ids: readonly number[],
  columns: readonly (keyof Cached)[],
): Promise<number[][]> => {
  const found: number[][] = []
  for (let at = 0; at < ids.length; at += PAGE) {
    const sizes = await unusual(from, ids.slice(at, at + PAGE), columns)
    let page: number[] = []
    let bytes = 0
    for (const id of ids.slice(at, at + PAGE)) {
      bytes += sizes.get(id) ?? 0
      if (page.length > 0 && bytes > PAGE_BYTES) {
        found.push(page)
        page = []
        bytes = sizes.get(id) ?? 0
      }
      page.push(id)
    }
    found.push(page)
  }
  return found
}

/** How many bytes there are of messages of which there are many. */
const unusual = async (
  from: Source,
  ids: readonly number[],
  columns: readonly (keyof Cached)[],
): Promise<Map<number, number>> => {
  const sizes = columns
    .filter((column) => inLength.has(column))
    .map((column) => `COALESCE(octet_length(${sources[column]}), 0)`)
  if (ids.length <= FEW || sizes.length === 0) return new Map()
  const sql = `SELECT id, size FROM (SELECT message.id AS id, ${sizes.join(' + ')} AS size
    FROM message JOIN parsed ON parsed.body = message.body WHERE message.id IN (?*)) AS sized WHERE size > ${USUAL_BYTES}`
  const rows = await from.read.all<{ id: number; size: number }>(sql, [ids])
  return new Map(rows.map(({ id, size }) => [id, size]))
}

/**
 * What is remembered of messages, as much of it as is asked for.
 *
 * @param ids of messages; those gone are left out of the answer, which keeps the order
 */
export const cached = async <Column extends keyof Cached>(
  from: Source,
  ids: readonly number[],
  columns: readonly Column[],
): Promise<({ id: number } & Pick<Cached, Column>)[]> => {
  const found: ({ id: number } & Pick<Cached, Column>)[] = []
  for (const page of await pagesOf(from, ids, columns))
    for (const row of await cachedPage(from, page, columns)) found.push(row)
  return found
}

/** The same of a page. */
export const cachedPage = async <Column extends keyof Cached>(
  from: Source,
  page: readonly number[],
  columns: readonly Column[],
): Promise<({ id: number } & Pick<Cached, Column>)[]> => {
  const texts = columns.filter((column) => inText.has(column))
  const bytes = columns.filter((column) => inBytes.has(column))
  const cells = columns.filter((column) => !inText.has(column) && !inBytes.has(column))
  const parts = await Promise.all([
    ...(texts.length > 0 ? [from.read.texts(selected(texts), texts, [page])] : []),
    ...(cells.length > 0 || columns.length === 0 ? [cellsById(from, page, cells)] : []),
    ...bytes.map((column) => bytesById(from, page, column)),
  ])
  return page.flatMap((id) => {
    const row = joined(parts, id)
    return row ? [parsedJson(row, columns) as { id: number } & Pick<Cached, Column>] : []
  })
}

type Part = { id: number } & Record<string, unknown>

/** Undefined if one of them lacks it. */
const joined = (parts: readonly ReadonlyMap<number, Part>[], id: number): Part | undefined => {
  const row = parts[0]?.get(id)
  for (let i = 1; row && i < parts.length; i++) {
    const more = parts[i]?.get(id)
    if (!more) return undefined
    Object.assign(row, more)
  }
  return row
}

const parsedJson = (row: Part, columns: readonly (keyof Cached)[]): Part => {
  for (const column of columns) {
    const value = row[column]
    if (inJson.has(column) && typeof value === 'string') row[column] = JSON.parse(value)
  }
  return row
}

const cellsById = async (from: Source, ids: readonly number[], columns: readonly (keyof Cached)[]) => {
  const rows = await from.read.range<Part>(selected(columns), [ids])
  return new Map(rows.map((row) => [row.id, row]))
}

const bytesById = async (from: Source, ids: readonly number[], column: keyof Cached) => {
  const blobs = await from.read.blobs(selected([column], 'bytes'), [ids])
  const parts = new Map<number, Part>()
  for (const [id, bytes] of blobs) parts.set(id, { id, [column]: bytes })
  return parts
}

const selected = (columns: readonly (keyof Cached)[], name?: string): string =>
  `SELECT ${['message.id AS id', ...columns.map((column) => `${sources[column]} AS "${name ?? column}"`)].join(', ')}
   FROM message JOIN parsed ON parsed.body = message.body
   ${columns.some((column) => ofBody.has(column)) ? 'JOIN body ON body.id = message.body' : ''} WHERE message.id IN (?*)`

/** Remembers previews by body, so that each is made once for all copies; bodies that are gone are skipped. */
export const keepPreviews = (db: Sink, previews: readonly { bodyId: number; preview: string }[]): Promise<void> =>
  db.transaction((tx) =>
    tx.updateMany(
      'parsed',
      'body',
      ['preview'],
      previews.map(({ bodyId, preview }) => [bodyId, preview]),
    ),
  )
