/**
 * SEARCH and UID SEARCH. RFC 3501 §6.4.4.
 * search = "SEARCH" [SP "CHARSET" SP astring] 1*(SP search-key)
 *
 * Three passes, each over what the one before left undecided: the view, the headers, the bodies.
 */
import { bodyText, partText, textParts } from '../../../src/mail/text.ts'
import type { Part } from '../../../src/mail/walk.ts'
import type { Db } from '../../../store/db.ts'
import { cached, content } from '../../../store/message.ts'
import { type Command, mailboxOpen, no, ok } from '../command.ts'
import { type By, pages } from '../range.ts'
import { charsetDecoder, fold, type Key, parseKeys } from '../search-key.ts'
import { compile, type Facts, headerFacts, type Match } from '../search-match.ts'
import type { Words } from '../wire/words.ts'

type Args = { key: Key } | 'bad-charset'

const HEADERS_PAGE = 500
const BODIES_PAGE = 50
/** Larger messages are read part by part, their text parts up to this. */
const READ_MAX = 1 << 20
const badCharset = no('BADCHARSET (UTF-8 US-ASCII ISO-8859-1)', 'That charset is not known here')

const searching = (by: By): Command<Args> => ({
  in: mailboxOpen,
  ...(by === 'seq' && { keepsNumbers: true }),
  parse(words) {
    words.space()
    const charset = charsetOf(words)
    // Without CHARSET it is US-ASCII; a client that sends octets anyway means UTF-8.
    const decode = charsetDecoder(charset ?? 'utf-8')
    return decode ? { key: parseKeys(words, decode) } : 'bad-charset'
  },

  async run({ edge, mailbox, output }, args) {
    if (args === 'bad-charset') return badCharset
    const { view } = mailbox
    const match = compile(args.key, { seq: view.count, uid: view.largestUid })
    const found = await findAll(
      edge.store.db,
      [...view].filter(({ row }) => !row.isGone),
      match,
    )
    const numbers = found.map(({ seq, row }) => (by === 'uid' ? row.uid : seq)).sort((a, b) => a - b)
    output.line(['* SEARCH', ...numbers].join(' '))
    return ok('Searched')
  },
})

export const search = searching('seq')
export const uidSearch = searching('uid')

const charsetOf = (words: Words): string | undefined => {
  if (!words.tryWord('CHARSET')) return undefined
  words.space()
  const charset = words.astring()
  words.space()
  return charset
}

const findAll = async (db: Db, all: readonly Facts[], match: Match): Promise<Facts[]> => {
  const found: Facts[] = []
  const undecided = (facts: Facts): boolean => {
    const answer = match(facts)
    if (answer) found.push(facts)
    return answer === undefined
  }
  const needHeader = all.filter(undecided)
  const needBody: Facts[] = []
  for (const page of pages(needHeader, HEADERS_PAGE)) needBody.push(...(await withHeaders(db, page)).filter(undecided))
  for (const page of pages(needBody, BODIES_PAGE)) (await withBodies(db, page)).filter(undecided)
  return found
}

/** Those that are gone meanwhile are left out. */
const withHeaders = async (db: Db, page: readonly Facts[]): Promise<Facts[]> => {
  const headers = new Map(
    (
      await cached(
        db,
        page.map(({ row }) => row.id),
        ['header'],
      )
    ).map((row) => [row.id, row.header]),
  )
  return page.flatMap((facts) => {
    const header = headers.get(facts.row.id)
    return header ? [{ ...facts, header: headerFacts(header) }] : []
  })
}

const withBodies = async (db: Db, page: readonly Facts[]): Promise<Facts[]> => {
  const roots = new Map(
    (
      await cached(
        db,
        page.map(({ row }) => row.id),
        ['root'],
      )
    ).map((row) => [row.id, row.root]),
  )
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
