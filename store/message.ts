/**
 * Messages in mailboxes: how they come in, and how they are read.
 *
 * A message is a row in a mailbox (uid, flags), a body it shares with its copies, and what one
 * walk over that body found, kept at delivery: nothing here parses. flag.ts and move.ts change them.
 */
import type { Readable } from 'node:stream'
import { listedFields } from '../src/mail/listed.ts'
import type { Parsed } from '../src/mail/walk.ts'
import { type BodySource, messageRange, putBodies } from './blob.ts'
import type { Row } from './change.ts'
import type { Sink, Source, Tx } from './db.ts'
import { keywordsOf } from './keyword.ts'
import { countBy, takeNumbers } from './numbering.ts'
import { charge } from './quota.ts'

/** A message to be. `internalDate` is epoch ms; `provenance` is kept as it is, for whoever delivered it. */
export type Draft = {
  body: BodySource
  parsed: Parsed
  flags?: number
  keywords?: string
  internalDate: number
  provenance?: object
}

/** What is remembered of a message beside its row. `bodyId` is its body's id, `body` the IMAP text BODY. */
export type Cached = Required<Omit<Parsed, 'size' | 'malformed'>> & {
  /** The header's fields that listings want (listed.ts). */
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

/** A page of rows stalls the loop some 5 ms. */
const VIEW_PAGE = 2000
const CACHED_PAGE = 500

/** All messages of a mailbox, ascending by uid. Not one snapshot: listen for changes before, and apply them after. */
export const view = async (from: Source, mailbox: number, after = 0): Promise<Row[]> => {
  const rows: Row[] = []
  for (;;) {
    const page = await from.read.range<Row>(
      `SELECT id, uid, modseq, flags, keywords, internal_date AS "internalDate", size
       FROM message WHERE mailbox = ? AND uid > ? ORDER BY uid LIMIT ${VIEW_PAGE}`,
      [mailbox, rows.at(-1)?.uid ?? after],
    )
    for (const row of page) rows.push(row)
    if (page.length < VIEW_PAGE) return rows
  }
}

/** One message by its uid. */
export const byUid = (from: Source, mailbox: number, uid: number): Promise<Pick<Row, 'id' | 'size'> | undefined> =>
  from.read.one('SELECT id, size FROM message WHERE mailbox = ? AND uid = ?', [mailbox, uid])

/**
 * Adds messages to one mailbox, in their order.
 *
 * @param quota if given, the usual limit of an account, which is kept (quota.ts)
 * @throws Refusal mailbox-missing if it is gone, mailbox-full
 */
export const append = (
  db: Sink,
  mailbox: number,
  drafts: readonly Draft[],
  quota?: number,
): Promise<{ id: number; uid: number }[]> =>
  db.transaction((tx) =>
    appendMany(
      tx,
      drafts.map((draft) => ({ ...draft, mailbox })),
      quota,
    ),
  )

/**
 * Adds messages to any mailboxes, in a fixed number of statements. The same draft body in
 * several of them is kept once.
 *
 * @returns id and uid of each, in the order of the drafts
 */
export const appendMany = async (
  tx: Tx,
  drafts: readonly (Draft & { mailbox: number })[],
  quota?: number,
): Promise<{ id: number; uid: number }[]> => {
  if (drafts.length === 0) return []
  const numbers = await takeNumbers(tx, countBy(drafts.map(({ mailbox }) => mailbox)))
  const bodies = await putBodies(
    tx,
    drafts.map(({ body }) => body),
  )
  const parsed = new Map(drafts.map((draft, i) => [bodies[i] ?? 0, draft]))
  await tx.insertMany('parsed', parsedColumns, [...parsed].map(parsedCells), { key: ['body'], update: [] })

  const added = new Map<number, Row[]>([...numbers.keys()].map((mailbox) => [mailbox, []]))
  const first = tx.draw('message', drafts.length)
  const now = Date.now()
  const rows = drafts.map((draft, i) => {
    const { mailbox, flags = 0, internalDate, parsed } = draft
    const { uid = 0, modseq = 0 } = numbers.get(mailbox) ?? {}
    const others = added.get(mailbox) ?? []
    const keywords = keywordsOf(draft.keywords ?? '')
    const size = 'id' in draft.body ? parsed.size : draft.body.size
    const row: Row = { id: first + i, uid: uid + others.length, modseq, flags, keywords, internalDate, size }
    others.push(row)
    return { row, cells: cellsOf(row, mailbox, bodies[i] ?? 0, draft.provenance ?? null, now) }
  })
  await tx.insertMany(
    'message',
    messageColumns,
    rows.map(({ cells }) => cells),
  )
  const growth = new Map<number, number>()
  for (const [mailbox, messages] of added) {
    const account = numbers.get(mailbox)?.account ?? 0
    growth.set(account, (growth.get(account) ?? 0) + sizeOf(messages))
  }
  await charge(tx, growth, quota, new Map([...numbers.values()].map((each) => [each.account, each])))
  for (const [mailbox, messages] of added) {
    tx.publish({ on: 'added', mailbox, account: numbers.get(mailbox)?.account ?? 0, messages })
  }
  return rows.map(({ row: { id, uid } }) => ({ id, uid }))
}

export const sizeOf = (messages: readonly Pick<Row, 'size'>[]): number =>
  messages.reduce((sum, { size }) => sum + size, 0)

export const messageColumns = [
  'id',
  'mailbox',
  'uid',
  'modseq',
  'flags',
  'internal_date',
  'saved_at',
  'size',
  'body',
  'keywords',
  'provenance',
] as const

/** A row as `messageColumns` has it. */
export const cellsOf = (
  row: Row,
  mailbox: number,
  body: number,
  provenance: object | string | null,
  savedAt: number,
) => [
  row.id,
  mailbox,
  row.uid,
  row.modseq,
  row.flags,
  row.internalDate,
  savedAt,
  row.size,
  body,
  row.keywords,
  provenance,
]

const parsedColumns = [
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

const parsedCells = ([id, { body, parsed }]: [number, Draft]) => [
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
  const texts = columns.filter((column) => inText.has(column))
  const bytes = columns.filter((column) => inBytes.has(column))
  const cells = columns.filter((column) => !inText.has(column) && !inBytes.has(column))
  for (let at = 0; at < ids.length; at += CACHED_PAGE) {
    const page = ids.slice(at, at + CACHED_PAGE)
    const parts = await Promise.all([
      ...(texts.length > 0 ? [from.read.texts(selected(texts), texts, [page])] : []),
      ...(cells.length > 0 || columns.length === 0 ? [cellsById(from, page, cells)] : []),
      ...bytes.map((column) => bytesById(from, page, column)),
    ])
    for (const id of page) {
      const row = joined(parts, id)
      if (row) found.push(parsedJson(row, columns) as { id: number } & Pick<Cached, Column>)
    }
  }
  return found
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

/**
 * The bytes of a message, or `start` up to, not including, `end`: at once, or as a stream where they are
 * many (a file, and more than 1 MiB of it).
 *
 * @returns undefined if the message is gone, even if a session still shows it
 */
export const content = (
  from: Source,
  id: number,
  range: { start: number; end: number } = { start: 0, end: Number.MAX_SAFE_INTEGER },
): Promise<Buffer | Readable | undefined> => messageRange(from, id, range.start, range.end)

/** The bytes of messages that lie in the database, so all small ones, by message id; the others are not in it. */
export const contents = (from: Source, ids: readonly number[]): Promise<Map<number, Buffer>> =>
  from.read.blobs(
    'SELECT message.id AS id, body.bytes AS bytes FROM message JOIN body ON body.id = message.body WHERE message.id IN (?*)',
    [ids],
  )

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
