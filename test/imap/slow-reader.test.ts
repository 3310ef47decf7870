/**
 * Clients that ask for much and stop reading. What the server holds for one is what waits in its own socket to that
 * client (`writableLength`, taken after each write), seen from here because both ends are in this process.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'chai'
import { until } from '../../scripts/neighbourhood.ts'
import { store as storeFlags } from '../../store/flag.ts'
import { find } from '../../store/mailbox.ts'
import { INLINE_MAX } from '../../store/spool.ts'
import { Client } from '../dialogue/run.ts'
import { mostHeld } from '../fixture/memory.ts'
import { bodiesOpen } from '../store/home.ts'
import { Answer, hashOf } from './answer.ts'
import { type Letter, letter, startTestImap, type TestImap } from './server.ts'

/** gateway/imap/output.ts: with so much unread it writes no more. */
const HIGH_BYTES = 262_144
/** So it holds less than that and one piece more: a body kept in a row (64 KiB), or what is read of a file at once. */
const HELD_MAX = HIGH_BYTES + Math.max(INLINE_MAX, 262_144)

/** The server's end of a connection. */
type Served = { socket: Socket; mostHeld: number }

describe('IMAP: a client that stops reading', () => {
  let imap: TestImap
  const opened: Socket[] = []
  const served = new Map<number, Served>()
  const onServed = (message: unknown) => {
    const { socket } = message as { socket: Socket }
    const entry: Served = { socket, mostHeld: 0 }
    const { write } = socket
    socket.write = ((...args: Parameters<typeof write>) => {
      const result = write.apply(socket, args)
      entry.mostHeld = Math.max(entry.mostHeld, socket.writableLength)
      return result
    }) as typeof write
    served.set(socket.remotePort ?? 0, entry)
  }
  before(() => subscribe('net.server.socket', onServed))
  after(() => void unsubscribe('net.server.socket', onServed))
  afterEach(async () => {
    for (const socket of opened.splice(0)) socket.destroy()
    served.clear()
    await imap.close()
  })

  const open = async (mailbox: string): Promise<Client> => {
    const socket = connect({ port: imap.port, host: '127.0.0.1', noDelay: true })
    opened.push(socket)
    const client = new Client(socket)
    await client.line()
    await ask(client, 'l', 'LOGIN ann@a.test secret')
    await ask(client, 's', `SELECT ${mailbox}`)
    return client
  }
  const ask = async (client: Client, tag: string, command: string): Promise<string[]> => {
    client.send(`${tag} ${command}`)
    const lines: string[] = []
    for (;;) {
      const line = await client.line(20_000)
      if (line === undefined) throw new Error(`closed in answer to ${command}`)
      lines.push(line)
      if (line.startsWith(`${tag} `)) return lines
    }
  }
  /** From here on the client's bytes go to the answer, when it reads. */
  const stall = async (client: Client, command: string): Promise<{ answer: Answer; server: Served }> => {
    const { socket } = client
    const server = served.get(socket.localPort ?? 0)
    if (!server) throw new Error('the server has no such connection')
    const answer = new Answer()
    socket.removeAllListeners('data')
    socket.pause()
    socket.on('data', (chunk: Buffer) => answer.push(chunk))
    socket.pause()
    client.send(`f ${command}`)
    while (server.socket.writableLength < HIGH_BYTES) await wait(5)
    return { answer, server }
  }
  const readOn = async (client: Client, { lines }: Answer): Promise<string[]> => {
    client.socket.resume()
    while (!lines.at(-1)?.startsWith('f ')) await once(client.socket, 'data')
    return lines
  }
  /** Small ones lie in rows, every tenth in a file; together 38 MB, several times what two kernels' buffers take. */
  const mixed = (): Letter[] =>
    Array.from({ length: 200 }, (_, i) => ({
      bytes: Buffer.concat([
        Buffer.from(`Subject: ${i + 1}\r\n\r\n`),
        Buffer.alloc(i % 10 === 0 ? 1_500_000 + i : 30_000 + 100 * i, `line ${i} of a long letter\r\n`),
      ]),
    }))

  it('holds a bounded part of the answer, serves the others, and then gets the whole right', async function () {
    this.timeout(60_000)
    imap = await startTestImap()
    const letters = mixed()
    const total = letters.reduce((sum, { bytes }) => sum + bytes.length, 0)
    await imap.deliver('INBOX', letters)
    await imap.deliver('Archive', [letter(1)])
    const [slow, same, other] = [await open('INBOX'), await open('INBOX'), await open('Archive')]
    const { answer, server } = await stall(slow, 'FETCH 1:* BODY.PEEK[]')

    for (let i = 1; i <= 20; i++) {
      const number = 10 * i
      expect(await ask(same, `a${i}`, `FETCH ${number} BODY.PEEK[HEADER]`)).to.include(`Subject: ${number}`)
      expect((await ask(same, `b${i}`, `STORE ${number} +FLAGS (\\Flagged)`)).at(-1)).to.match(/ OK/)
      expect(await ask(other, `c${i}`, 'FETCH 1 BODY.PEEK[TEXT]')).to.include('Hello 1')
    }
    await imap.deliver('INBOX', [letter(201)])
    expect(await ask(same, 'n', 'NOOP')).to.include('* 201 EXISTS')
    // It still waits, and has begun no more than it may.
    expect(server.socket.writableLength).to.be.at.least(HIGH_BYTES)
    expect(server.socket.bytesWritten).to.be.below(total)
    expect(answer.lines).to.deep.equal([])

    const lines = await readOn(slow, answer)
    expect(server.mostHeld).to.be.within(HIGH_BYTES, HELD_MAX)
    expect(lines.slice(0, 200)).to.deep.equal(
      letters.map(({ bytes }, i) => `* ${i + 1} FETCH (BODY[] ${hashOf(bytes)})`),
    )
    expect(lines).to.include('* 201 EXISTS')
    expect(lines.filter((line) => /FETCH \(.*\\Flagged/.test(line))).to.have.length(20)
    expect(lines.at(-1)).to.equal('f OK Fetched')
  })

  it('that asks for the same many times holds no more', async function () {
    this.timeout(60_000)
    imap = await startTestImap()
    const bytes = Buffer.alloc(60_000, 'as large as a row takes\r\n')
    await imap.deliver('INBOX', [{ bytes }, { bytes: Buffer.concat([bytes, bytes]) }])
    const slow = await open('INBOX')
    const items = Array.from({ length: 150 }, () => 'BODY.PEEK[]').join(' ')
    const { answer, server } = await stall(slow, `FETCH 1 (${items})`)
    const lines = await readOn(slow, answer)
    expect(server.mostHeld).to.be.within(HIGH_BYTES, HELD_MAX)
    const told = Array.from({ length: 150 }, () => `BODY[] ${hashOf(bytes)}`).join(' ')
    expect(lines).to.deep.equal([`* 1 FETCH (${told})`, 'f OK Fetched'])
  })

  it('that asks for a hundred pieces of one letter has a few of them read and open at a time', async function () {
    this.timeout(60_000)
    imap = await startTestImap()
    const text = Buffer.from(Array.from({ length: 100_000 }, (_, i) => `line ${i} of a letter\r\n`).join(''))
    await imap.deliver('INBOX', [{ bytes: text }])
    const slow = await open('INBOX')
    // Some as large as are read at once, some larger, which are streamed.
    const pieces = Array.from({ length: 100 }, (_, i) => [i, i % 2 === 0 ? 1 << 20 : 1_500_000] as const)
    const items = pieces.map(([from, count]) => `BODY.PEEK[]<${from}.${count}>`).join(' ')
    let stalled: Awaited<ReturnType<typeof stall>> | undefined
    const held = await mostHeld(async () => {
      stalled = await stall(slow, `FETCH 1 (${items})`)
    })
    expect(held).to.be.below(12 << 20) // of 125 MiB
    expect((await bodiesOpen(imap.store.home)).length).to.be.within(1, 20)
    if (!stalled) return expect.fail('it was asked')
    const lines = await readOn(slow, stalled.answer)
    const told = pieces.map(([from, count]) => `BODY[]<${from}> ${hashOf(text.subarray(from, from + count))}`)
    expect(lines).to.deep.equal([`* 1 FETCH (${told.join(' ')})`, 'f OK Fetched'])
  })

  for (const items of ['BODY.PEEK[]', '(BODY.PEEK[] BODY.PEEK[TEXT] BODY.PEEK[]<1.900000>)'])
    it(`and goes away in the midst of ${items} leaves no file open and gives its place back`, async function () {
      this.timeout(60_000)
      imap = await startTestImap({ sessionsPerAccount: 1 })
      const text = Buffer.alloc(20 << 20, 'one long letter, kept in a file\r\n')
      await imap.deliver('INBOX', [{ bytes: Buffer.concat([Buffer.from('Subject: long\r\n\r\n'), text]) }])
      const slow = await open('INBOX')
      const { server } = await stall(slow, `FETCH 1 ${items}`)
      expect(await bodiesOpen(imap.store.home)).to.not.deep.equal([])
      const warnings: string[] = []
      const onWarning = ({ message }: Error) => void warnings.push(message)
      process.on('warning', onWarning)
      slow.socket.destroy()
      while (!server.socket.closed) await wait(5)
      while ((await bodiesOpen(imap.store.home)).length > 0) await wait(5)
      // Closed by whoever opened them, not by the collection of garbage: of that Node warns.
      process.off('warning', onWarning)
      expect(warnings).to.deep.equal([])
      // The account has one place: it is free again.
      const next = await open('INBOX')
      expect((await ask(next, 'x', 'FETCH 1 RFC822.SIZE')).at(-1)).to.equal('x OK Fetched')
      expect(imap.log.filter((line) => line.includes('"fault"'))).to.deep.equal([])
    })

  it('and is silent until it is told goodbye loses its connection, though little waits for it', async () => {
    imap = await startTestImap({ timing: { userIdleMs: 1000, goodbyeMs: 500 } })
    await imap.deliver('INBOX', [{ bytes: Buffer.alloc(60_000, 'as large as a row takes\r\n') }])
    const slow = await open('INBOX')
    const server = served.get(slow.socket.localPort ?? 0)
    slow.socket.pause()
    while (server?.socket.writableLength === 0) {
      slow.send('f FETCH 1 BODY.PEEK[]')
      await wait(5)
    }
    await until('it is ended', async () => server?.socket.closed === true)
  })

  it('and asked NOTIFY to tell it is told the last of the news when it has caught up', async function () {
    this.timeout(60_000)
    imap = await startTestImap()
    const uids = await imap.deliver(
      'INBOX',
      Array.from({ length: 500 }, (_, i) => letter(i)),
    )
    const slow = await open('INBOX')
    await ask(slow, 'n', 'NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))')
    const server = served.get(slow.socket.localPort ?? 0)
    const inbox = await find(imap.store.db, imap.account.id, 'INBOX')
    slow.socket.pause()
    for (let i = 0; (server?.socket.writableLength ?? 0) < HIGH_BYTES; i++) {
      const keywords = Array.from({ length: 40 }, (_, n) => `${i}-${n}-${'x'.repeat(80)}`).join(' ')
      await storeFlags(imap.store.db, inbox?.id ?? 0, uids, { mode: 'set', flags: 0, keywords })
      await wait(20)
    }
    await imap.deliver('INBOX', [letter(501)])
    await wait(50)
    slow.socket.resume()
    let line: string | undefined
    do line = await slow.line(20_000)
    while (line !== undefined && line !== '* 501 EXISTS')
    expect(line).to.equal('* 501 EXISTS')
  })

  it('sees every message whole that another expunges meanwhile, and hears of it afterwards', async function () {
    this.timeout(60_000)
    imap = await startTestImap({ timing: { expungedRestMs: 5 } })
    const letters = mixed()
    await imap.deliver('INBOX', letters)
    const [slow, other] = [await open('INBOX'), await open('INBOX')]
    const { answer, server } = await stall(slow, 'FETCH 1:* (UID BODY.PEEK[])')
    // Some are told already, one is being told, most are to come; of those in files and of those in rows.
    await ask(other, 'a', 'STORE 1:3,11,100:199 +FLAGS.SILENT (\\Deleted)')
    expect((await ask(other, 'b', 'EXPUNGE')).filter((line) => line.endsWith(' EXPUNGE'))).to.have.length(104)
    await imap.deliver('INBOX', [letter(201)])
    expect(await ask(other, 'c', 'NOOP')).to.include('* 97 EXISTS')
    const kept = async () =>
      (await imap.store.db.read.range<{ uid: number }>('SELECT uid FROM message WHERE mailbox IS NULL')).length
    expect(server.socket.writableLength).to.be.at.least(HIGH_BYTES)
    expect(answer.lines).to.deep.equal([])

    const lines = await readOn(slow, answer)
    expect(lines.slice(0, 200)).to.deep.equal(
      letters.map(({ bytes }, i) => `* ${i + 1} FETCH (UID ${i + 1} BODY[] ${hashOf(bytes)})`),
    )
    // FETCH by number says nothing that would change the numbers (RFC 3501 §7.4.1).
    expect(lines.filter((line) => line.endsWith(' EXPUNGE'))).to.deep.equal([])
    expect(lines.at(-1)).to.equal('f OK Fetched')
    expect(await kept()).to.equal(104)

    lines.length = 0
    slow.send('f NOOP')
    const known = Array.from({ length: 200 }, (_, i) => i + 1)
    for (const line of await readOn(slow, answer)) {
      const [, number] = /^\* (\d+) EXPUNGE$/.exec(line) ?? []
      if (number) known.splice(Number(number) - 1, 1)
    }
    expect(known).to.deep.equal((await imap.messages('INBOX')).map(({ uid }) => uid).filter((uid) => uid <= 200))
    lines.length = 0
    slow.send('f FETCH 97 UID')
    expect(await readOn(slow, answer)).to.include('* 97 FETCH (UID 201)')
    while ((await kept()) > 0) await wait(5)
  })
})
