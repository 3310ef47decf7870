import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { expect } from 'chai'
import fc from 'fast-check'
import { fold } from '../../src/mail/fold.ts'
import { openSqlite } from '../../store/engine/sqlite.ts'
import { clearLeft } from '../../store/leaving.ts'
import { find } from '../../store/mailbox.ts'
import { view } from '../../store/message.ts'
import { copy as copyTo } from '../../store/move.ts'
import { bodyTexts, headers } from '../../store/text.ts'
import type { Hits, Where } from '../../store/text-index.ts'
import { openTextIndex, textIndexFile } from '../../store/text-index.ts'
import { forgetNext, indexNext } from '../../store/unindexed.ts'
import { Client } from '../dialogue/run.ts'
import { startTestImap, type TestImap } from '../imap/server.ts'
import { takeOut } from './home.ts'

/** Letters, some of them of the kind that is written in more than one way. */
const word = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('lunch', 'Lunch', 'launch', 'lun', 'unch', 'a', 'ab', 'abc', '17', 'x_y', "o'c"),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'Grüße',
      'GRÜSSE',
      'gru\u0308ße',
      'ﬁn',
      'fin',
      'K',
      'ÅNGSTRÖM',
      'λόγος',
      'ΛΌΓΟΣ',
      'İx',
      'ıx',
      '你好世界',
      '😀😀😀',
      '\ue000\ue000\ue001',
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom('"', '*', 'AND', 'body:', '(', '\t', 'NEAR', '\u0001', '-') },
)
const text = fc
  .array(word, { maxLength: 8 })
  .chain((words) => fc.constantFrom(' ', '', '\t').map((glue) => words.join(glue)))
const encoded = (subject: string): string => `=?utf-8?B?${Buffer.from(subject).toString('base64')}?=`
const message = fc
  .record({ subject: text, from: text, body: text, isBase64: fc.boolean() })
  .map(({ subject, from, body, isBase64 }) =>
    [
      `Subject: ${encoded(subject)}`,
      `From: ${encoded(from)} <bob@b.test>`,
      `Content-Type: text/plain; charset=utf-8`,
      `Content-Transfer-Encoding: ${isBase64 ? 'base64' : '8bit'}`,
      '',
      isBase64 ? Buffer.from(body).toString('base64') : body,
      '',
    ].join('\r\n'),
  )

describe('the full-text index', () => {
  let imap: TestImap
  beforeEach(async () => {
    imap = await startTestImap()
  })
  afterEach(() => imap.close())

  const indexAll = async () => {
    while (await indexNext(imap.store.db, imap.store.texts));
  }
  const idsFor = async (where: Where, needle: string): Promise<{ sure: number[]; maybe: number[] } | undefined> => {
    const hits: Hits | undefined = await imap.store.texts.find(imap.account.id, where, fold(needle))
    return hits && { sure: [...hits.sure], maybe: [...hits.maybe] }
  }
  const selecting = async () => {
    const client = new Client(connect(imap.port, '127.0.0.1'))
    const ask = async (tag: string, line: string): Promise<string> => {
      client.send(`${tag} ${line}`)
      for (let told = ''; ; ) {
        const got = (await client.line()) ?? ''
        if (got.startsWith('* SEARCH')) told = got
        if (got.startsWith(tag)) return got.startsWith(`${tag} OK`) ? told : got
      }
    }
    await ask('a', 'LOGIN ann@a.test secret')
    await ask('b', 'SELECT INBOX')
    return { client, ask }
  }
  const letter = (subject: string, body: string) => ({
    bytes: `Subject: ${subject}\r\nFrom: Bob <bob@b.test>\r\n\r\n${body}\r\n`,
  })

  it('a search by it finds what a search without it finds, on any mail', async function () {
    this.timeout(60_000)
    const letters = fc.sample(message, { numRuns: 120, seed: 5 }).map((bytes) => ({ bytes }))
    const needles = fc.sample(text, { numRuns: 150, seed: 7 }).filter((needle) => needle !== '')
    const folded = { bytes: 'Subject: lunch\r\n\tat  one\r\n\r\nlunch  late\r\n' }
    await imap.deliver('INBOX', [...letters, folded])
    const { client, ask } = await selecting()
    const searches = needles.flatMap((needle) => {
      const octets = Buffer.from(needle)
      const names = ['Subject', 'Content-Type', 'constructor'].map((name) => `HEADER ${name}`)
      return ['TEXT', 'BODY', 'SUBJECT', 'FROM', 'NOT BODY', ...names].map(
        (key) => `SEARCH CHARSET UTF-8 ${key} {${octets.length}+}\r\n${octets.toString('latin1')}`,
      )
    })
    const blanks = ['SUBJECT "lunch at one"', 'SUBJECT "lunch  at"', 'TEXT "lunch  at"', 'TEXT "lunch  late"']
    searches.push(...blanks.map((key) => `SEARCH ${key}`))
    const all = async () => {
      const answers: string[] = []
      for (const [i, search] of searches.entries()) answers.push(await ask(`s${i}`, search))
      return answers
    }
    const scanned = await all()
    await indexAll()
    const indexed = await all()
    client.socket.destroy()
    expect(new Set(scanned).size).to.be.above(50) // they do find things
    expect(scanned.slice(-blanks.length)).to.deep.equal(blanks.map(() => `* SEARCH ${letters.length + 1}`))
    for (const [i, search] of searches.entries()) expect(indexed[i], JSON.stringify(search)).to.equal(scanned[i])
  })

  it('it is asked for every text of a search, wherever that stands', async () => {
    const many = Array.from({ length: 30 }, (_, i) => letter(i < 2 ? 'lunch' : 'dinner', 'one')) // of few all are read
    await imap.deliver('INBOX', many)
    await indexAll()
    const asked: string[] = []
    const { texts } = imap.store
    const { find } = texts
    texts.find = (account, where, needle) => {
      asked.push(`${where} ${needle}`)
      return find(account, where, needle)
    }
    const { client, ask } = await selecting()
    const search = 'SEARCH NOT BODY aaa OR (SUBJECT lunch NOT HEADER X-Y bbb) (TEXT ccc FROM ddd)'
    expect(await ask('s', search)).to.equal('* SEARCH 1 2')
    client.socket.destroy()
    expect(asked).to.deep.equal(['body aaa', 'subject lunch', 'header bbb', 'text ccc', 'from ddd'])
  })

  it('what a body has within a word is sure, what a header has there may be', async () => {
    await imap.deliver('INBOX', [letter('one', 'lunchtime'), letter('two', 'a launch'), letter('a_lunch', 'no')])
    await indexAll()
    expect(await idsFor('body', 'Lunch')).to.deep.equal({ sure: [1], maybe: [] })
    expect(await idsFor('body', 'unch')).to.deep.equal({ sure: [1, 2], maybe: [] })
    expect(await idsFor('body', 'h no')).to.deep.equal({ sure: [], maybe: [] })
    expect(await idsFor('body', 'a la')).to.deep.equal({ sure: [], maybe: [2] })
    expect(await idsFor('text', 'lunch')).to.deep.equal({ sure: [1, 3], maybe: [1, 3] })
    expect(await idsFor('text', 'unch')).to.deep.equal({ sure: [1, 2], maybe: [1, 2, 3] })
    expect(await idsFor('subject', 'unc')).to.deep.equal({ sure: [3], maybe: [] })
  })
  it('where too many words have it, what begins one is sure, and what is within one may be', async () => {
    const many = Array.from({ length: 300 }, (_, n) => `${n}lunch`).join(' ')
    await imap.deliver('INBOX', [letter('one', many), letter('two', 'lunchtime'), letter('three', 'l-unch')])
    await indexAll()
    expect(await idsFor('body', 'lunch')).to.deep.equal({ sure: [2], maybe: [1, 2] })
    expect(await idsFor('body', '17lunch')).to.deep.equal({ sure: [1], maybe: [] })
  })
  it('of words too long to be kept whole, which has it is read', async () => {
    const long = 'x'.repeat(33_000)
    await imap.deliver('INBOX', [
      letter('one', `${long}north`),
      letter('two', `${long}south`),
      letter('three', 'north'),
    ])
    await indexAll()
    expect(await idsFor('body', 'north')).to.deep.equal({ sure: [3], maybe: [1, 3] })
    expect(await idsFor('text', 'south')).to.deep.equal({ sure: [], maybe: [2] })
    expect((await idsFor('body', `${long}n`))?.sure).to.deep.equal([])
  })
  it('a header is looked into to its end, however many it names', async () => {
    const to = Array.from({ length: 4000 }, (_, n) => `person${n}@example.org`).join(',\r\n ')
    await imap.deliver('INBOX', [{ bytes: `To: ${to}\r\nSubject: last of all\r\n\r\nx\r\n` }])
    const [{ id = 0 } = {}] = await imap.messages('INBOX')
    expect((await headers(imap.store.db, [id])).get(id)?.fields.at(-1)?.value).to.equal('last of all')
    await indexAll()
    expect((await idsFor('subject', 'last'))?.sure).to.deep.equal([1])
  })
  it('a file is found by its name with TEXT, and not with BODY', async () => {
    const part = 'Content-Type: application/pdf;\r\n\tname="invoice 42.pdf"\r\n\r\ndata'
    const bytes = `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n${part}\r\n--b--\r\n`
    const coded = bytes.replace('name="invoice 42.pdf"', "name*0*=utf-8''%C3%9Cber;\r\n\tname*1*=sicht.pdf")
    await imap.deliver('INBOX', [{ bytes }, letter('other', 'letter'), { bytes: coded }])
    const client = new Client(connect(imap.port, '127.0.0.1'))
    const ask = async (command: string): Promise<string> => {
      client.send(`t ${command}`)
      for (let told = ''; ; ) {
        const line = (await client.line()) ?? 't '
        if (line.startsWith('* SEARCH')) told = line
        if (line.startsWith('t ')) return told
      }
    }
    await ask('LOGIN ann@a.test secret')
    await ask('SELECT INBOX')
    expect(await ask('SEARCH TEXT "pdf; NAME=\\"Invoice 42"')).to.equal('* SEARCH 1')
    expect(await ask('SEARCH BODY "invoice 42"')).to.equal('* SEARCH')
    expect(await ask('SEARCH TEXT "bersicht.pdf"')).to.equal('* SEARCH 3')
    client.socket.destroy()
    await indexAll()
    expect(await idsFor('text', 'invoice')).to.deep.equal({ sure: [1], maybe: [1] })
    expect((await idsFor('text', 'oice 42'))?.maybe).to.deep.equal([1])
    expect((await idsFor('text', 'übersicht.pdf'))?.maybe).to.deep.equal([3])
    expect((await idsFor('body', 'invoice'))?.sure).to.deep.equal([])
  })
  it('in a large message, the header of one inside is looked into, too', async () => {
    const filler = `${'x'.repeat(998)}\r\n`.repeat(1200)
    const parts = ['message/rfc822\r\n\r\nSubject: innermost\r\n\r\ndeep', `application/zip\r\n\r\n${filler}`]
    const body = parts.map((part) => `--b\r\nContent-Type: ${part}\r\n`).join('')
    await imap.deliver('INBOX', [{ bytes: `Content-Type: multipart/mixed; boundary=b\r\n\r\n${body}--b--\r\n` }])
    await indexAll()
    expect((await idsFor('body', 'innermost'))?.sure).to.deep.equal([1])
    expect((await idsFor('body', 'deep'))?.sure).to.deep.equal([1])
  })
  it('a large message of many small parts is read in few pieces', async () => {
    const parts = Array.from({ length: 2000 }, (_, n) => `--b\r\n\r\npart ${n} ${'x'.repeat(900)}\r\n`)
    const bytes = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${parts.join('')}--b--\r\n`
    await imap.deliver('INBOX', [{ bytes }])
    const [row] = await imap.messages('INBOX')
    const { read } = imap.store.db
    let reads = 0
    const one: typeof read.one = (...args) => {
      reads++
      return read.one(...args)
    }
    const texts = await bodyTexts({ ...imap.store.db, read: { ...read, one } }, row ? [row] : [])
    expect(texts.get(row?.id ?? 0)?.body).to.match(/^part 0 x+\npart 1 .*\npart 1999 x+$/s)
    expect(reads).to.be.below(5)
  })
  it('letters that become many fill the memory no more than others', async () => {
    const text = `${'\ufdfa'.repeat(300)}\r\n`.repeat(1000) // folded, each is 18
    const parts = Array.from({ length: 4 }, () => `--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${text}\r\n`)
    const bytes = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${parts.join('')}--b--\r\n`
    await imap.deliver('INBOX', [{ bytes }])
    const [row] = await imap.messages('INBOX')
    const texts = await bodyTexts(imap.store.db, row ? [row] : [])
    expect(texts.get(row?.id ?? 0)?.body).to.have.lengthOf.within((2 << 20) - 100, 2 << 20)
  })
  it('one that is locked is not made anew: it is asked again', async () => {
    await imap.deliver('INBOX', [letter('x', 'the needle')])
    await indexAll()
    await imap.store.texts.close()
    const other = await openSqlite(textIndexFile(imap.store.home), 'lock')
    await other.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    const texts = openTextIndex(imap.store.home)
    expect(await texts.upTo().catch((error: Error) => error.message)).to.match(/SQLITE_BUSY/)
    await other.close()
    expect(await texts.upTo()).to.be.greaterThan(0)
    await texts.close()
  }).timeout(20_000)

  it('two letters, and controls, it does not know', async () => {
    expect(await idsFor('body', 'ab')).to.equal(undefined)
    expect(await idsFor('body', 'ab\tc')).to.equal(undefined)
  })
  it("nobody finds another's", async () => {
    await imap.deliver('INBOX', [letter('one', 'lunch')])
    await indexAll()
    const { sure, maybe, upTo } = (await imap.store.texts.find(imap.account.id + 1, 'text', 'lunch')) as Hits
    expect([sure.size, maybe.size, upTo]).to.deep.equal([0, 0, 1])
  })
  it('what came later is beyond it until the next batch', async () => {
    await imap.deliver('INBOX', [letter('one', 'lunch')])
    await indexAll()
    await imap.deliver('INBOX', [letter('two', 'lunch')])
    const { sure, upTo } = (await imap.store.texts.find(imap.account.id, 'text', 'lunch')) as Hits
    expect([[...sure], upTo]).to.deep.equal([[1], 1])
  })
  it('a message that is gone is taken out, and its id is noted until then', async () => {
    await imap.deliver('INBOX', [letter('one', 'lunch'), letter('two', 'lunch')])
    await indexAll()
    const { db, texts } = imap.store
    const inbox = await find(db, imap.account.id, 'INBOX')
    await takeOut(db, inbox?.id ?? 0, [1])
    await clearLeft(db)
    expect(await db.read.all('SELECT message FROM unindexed')).to.deep.equal([{ message: 1 }])
    expect(await forgetNext(db, texts)).to.equal(true)
    expect(await forgetNext(db, texts)).to.equal(false)
    expect(await idsFor('text', 'lunch')).to.deep.equal({ sure: [2], maybe: [2] })
  })
  it('words that only letters had which are gone are forgotten, and none that a body still has', async () => {
    const long = 'x'.repeat(40_000) // FTS5 keeps 32 768 of it
    const many = Array.from({ length: 6000 }, (_, n) => `word${n}`).join(' ') // more than one look takes
    await imap.deliver('INBOX', [letter('dinner', `secret lunch ${many}`), letter('secret', `lunch word7 ${long}`)])
    await indexAll()
    const { db, texts } = imap.store
    const inbox = await find(db, imap.account.id, 'INBOX')
    await takeOut(db, inbox?.id ?? 0, [1])
    await clearLeft(db)
    await forgetNext(db, texts)
    for (let after: string | undefined = ''; after !== undefined; ) after = await texts.forgetWords(after)
    const index = await openSqlite(textIndexFile(imap.store.home), 'read')
    const words = (await index.all<{ word: string }>('SELECT word FROM term')).map(({ word }) => word)
    await index.close()
    expect(words).to.have.members(['lunch', 'word7', long])
    expect(await idsFor('body', 'xxxx')).to.deep.equal({ sure: [], maybe: [2] })
    expect((await idsFor('body', 'unch'))?.sure).to.deep.equal([2])
    expect((await idsFor('text', 'secret'))?.sure).to.deep.equal([2])
  })
  it('a copy is found as the message is', async () => {
    await imap.deliver('INBOX', [letter('one', 'lunch')])
    await indexAll()
    const { db } = imap.store
    const [inbox, archive] = [await find(db, imap.account.id, 'INBOX'), await find(db, imap.account.id, 'Archive')]
    await copyTo(db, inbox?.id ?? 0, [1], archive?.id ?? 0)
    await indexAll()
    const [copy] = await imap.messages('Archive')
    expect((await idsFor('body', 'lunch'))?.sure).to.include(copy?.id)
  })
  for (const what of ['rubbish', 'an index of another format'] as const)
    it(`${what} in its place is thrown away, and made again`, async () => {
      await imap.deliver('INBOX', [letter('one', 'lunch')])
      if (what === 'rubbish') await writeFile(textIndexFile(imap.store.home), 'rubbish'.repeat(1000))
      else {
        const other = await openSqlite(textIndexFile(imap.store.home), 'write')
        await other.exec('CREATE TABLE trigram (x); PRAGMA user_version = 99')
        await other.close()
      }
      expect(await imap.store.texts.upTo()).to.equal(0)
      await indexAll()
      expect((await idsFor('body', 'lunch'))?.sure).to.deep.equal([1])
      expect(await view(imap.store.db, 1)).to.have.length(1)
    })
})
