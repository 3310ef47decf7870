import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { expect } from 'chai'
import { capabilities } from '../../gateway/imap/capability.ts'
import { codes } from '../../gateway/imap/code.ts'
import { commands } from '../../gateway/imap/command/table.ts'
import type { State } from '../../gateway/imap/command.ts'
import { Refusal } from '../../src/refusal.ts'
import { find, subscribe } from '../../store/mailbox.ts'
import { setQuota } from '../../store/quota.ts'
import { deflated } from '../dialogue/deflated.ts'
import { codesOf, exchangesOf, shownBy, states } from '../dialogue/exchange.ts'
import { runDialogue, type Steps } from '../dialogue/run.ts'
import { letter, type Options, startTestImap, type TestImap } from './server.ts'

const part = (encoding: string, body: string) =>
  `--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${body}\r\n`
const encoded = [
  'Content-Type: multipart/mixed; boundary=b\r\n\r\n',
  part('base64', 'SGVsbG8g\r\nV29ybGQ=\r\n'),
  part('Quoted-Printable', 'caf=3D  \r\n=20=\r\nx'),
  part('x-odd', 'y'),
  part('base64', 'YQBi'),
  '--b--\r\n',
].join('')
const folder = join(import.meta.dirname, '../dialogue/imap')
/** The octets of each: a UTF-8 character is as many as it has there. */
const dialogues = new Map(
  readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .map((name) => [name, readFileSync(join(folder, name), 'latin1')]),
)

/** What a dialogue needs to be otherwise than it usually is. */
const options: Record<string, Options> = {
  '3501-6.2.3-privacy.txt': { plainLoopback: false },
  '5530-limit.txt': { sessionLimit: 3, sessionsPerAccount: 1 },
  '5530-unavailable.txt': { login: async () => new Refusal('login-throttled', 'Too many guesses; wait a minute') },
  '9585-inprogress.txt': { timing: { progressMs: 0 } },
}

describe('IMAP dialogues', () => {
  let imap: TestImap
  afterEach(() => imap.close())

  const change = (sql: string, params: readonly (string | number)[]) =>
    imap.store.db.transaction((tx) => tx.run(sql, params))
  let delivered = 0
  const steps: Steps = {
    /** `! deliver INBOX 3`: three letters, numbered through the dialogue. */
    async deliver([mailbox = 'INBOX', count = '1']) {
      const letters = Array.from({ length: Number(count) }, () => letter(++delivered))
      await imap.deliver(mailbox, letters)
    },
    /** `! validity INBOX 77`: a UIDVALIDITY that the dialogue can name. */
    async validity([mailbox = 'INBOX', value = '1']) {
      await change('UPDATE mailbox SET uid_validity = ? WHERE name = ?', [Number(value), mailbox])
    },
    /** `! forget INBOX 8`: what vanished up to that modseq is beyond the horizon. */
    async forget([mailbox = 'INBOX', modseq = '1']) {
      await change('UPDATE mailbox SET vanished_after = ? WHERE name = ?', [Number(modseq), mailbox])
      await change('DELETE FROM vanished WHERE modseq <= ? AND mailbox = (SELECT id FROM mailbox WHERE name = ?)', [
        Number(modseq),
        mailbox,
      ])
    },
    /** One letter of four parts, each encoded in another way. */
    async encoded([mailbox = 'INBOX']) {
      await imap.deliver(mailbox, [{ bytes: encoded }])
    },
    async quota([bytes]) {
      await setQuota(imap.store.db, imap.account.id, Number(bytes))
    },
    /** `! noted 40 INBOX`: so many times, in one moment, a hundred long names of what was noted of a mailbox. */
    async noted([times, mailbox = 'INBOX']) {
      const { store, account } = imap
      const found = await find(store.db, account.id, mailbox)
      const names = Array.from({ length: 100 }, (_, i) => `/private/${i}/${'x'.repeat(240)}`)
      for (let i = 0; i < Number(times); i++)
        store.db.changes.emit('change', { on: 'annotated', mailbox: found?.id ?? 0, account: account.id, names })
    },
    async unsubscribe(names) {
      for (const name of names) await subscribe(imap.store.db, imap.account.id, name, false)
    },
    async tls(_, client) {
      client.change((socket) => connectTls({ socket, rejectUnauthorized: false, servername: 'localhost' }))
      await once(client.socket, 'secureConnect')
    },
    /** `! 2 together b1 NOOP | b2 NOOP`: in one packet. */
    async together(words, client) {
      client.send(words.join(' ').replaceAll(' | ', '\r\n'))
    },
    /** The client compresses from here on, and reads what is. RFC 4978. */
    async deflate(_, client) {
      client.change(deflated)
    },
    /** `! long INBOX 100000`: a letter of so many octets, whose body is a file. */
    async long([mailbox = 'INBOX', octets = '1']) {
      await imap.deliver(mailbox, [{ bytes: Buffer.alloc(Number(octets), 'Subject: long\r\n') }])
    },
    /** Somebody clears away what lies below `blob/`. */
    async mislay() {
      await rm(join(imap.store.home, 'blob'), { recursive: true })
    },
    /** The store fails whoever asks it for mailboxes from here on. */
    async breaks() {
      await change('ALTER TABLE mailbox RENAME TO mislaid', [])
    },
    /** `! flood 5000`: so many octets, and no end of line. */
    async flood([octets], client) {
      client.socket.write(Buffer.alloc(Number(octets), 'x'))
    },
    async wait([ms = '50']) {
      await wait(Number(ms))
    },
  }

  const open = async (): Promise<Socket> => {
    const socket = connect(imap.port, '127.0.0.1')
    await once(socket, 'connect')
    return socket
  }

  for (const [name, text] of dialogues) {
    const claim = Buffer.from(/^# (.*)$/m.exec(text)?.[1] ?? '', 'latin1').toString()
    it(`${name.slice(0, -4)}: ${claim}`, async () => {
      imap = await startTestImap({ appendLimit: 100_000, ...options[name] })
      delivered = 0
      await runDialogue(text, open, steps)
    })
  }
})

describe('what the IMAP dialogues show', () => {
  const all = [...dialogues.values()]
  const exchanges = all.flatMap(exchangesOf)

  it(`${exchanges.length} exchanges in ${all.length} dialogues: 400 at least`, () => {
    expect(exchanges.length).to.be.at.least(400)
  })

  it('each is named for the RFC whose rules it shows', () => {
    expect([...dialogues.keys()].filter((name) => !/^\d{4}-[\w.-]+\.txt$/.test(name))).to.deep.equal([])
  })

  it('every command, in every state', () => {
    const met = new Set(exchanges.map(({ state, command }) => `${command}, ${state}`))
    const wanted = [...commands.keys()].flatMap((command) => states.map((state) => `${command}, ${state}`))
    expect(wanted.filter((one) => !met.has(one))).to.deep.equal([])
  })

  it('a command out of its place is BAD, and done somewhere in its place', () => {
    for (const [name, command] of commands) {
      const of = exchanges.filter((one) => one.command === name)
      const isPlace = (state: (typeof states)[number]) => command.in.includes(placeOf(state))
      expect(new Set(of.filter(({ state }) => !isPlace(state)).map(({ answer }) => answer))).not.to.include('OK')
      // Rights cannot be given: acl.ts.
      const best = name === 'SETACL' || name === 'DELETEACL' ? 'NO' : 'OK'
      expect(of.filter(({ state, answer }) => isPlace(state) && answer === best, name).length, name).to.be.above(0)
    }
  })

  it('a command with words that are none of its own is BAD in its place', () => {
    const met = exchanges.filter(({ answer }) => answer === 'BAD')
    const lacking = [...commands].filter(
      ([name, command]) => !met.some((one) => one.command === name && command.in.includes(placeOf(one.state))),
    )
    expect(lacking.map(([name]) => name)).to.deep.equal([])
  })

  it('every response code that is sent, and no other', () => {
    expect([...new Set(all.flatMap(codesOf))].sort()).to.deep.equal([...codes].sort())
  })

  it('every capability, and no other', () => {
    const clear = { canStartTls: true, canBind: false, isCompressed: false, edge: { config: { appendLimit: 1 } } }
    const secured = { ...clear, mayLogIn: true, canStartTls: false, canBind: true }
    const offered = [
      { ...clear, mayLogIn: false, account: undefined },
      { ...secured, account: undefined },
      { ...secured, account: 'ann' },
    ].flatMap((session) =>
      capabilities(session)
        .replace(/APPENDLIMIT=1$/, 'APPENDLIMIT')
        .split(' '),
    )
    expect(all.flatMap(shownBy).sort()).to.deep.equal([...new Set(offered)].sort())
    const table = readFileSync(join(import.meta.dirname, '../../docs/imap.md'), 'utf8')
    const isTold = (word: string) => table.includes(word.replace(/^(AUTH|THREAD)=/, ''))
    expect(offered.filter((word) => !isTold(word))).to.deep.equal([])
  })
})

const placeOf = (state: (typeof states)[number]): State =>
  state === 'not authenticated' ? 'unauthenticated' : state === 'read-only' ? 'selected' : state
