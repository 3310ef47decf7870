import { connect } from 'node:net'
import { expect } from 'chai'
import { baseSubject } from '../../src/mail/subject.ts'
import { Client } from '../dialogue/run.ts'
import { seeded } from '../village/random.ts'
import { startTestImap } from './server.ts'

describe('SORT and THREAD, again and again', () => {
  it('answer for the mailbox as it is: what came since is among them, what went is not', async () => {
    const imap = await startTestImap()
    const client = new Client(connect(imap.port, '127.0.0.1'))
    const ask = async (command: string): Promise<string> => {
      client.send(`t ${command}`)
      let told = ''
      for (let line = ''; !line.startsWith('t '); ) {
        line = (await client.line()) ?? 't gone'
        if (/^\* (SORT|THREAD)/.test(line)) told = line
      }
      return told
    }
    const random = seeded(7)
    const here: { uid: number; subject: string; from: string; at: number }[] = []
    await ask('LOGIN ann@a.test secret')
    await ask('SELECT INBOX')
    for (let round = 0; round < 30; round++) {
      const fresh = Array.from({ length: random.between(0, 6) }, () => ({
        subject: `${random.pick(['', 'Re: '])}${random.pick(['apple', 'Pear', 'fig', 'plum'])}`,
        from: random.pick(['zoe', 'bob', 'Mia']),
        at: Date.UTC(2026, 0, random.between(1, 9)),
      }))
      const letters = fresh.map(({ subject, from, at }) => ({
        bytes: `From: ${from}@b.test\r\nSubject: ${subject}\r\nDate: ${new Date(at).toUTCString()}\r\n\r\nx\r\n`,
      }))
      const uids = await imap.deliver('INBOX', letters)
      fresh.forEach((each, i) => void here.push({ ...each, uid: uids[i] ?? 0 }))
      await ask('NOOP') // so that the session has heard of them
      for (let i = random.between(0, 4); i > 0 && here.length > 0; i--) {
        const [gone] = here.splice(random.between(0, here.length - 1), 1)
        await ask(`UID STORE ${gone?.uid} +FLAGS.SILENT (\\Deleted)`)
      }
      await ask('EXPUNGE')
      const key = ({ subject }: (typeof here)[number]) => baseSubject(subject).text.toUpperCase()
      const less = (a: string | number, b: string | number) => (a < b ? -1 : a > b ? 1 : 0)
      const sorted = here.toSorted(
        (a, b) => less(key(a), key(b)) || less(b.from.toUpperCase(), a.from.toUpperCase()) || less(a.uid, b.uid),
      )
      const expected = ['* SORT', ...sorted.map(({ uid }) => uid)].join(' ')
      expect(await ask('UID SORT (SUBJECT REVERSE FROM) UTF-8 ALL')).to.equal(expected)
      const threads = new Map<string, number[]>()
      for (const each of here.toSorted((a, b) => less(a.at, b.at) || less(a.uid, b.uid)))
        threads.set(key(each), [...(threads.get(key(each)) ?? []), each.uid])
      const told = [...threads.values()].map(([first, ...rest]) =>
        rest.length > 1 ? `(${first} ${rest.map((uid) => `(${uid})`).join('')})` : `(${[first, ...rest].join(' ')})`,
      )
      expect(await ask('UID THREAD ORDEREDSUBJECT UTF-8 ALL')).to.equal(
        told.length === 0 ? '* THREAD' : `* THREAD ${told.join('')}`,
      )
    }
    client.socket.destroy()
    await imap.close()
  })
})

describe('Messages with headers of nearly a MiB', () => {
  for (const command of ['SORT (SUBJECT) UTF-8 ALL', 'THREAD REFERENCES UTF-8 ALL', 'SEARCH THREADID T0'])
    it(`are read so that some megabytes are in memory at once: ${command}`, async () => {
      const imap = await startTestImap()
      const client = new Client(connect(imap.port, '127.0.0.1'))
      const ask = async (command: string): Promise<string> => {
        client.send(`t ${command}`)
        for (;;) {
          const line = (await client.line(20_000)) ?? 't gone'
          if (line.startsWith('t ')) return line
        }
      }
      await imap.deliver('INBOX', [{ bytes: `Subject: ${'long '.repeat(180_000)}\r\n\r\nx\r\n` }])
      await ask('LOGIN ann@a.test secret')
      await ask('SELECT INBOX')
      for (let i = 0; i < 7; i++) await ask('COPY 1:* INBOX')
      const { read } = imap.store.db
      const counts: number[] = []
      const all: typeof read.all = (sql, params = []) => {
        if (sql.includes('JOIN parsed'))
          counts.push(...params.map((param) => (Array.isArray(param) ? param.length : 0)))
        return read.all(sql, params)
      }
      imap.store.db.read = { ...read, all }
      expect(await ask(command)).to.match(/^t OK/)
      expect(counts).to.deep.equal([37, 37, 37, 17])
      client.socket.destroy()
      await imap.close()
    })
})
