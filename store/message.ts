/**
 * Messages in mailboxes: how they come in, and how they are read.
 *
 * A message is a row in a mailbox (uid, flags), a body it shares with its copies, and what one
 * walk over that body found (cached.ts): nothing here parses. flag.ts and move.ts change them.
 */
import type { Readable } from 'node:stream'
import type { Parsed } from '../src/mail/walk.ts'
import { type BodySource, messageRange, putBodies } from './blob.ts'
import { remember } from './cached.ts'
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

/** Such a page of rows stalls the loop some 5 ms. */
const VIEW_PAGE = 2000

/** All messages of a mailbox, ascending by uid. Not one snapshot: listen for changes before, and apply them after. */
export const view = async (from: Source, mailbox: number): Promise<Row[]> => {
  const rows: Row[] = []
  for (;;) {
    const page = await from.read.range<Row>(
      `SELECT id, uid, modseq, flags, keywords, internal_date AS "internalDate", size
       FROM message WHERE mailbox = ? AND uid > ? ORDER BY uid LIMIT ${VIEW_PAGE}`,
      [mailbox, rows.at(-1)?.uid ?? 0],
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

/** What of a message is written; in this order. */
const columns = [
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
]

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
  await remember(tx, new Map(drafts.map((draft, i) => [bodies[i] ?? 0, draft])))

  const added = new Map([...numbers].map(([mailbox, { account }]) => [mailbox, { account, messages: [] as Row[] }]))
  const first = tx.draw('message', drafts.length)
  const now = Date.now()
  const rows = drafts.map((draft, i) => {
    const { mailbox, flags = 0, internalDate, parsed } = draft
    const { uid = 0, modseq = 0 } = numbers.get(mailbox) ?? {}
    const others = added.get(mailbox)?.messages ?? []
    const keywords = keywordsOf(draft.keywords ?? '')
    const size = 'id' in draft.body ? parsed.size : draft.body.size
    const row: Row = { id: first + i, uid: uid + others.length, modseq, flags, keywords, internalDate, size }
    others.push(row)
    const [body, provenance] = [bodies[i] ?? 0, draft.provenance ?? null]
    const cells = [row.id, mailbox, row.uid, modseq, flags, internalDate, now, size, body, keywords, provenance]
    return { row, cells }
  })
  await tx.insertMany(
    'message',
    columns,
    rows.map(({ cells }) => cells),
  )
  const growth = new Map<number, number>()
  for (const { account, messages } of added.values()) growth.set(account, (growth.get(account) ?? 0) + sizeOf(messages))
  await charge(tx, growth, quota)
  for (const [mailbox, { account, messages }] of added) tx.publish({ on: 'added', mailbox, account, messages })
  return rows.map(({ row: { id, uid } }) => ({ id, uid }))
}

export const sizeOf = (messages: readonly Pick<Row, 'size'>[]): number =>
  messages.reduce((sum, { size }) => sum + size, 0)

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

/** Which body a message has, and its file below `blob/` if it has one; undefined if the message is gone. */
export const bodyOf = (from: Source, id: number): Promise<{ body: number; file: string | null } | undefined> =>
  from.read.one(
    'SELECT message.body AS body, body.file AS file FROM message LEFT JOIN body ON body.id = message.body WHERE message.id = ?',
    [id],
  )

/** The bytes of messages that lie in the database, so all small ones, by message id; the others are not in it. */
export const contents = async (from: Source, ids: readonly number[]): Promise<Map<number, Buffer>> => {
  const sql = 'SELECT message.id AS id, body.bytes AS bytes FROM message JOIN body ON body.id = message.body WHERE'
  // What serves many takes a sixth longer for one, and a mail client reads letters one by one.
  if (ids.length !== 1) return from.read.blobs(`${sql} message.id IN (?*)`, [ids])
  const row = await from.read.one<{ id: number; bytes: Buffer | null }>(`${sql} message.id = ?`, ids)
  return new Map(row?.bytes ? [[row.id, row.bytes]] : [])
}
