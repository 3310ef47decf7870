/**
 * Finds the messages of a mailbox that a search key means.
 *
 * Three passes, each over what the one before left undecided: the view (and ids and dates beside it, if the key asks
 * for them), the headers, the bodies.
 */
import { fold } from '../../src/mail/fold.ts'
import { bodyText, partText, textParts } from '../../src/mail/text.ts'
import type { Part } from '../../src/mail/walk.ts'
import type { Db } from '../../store/db.ts'
import { cached, content } from '../../store/message.ts'
import type { Session } from './command.ts'
import { pages } from './range.ts'
import { threadId } from './remembered.ts'
import { asksRemembered, type Key } from './search-key.ts'
import { compile, type Facts, headerFacts } from './search-match.ts'
import type { Numbered } from './view.ts'

const HEADERS_PAGE = 500
const BODIES_PAGE = 50
/** Larger messages are read part by part, their text parts up to this. */
const READ_MAX = 1 << 20

/** Those found in the selected mailbox, ascending. */
export const findSelected = async ({ edge, mailbox }: Session, key: Key): Promise<Numbered[]> => {
  const { view, saved } = mailbox
  const { db } = edge.store
  const match = compile(key, { largest: { seq: view.count, uid: view.largestUid }, saved, now: Date.now() })
  const found: Numbered[] = []
  const undecided = (facts: Facts): boolean => {
    const answer = match(facts)
    if (answer) found.push({ seq: facts.seq, row: facts.row })
    return answer === undefined
  }
  const open: Facts[] = []
  for (const each of view) if (!each.row.isGone && undecided(each)) open.push(each)
  const needHeader = asksRemembered(key) ? (await withIds(db, open)).filter(undecided) : open
  const needBody: Facts[] = []
  for (const page of pages(needHeader, HEADERS_PAGE)) {
    for (const facts of await withHeaders(db, page)) if (undecided(facts)) needBody.push(facts)
  }
  for (const page of pages(needBody, BODIES_PAGE)) (await withBodies(db, page)).forEach(undecided)
  return open.length > 0 ? found.sort((a, b) => a.seq - b.seq) : found
}

const withIds = async (db: Db, all: readonly Facts[]): Promise<Facts[]> => {
  const rows = await cached(db, idsOf(all), ['emailId', 'savedAt', 'messageId', 'inReplyTo', 'references'])
  const ids = new Map(rows.map((row) => [row.id, { ...row, threadId: threadId(row) }]))
  return all.flatMap((facts) => {
    const found = ids.get(facts.row.id)
    return found ? [{ ...facts, ids: found }] : []
  })
}

/** Those that are gone meanwhile are left out. */
const withHeaders = async (db: Db, page: readonly Facts[]): Promise<Facts[]> => {
  const rows = await cached(db, idsOf(page), ['header'])
  const headers = new Map(rows.map((row) => [row.id, row.header]))
  return page.flatMap((facts) => {
    const header = headers.get(facts.row.id)
    return header ? [{ ...facts, header: headerFacts(header) }] : []
  })
}

const withBodies = async (db: Db, page: readonly Facts[]): Promise<Facts[]> => {
  const roots = new Map((await cached(db, idsOf(page), ['root'])).map((row) => [row.id, row.root]))
  const known: Facts[] = []
  for (const facts of page) {
    const root = roots.get(facts.row.id)
    if (root) known.push({ ...facts, bodyText: fold(await textOf(db, facts.row, root)) })
  }
  return known
}

const textOf = async (db: Db, { id, size }: { id: number; size: number }, root: Part): Promise<string> => {
  if (size <= READ_MAX) {
    const message = await content(db, id)
    return Buffer.isBuffer(message) ? bodyText(root, message) : ''
  }
  const texts: string[] = []
  for (const part of textParts(root)) {
    const bytes = await content(db, id, { start: part.bodyStart, end: Math.min(part.end, part.bodyStart + READ_MAX) })
    if (Buffer.isBuffer(bytes)) texts.push(partText(part, bytes))
  }
  return texts.join('\n')
}

const idsOf = (page: readonly Numbered[]): number[] => page.map(({ row }) => row.id)
