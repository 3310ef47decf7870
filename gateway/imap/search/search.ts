/**
 * Finds the messages of a mailbox that a search key means.
 *
 * Passes, each over what the one before left undecided: the view, the full-text index, ids and dates (if the key asks
 * for them), the headers, the bodies. What the index does not know yet, or can't tell, is read.
 */
import { withSingleBlanks } from '../../../src/mail/fold.ts'
import { PAUSE_STEPS } from '../../../src/mail/ranks.ts'
import { cached } from '../../../store/cached.ts'
import type { Db } from '../../../store/db.ts'
import { bodyTexts, headers } from '../../../store/text.ts'
import { type Hits, indexedFields, type Where } from '../../../store/text-index.ts'
import type { Session } from '../command.ts'
import type { Edge } from '../edge.ts'
import { threadId } from '../fetch/remembered.ts'
import { Declined } from '../reply.ts'
import { headerPages, inSlices, pages } from '../slices.ts'
import { uidRequired } from '../view/range.ts'
import type { Selected } from '../view/selected.ts'
import { idsOf, type Numbered, type Row } from '../view/shown.ts'
import type { View } from '../view/view.ts'
import { asksHeader, asksNumbers, asksRemembered, asksUnseen, countKeys, type Key } from './key.ts'
import { compile, type Facts, type Ids, type Match, type Setting, type TextKey, textKeys } from './match.ts'

const HEADERS_PAGE = 500
const BODIES_PAGE = 50
/** Texts of so large messages are in memory at once, or of one that is larger. */
const BODIES_BYTES = 2 << 20
/** So few headers are read in less time than the index is asked. */
const FEW = 20

/** Where is searched. `saved`: the uids of `$`. */
export type Place = Pick<Selected, 'mailbox' | 'view' | 'saved'>

/** Those found in the selected mailbox, ascending. */
export const findSelected = async (session: Session, key: Key): Promise<Numbered[]> => {
  refuseNumbers(session, key)
  return findIn(session, session.mailbox, key)
}

/** Once UIDONLY is enabled, a key names messages by uid alone. RFC 9586 §3.5. */
export const refuseNumbers = ({ enabled }: Session, key: Key): void => {
  if (enabled.has('UIDONLY') && asksNumbers(key)) throw new Declined(uidRequired)
}

/** Those found, ascending. */
export const findIn = (session: Session, place: Place, key: Key): Promise<Numbered[]> => {
  const unread = asksUnseen(key) ? place.view.unread() : undefined
  return find(session.edge, place, key, unread ? these(unread) : place.view, (of) => progressOf(session, of))
}

/** Those of these messages that a key means; nothing is said meanwhile. */
export const findAmong = (edge: Edge, place: Place, key: Key, messages: readonly Numbered[]): Promise<Numbered[]> =>
  find(edge, place, key, these(messages), () => () => {})

type Candidates = Pick<View, 'count' | 'each'>
const these = (messages: readonly Numbered[]): Candidates => ({
  count: messages.length,
  each: (visit, from, to) => messages.slice(from, to).forEach(visit),
})
type Progress = (of: number) => (done: number) => void

const find = async (
  edge: Edge,
  { mailbox, view, saved }: Place,
  key: Key,
  candidates: Candidates,
  progress: Progress,
): Promise<Numbered[]> => {
  const { db } = edge.store
  const setting = {
    largest: { seq: view.count, uid: view.largestUid },
    saved,
    isRecent: (row: Row) => view.isRecent(row),
    now: Date.now(),
    hits: new Map(),
  }
  const found: Numbered[] = []
  const undecidedBy =
    (match: Match) =>
    (facts: Facts): boolean => {
      const answer = match(facts)
      if (answer) found.push({ seq: facts.seq, row: facts.row })
      return answer === undefined
    }
  let undecided = undecidedBy(compile(key, setting))
  let needHeader: Facts[] = []
  await inSlices(
    visiting(candidates, Math.ceil(PAUSE_STEPS / countKeys(key)), (each) => {
      if (undecided(each)) needHeader.push({ ...each })
    }),
  )
  if (needHeader.length === 0) return found
  if (needHeader.length > FEW) {
    undecided = undecidedBy(compile(key, await withIndex(edge, mailbox.account, key, setting)))
    needHeader = await inSlices(left(needHeader, undecided))
  }
  if (asksRemembered(key)) needHeader = await stillUndecided(db, needHeader, undecided)
  const told = progress(needHeader.length)
  const needBody = asksHeader(key) ? [] : needHeader
  for (const page of asksHeader(key) ? inPages(needHeader) : []) {
    await inSlices(eachOf(await withHeaders(db, page), (facts) => void (undecided(facts) && needBody.push(facts))))
    told(0)
  }
  let read = needHeader.length - needBody.length
  for (const page of bodyPages(needBody)) {
    told(read)
    await inSlices(eachOf(await withBodies(db, page), undecided))
    read += page.length
  }
  return found.sort((a, b) => a.seq - b.seq)
}

function* visiting(candidates: Candidates, step: number, visit: (message: Numbered) => void): Generator<void, void> {
  for (let at = 0; at < candidates.count; at += step) {
    candidates.each(visit, at, at + step)
    yield
  }
}

/** Those still undecided. */
function* left(all: readonly Facts[], undecided: (facts: Facts) => boolean): Generator<void, Facts[]> {
  const some: Facts[] = []
  for (const facts of all) {
    if (undecided(facts)) some.push(facts)
    yield
  }
  return some
}

/** Those that their ids and dates leave so. */
const stillUndecided = async (
  db: Db,
  all: readonly Facts[],
  undecided: (facts: Facts) => boolean,
): Promise<Facts[]> => {
  const some: Facts[] = []
  for (const page of inPages(all))
    for (const facts of await inSlices(left(await withIds(db, page), undecided))) some.push(facts)
  return some
}

/** One at a time, for many keys may be looked for in many a page of text. */
function* eachOf(page: readonly Facts[], visit: (facts: Facts) => void): Generator<void, void> {
  for (const facts of page) {
    visit(facts)
    yield
  }
}

const inPages = (all: readonly Facts[]) => headerPages(all, HEADERS_PAGE, ({ row }) => row.size)
const bodyPages = (all: readonly Facts[]) => pages(all, BODIES_PAGE, BODIES_BYTES, ({ row }) => row.size)

/** Says now and then how far a long search is, so that the client waits on. RFC 9585. */
const progressOf = ({ edge, output, tag }: Session, of: number): ((done: number) => void) => {
  const { progressMs } = edge.config.timing
  // A bracket would end the response code.
  const about = tag.includes(']') ? 'NIL' : `"${tag}"`
  let last = performance.now()
  return (done) => {
    if (performance.now() - last < progressMs || done >= of) return
    last = performance.now()
    output.line(`* OK [INPROGRESS (${about} ${done} ${of})] Still searching`)
    output.flush()
  }
}

/** An index that fails is no reason not to answer: whoever writes it mends it. */
const withIndex = async ({ store, log }: Edge, account: number, key: Key, setting: Setting): Promise<Setting> => {
  const hits = new Map<Key, Hits>()
  try {
    for (const each of textKeys(key)) {
      if (each.is === 'text' && withSingleBlanks(each.text) !== each.text) continue // in a header it is another text
      const some = await store.texts.find(account, whereOf(each), each.text)
      if (some) hits.set(each, some)
    }
  } catch (error) {
    log.warn({ event: 'index-failed', err: error }, 'the full-text index could not be asked; the messages are read')
  }
  return { ...setting, hits }
}

const whereOf = (key: TextKey): Where =>
  key.is === 'header' ? (indexedFields.find((name) => name === key.name) ?? 'header') : key.is

const withIds = async (db: Db, all: readonly Facts[]): Promise<Facts[]> => {
  const rows = await cached(db, idsOf(all), ['emailId', 'savedAt', 'messageId', 'inReplyTo', 'references'])
  const idsOfRow = (row: (typeof rows)[number]): Ids => ({
    emailId: row.emailId,
    threadId: threadId(row),
    savedAt: row.savedAt,
  })
  const ids = new Map(rows.map((row) => [row.id, idsOfRow(row)]))
  return all.flatMap((facts) => {
    const found = ids.get(facts.row.id)
    return found ? [{ ...facts, ids: found }] : []
  })
}

/** Those that are gone meanwhile are left out. */
const withHeaders = async (db: Db, page: readonly Facts[]): Promise<Facts[]> => {
  const found = await headers(db, idsOf(page))
  return page.flatMap((facts) => {
    const header = found.get(facts.row.id)
    return header ? [{ ...facts, header }] : []
  })
}

const withBodies = async (db: Db, page: readonly Facts[]): Promise<Facts[]> => {
  const texts = await bodyTexts(
    db,
    page.map(({ row }) => row),
  )
  return page.flatMap((facts) => {
    const text = texts.get(facts.row.id)
    return text ? [{ ...facts, bodyText: text.body, mimeText: text.mime }] : []
  })
}
