/**
 * A full-text index over all messages, in a database of its own beside the store's: `search.db`.
 *
 * It answers which messages hold a text anywhere, as IMAP means it: substrings, folded. Nothing in it is needed: it is
 * made again from the messages if it is missing, of another format or broken, so no backup holds it, no commit of mail
 * waits for it, and it is not written as durably.
 *
 *   trigram  every three characters of header and body; which, not where: what it finds may hold the text
 *   word     every word of them, a run of plain letters and digits: what begins one is there for sure
 *   term     each word of any body, once: plain text stands in a body where, and only where, a word of it has that text
 *   field    every three characters of four fields, with their places: what it finds is there for sure
 *
 * The texts themselves are not kept. A message's rowid is its id; `owner` is its account, so that nobody's search
 * grows with the mail of others. Ids grow with every commit, so one number, `upTo`, tells what is in it.
 */
import { open as openFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { HeaderFacts } from '../src/mail/header-facts.ts'
import { inserts } from './engine/bulk.ts'
import { type Connection, openSqlite } from './engine/sqlite.ts'
import { isBroken } from './engine/statement.ts'

/** Where a text is looked for; `header` is anywhere in it. */
export type Where = 'text' | 'body' | 'header' | FieldName

/** Of messages up to `upTo`: in which the text is, and which have to be looked at. The others do not have it. */
export type Hits = { upTo: number; sure: ReadonlySet<number>; maybe: ReadonlySet<number> }

/** All folded; `mime`: the headers of parts. */
export type Texts = { id: number; account: number; header: HeaderFacts; mime: string; body: string }

export type TextIndex = {
  /** @param text folded. @returns undefined where the index can't tell: too short a text, or controls in it */
  find(account: number, where: Where, text: string): Promise<Hits | undefined>
  /** Of this message and all with lower ids, the texts are here. */
  upTo(): Promise<number>
  add(messages: readonly Texts[], upTo: number): Promise<void>
  remove(ids: readonly number[]): Promise<void>
  /**
   * Some of the words that no body has any more, in their order.
   *
   * @param after where the last call ended; '' at first
   * @returns where this one did; undefined once all are seen
   */
  forgetWords(after: string): Promise<string | undefined>
  /** Forgets everything. */
  reset(): Promise<void>
  /** Keeps no pages in memory until they are asked for again. */
  rest(): Promise<void>
  close(): Promise<void>
}

export const indexedFields = ['subject', 'from', 'to', 'cc'] as const
type FieldName = (typeof indexedFields)[number]
/** FROM and TO are words of SQL. */
const columns: Record<FieldName, string> = { subject: 'subject', from: 'sender', to: 'recipient', cc: 'copied' }
const isField = (where: Where): where is FieldName => Object.hasOwn(columns, where)

/** Grows when what is written here is written otherwise. */
const FORMAT = 5
const MIN_CHARS = 3
/** More of a long text's trigrams would find hardly fewer candidates. */
const TRIGRAMS_MAX = 16
/** Looked at in one statement when words are forgotten: some 10 ms of the thread that writes. */
const WORDS_PAGE = 5000
/** FTS5 keeps no more of a word, so of a longer one it can't be told whether a body has it. */
const WORD_BYTES = 32_768
const isCut = (word: string): boolean => word.length > WORD_BYTES
/** Words asked for in one query: with more, reading what may hold the text takes no longer. */
const WORDS_MAX = 256

const SCHEMA = `
  CREATE VIRTUAL TABLE trigram USING fts5(owner, content, content='', contentless_delete=1, detail=none,
    tokenize='trigram case_sensitive 1');
  CREATE VIRTUAL TABLE word USING fts5(owner, header, body, content='', contentless_delete=1, detail=column,
    tokenize='ascii');
  CREATE TABLE term (word TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE VIRTUAL TABLE field USING fts5(owner, ${Object.values(columns).join(', ')}, content='', contentless_delete=1,
    tokenize='trigram case_sensitive 1');
  CREATE TABLE progress (up_to INTEGER NOT NULL);
  INSERT INTO progress VALUES (0);
  PRAGMA user_version = ${FORMAT};`

export const textIndexFile = (home: string): string => join(home, 'search.db')

/** Of a home whose messages are about to be others: their ids would be taken for those it knows. */
export const removeTextIndex = (home: string): Promise<void> => removeFiles(textIndexFile(home))

/** Opened when it is first used: most commands never do. */
export const openTextIndex = (home: string): TextIndex => {
  const file = textIndexFile(home)
  let opened: Promise<Opened> | undefined
  let isClosed = false

  const open = (): Promise<Opened> => {
    if (isClosed) return Promise.reject(new Error('the store is closed'))
    opened ??= openFiles(file).catch((error) => {
      if (isUseless(error)) return freshFiles(file)
      throw error // locked, or the disk is full: it is asked again
    })
    opened.catch(() => {
      opened = undefined
    })
    return opened
  }
  const close = async () => {
    const last = await opened?.catch(() => undefined)
    opened = undefined
    await last?.reader.close().catch(() => {})
    await last?.writer.close().catch(() => {})
  }
  return {
    async find(account, where, text) {
      if (!canFind(text)) return undefined
      const { reader } = await open()
      // Before the rest: what is told of later messages is more than is promised.
      const upTo = await upToOf(reader)
      if (isField(where))
        return { upTo, sure: await idsFor(reader, 'field', inField(account, where, text)), maybe: NONE }
      const maybe = () => idsFor(reader, 'trigram', inTrigrams(account, text))
      if (where === 'header' || !PLAIN.test(text) || isCut(text)) return { upTo, sure: NONE, maybe: await maybe() }
      const words = await wordsWith(reader, text)
      const whole = words.filter((word) => !isCut(word))
      const query = inWords(account, where, text, whole)
      const sure = query === undefined ? NONE : await idsFor(reader, 'word', query)
      const areAll = where === 'body' && words.length <= WORDS_MAX && whole.length === words.length
      return { upTo, sure, maybe: areAll ? NONE : await maybe() }
    },
    upTo: async () => upToOf((await open()).writer),
    async add(messages, upTo) {
      const { writer } = await open()
      await inTransaction(writer, async () => {
        for (const [table, { columns, cells }] of Object.entries(tables)) {
          const rows = messages.map((each) => [each.id, mark(each.account), ...cells(each)])
          await writer.write([...inserts(table, ['rowid', 'owner', ...columns], rows)])
        }
        const words = new Set(messages.flatMap(({ body }) => body.match(WORDS) ?? []))
        await writer.run('INSERT OR IGNORE INTO term SELECT value FROM json_each(?) ORDER BY value', [[...words]])
        await writer.run('UPDATE progress SET up_to = ?', [upTo])
      })
    },
    async remove(ids) {
      const { writer } = await open()
      await inTransaction(writer, async () => {
        for (const table of Object.keys(tables)) await writer.run(`DELETE FROM ${table} WHERE rowid IN (?*)`, [ids])
      })
    },
    async forgetWords(after) {
      const { writer } = await open()
      const sql = `SELECT word FROM term WHERE word > ? ORDER BY word LIMIT 1 OFFSET ${WORDS_PAGE - 1}`
      const last = (await writer.all<{ word: string }>(sql, [after]))[0]?.word
      await writer.run(
        `DELETE FROM term WHERE word > ?1 AND word <= ?2 AND length(word) <= ${WORD_BYTES}
         AND word NOT IN (SELECT term FROM standing WHERE term >= ?1 AND term <= ?2 AND col = 'body')`,
        [after, last ?? BEHIND_ALL],
      )
      return last
    },
    async reset() {
      await close()
      opened = freshFiles(file)
      await opened
    },
    async rest() {
      const last = await opened?.catch(() => undefined)
      await Promise.all([last?.reader.rest(), last?.writer.rest()])
    },
    async close() {
      isClosed = true
      await close()
    },
  }
}

type Opened = { writer: Connection; reader: Connection }
const NONE: ReadonlySet<number> = new Set()

const openFiles = async (file: string): Promise<Opened> => {
  await (await openFile(file, 'a', 0o600)).close() // for its mode: words of letters are in it
  const writer = await openSqlite(file, 'write')
  try {
    // What a power cut takes is made again; 4 MB of pages serve a batch.
    await writer.exec('PRAGMA synchronous = NORMAL; PRAGMA cache_size = -4096')
    const [version] = await writer.all<{ user_version: number }>('PRAGMA user_version')
    if (version?.user_version === 0) await inTransaction(writer, () => writer.exec(SCHEMA))
    else if (version?.user_version !== FORMAT) throw new OtherFormat('an index of another format')
    await writer.exec('CREATE VIRTUAL TABLE temp.standing USING fts5vocab(main, word, col)') // the words it has, by column
    return { writer, reader: await openSqlite(file, 'read') }
  } catch (error) {
    await writer.close()
    throw error
  }
}

class OtherFormat extends Error {}

/** Broken, or of another format: it is made again. */
const isUseless = (error: unknown): boolean => error instanceof OtherFormat || isBroken(error)

const freshFiles = async (file: string): Promise<Opened> => {
  await removeFiles(file)
  return openFiles(file)
}

const removeFiles = async (file: string): Promise<void> => {
  for (const each of [file, `${file}-wal`, `${file}-shm`]) await rm(each, { force: true })
}

const inTransaction = async (writer: Connection, work: () => Promise<void>): Promise<void> => {
  await writer.exec('BEGIN IMMEDIATE')
  try {
    await work()
    await writer.exec('COMMIT')
  } catch (error) {
    await writer.exec('ROLLBACK').catch(() => {})
    throw error
  }
}

const upToOf = async (connection: Connection): Promise<number> =>
  (await connection.all<{ upTo: number }>('SELECT up_to AS "upTo" FROM progress'))[0]?.upTo ?? 0

const idsFor = async (reader: Connection, table: Table, query: string): Promise<Set<number>> => {
  const sql = `SELECT json_group_array(rowid) AS ids FROM ${table} WHERE ${table} MATCH ?`
  const [found] = await reader.all<{ ids: string }>(sql, [query])
  return new Set(JSON.parse(found?.ids ?? '[]') as number[])
}

/** Controls are one character in the index, so that lines and fields stay apart. */
const canFind = (text: string): boolean => [...text].length >= MIN_CHARS && !CONTROLS.test(text)
const CONTROLS = /\p{Cc}/u
const EVERY_CONTROL = /\p{Cc}/gu
const APART = '\u0001'
const plain = (text: string): string => (CONTROLS.test(text) ? text.replace(EVERY_CONTROL, APART) : text)

const inField = (account: number, name: FieldName, text: string): string =>
  `owner : ${quoted(mark(account))} AND ${columns[name]} : ${quoted(text)}`

const inTrigrams = (account: number, text: string): string => {
  const chars = [...text]
  const all = new Set(chars.slice(0, 1 - MIN_CHARS).map((_, i) => chars.slice(i, i + MIN_CHARS).join('')))
  return [mark(account), ...[...all].slice(0, TRIGRAMS_MAX)].map(quoted).join(' AND ')
}

/** What words are made of: all else stands between them, to the index as to us. */
const PLAIN = /^[a-z\d]+$/
const WORDS = /[a-z\d]+/g
const BEHIND_ALL = '{' // the character after z
const plainWords = (text: string): string => text.replace(/[^a-z\d]+/g, ' ')

/** The words of bodies that have this in them; one more than WORDS_MAX where there are too many to ask for. */
const wordsWith = async (reader: Connection, text: string): Promise<string[]> => {
  const sql = `SELECT word FROM term WHERE instr(word, ?) LIMIT ${WORDS_MAX + 1}`
  return (await reader.all<{ word: string }>(sql, [text])).map(({ word }) => word)
}

/** Where too many words have it, those messages in which it begins one. */
const inWords = (
  account: number,
  where: 'text' | 'body',
  text: string,
  words: readonly string[],
): string | undefined => {
  const beginning = `${quoted(text)} *`
  const body = words.length > WORDS_MAX ? beginning : words.map(quoted).join(' OR ')
  const found = [...(body === '' ? [] : [`body : (${body})`]), ...(where === 'text' ? [`header : ${beginning}`] : [])]
  return found.length === 0 ? undefined : `owner : ${quoted(mark(account))} AND (${found.join(' OR ')})`
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`

/** What each table has of a message beside whose it is. */
const tables: Record<Table, { columns: readonly string[]; cells(texts: Texts): string[] }> = {
  trigram: {
    columns: ['content'],
    cells: ({ header, mime, body }) => [plain(`${headerLines(header)}${mime}\n${body}`)],
  },
  word: {
    columns: ['header', 'body'],
    cells: ({ header, mime, body }) => [plainWords(`${headerLines(header)}${mime}`), plainWords(body)],
  },
  field: {
    columns: Object.values(columns),
    cells: ({ header }) =>
      indexedFields.map((field) =>
        header.fields.flatMap(({ name, value }) => (name === field ? plain(value) : [])).join(APART),
      ),
  },
}
type Table = 'trigram' | 'word' | 'field'

const headerLines = ({ fields }: HeaderFacts): string => fields.map(({ name, value }) => `${name}: ${value}\n`).join('')

/** An account as one trigram, and as one word, that no text has: three characters of the private use area, 6400³ accounts. */
const mark = (account: number): string => {
  const digit = (n: number) => String.fromCharCode(PRIVATE + (Math.floor(n) % PRIVATE_COUNT))
  return digit(account / PRIVATE_COUNT ** 2) + digit(account / PRIVATE_COUNT) + digit(account)
}
const PRIVATE = 0xe000
const PRIVATE_COUNT = 6400
