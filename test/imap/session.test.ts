import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { expect } from 'chai'
import fc from 'fast-check'
import { openLogins } from '../../gateway/login.ts'
import { remove as removeAccount } from '../../store/account.ts'
import { store as storeFlags } from '../../store/flag.ts'
import { find, remove } from '../../store/mailbox.ts'
import { view } from '../../store/message.ts'
import { copy } from '../../store/move.ts'
import { removePassword, setPassword } from '../../store/password.ts'
import { Client } from '../dialogue/run.ts'
import { corpus } from '../fixture/corpus.ts'
import { mostHeld } from '../fixture/memory.ts'
import { takeOut } from '../store/home.ts'
import { letter, startTestImap, type TestImap } from './server.ts'

/** A client that numbers its commands and gathers their answers. */
class Mail extends Client {
  private count = 0

  /** Untagged lines, then the tagged one. */
  async ask(command: string): Promise<string[]> {
    const tag = `t${++this.count}`
    this.send(`${tag} ${command}`)
    const lines: string[] = []
    for (;;) {
      const line = await this.line(20_000)
      if (line === undefined) throw new Error(`closed in answer to ${command}, after ${lines.join(' / ')}`)
      lines.push(line)
      if (line.startsWith(`${tag} `)) return lines
    }
  }

  /** The size and bytes of the one literal in the answer. */
  async literal(command: string): Promise<Buffer> {
    const text = (await this.ask(command)).join('\r\n')
    const [head = '', size = ''] = /\{(\d+)\}\r\n/.exec(text) ?? []
    const from = text.indexOf(head) + head.length
    return Buffer.from(text.slice(from, from + Number(size)), 'latin1')
  }
}

describe('IMAP sessions', () => {
  let imap: TestImap
  const opened: Socket[] = []
  afterEach(async () => {
    for (const socket of opened.splice(0)) socket.destroy()
    await imap.close()
  })

  const open = async (): Promise<Mail> => {
    const socket = connect({ port: imap.port, host: '127.0.0.1', noDelay: true })
    opened.push(socket)
    return new Mail(socket)
  }
  const logIn = async (mailbox?: string): Promise<Mail> => {
    const client = await open()
    await client.line()
    await client.ask('LOGIN ann@a.test secret')
    if (mailbox) await client.ask(`SELECT ${mailbox}`)
    return client
  }
  const idOf = async (name: string): Promise<number> => {
    const found = await find(imap.store.db, imap.account.id, name)
    if (!found) throw new Error(`no mailbox ${name}`)
    return found.id
  }
  /** The store is busy until the other change waits, and the command behind it. */
  const inTurn = async <T>(change: () => Promise<unknown>, ask: () => Promise<T>): Promise<T> => {
    let release = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const busy = imap.store.db.transaction(() => gate)
    const changed = change()
    await wait(50)
    const answer = ask()
    await wait(100)
    release()
    await Promise.all([busy, changed])
    return answer
  }

  describe('limits', () => {
    it('a stranger who says nothing is told goodbye', async () => {
      imap = await startTestImap({ timing: { strangerIdleMs: 60 } })
      const client = await open()
      expect(await client.line()).to.match(/^\* OK/)
      expect(await client.line()).to.match(/^\* BYE/)
      expect(await client.line()).to.equal(undefined)
    })
    it('and so is one who talks on without logging in', async () => {
      imap = await startTestImap({ timing: { loginDeadlineMs: 150 } })
      const client = await open()
      await client.line()
      const talk = async () => {
        for (;;) {
          await client.ask('NOOP')
          await wait(20)
        }
      }
      expect(await talk().catch((error: Error) => error.message)).to.match(/^closed/)
    })
    it('a user who says nothing is logged out, one who idles too', async () => {
      imap = await startTestImap({ timing: { userIdleMs: 1000 } })
      const [silent, idle] = [await logIn(), await logIn('INBOX')]
      idle.send('i IDLE')
      expect(await idle.line()).to.match(/^\+/)
      expect(await silent.line()).to.match(/^\* BYE Autologout/)
      expect(await idle.line()).to.match(/^\* BYE Autologout/)
    })
    it('one address has so many connections, and all together so many', async () => {
      imap = await startTestImap({ sessionLimit: 3, sessionsPerAddress: 1 }) // on loopback that makes two
      const first = await open()
      await first.line()
      await (await open()).line()
      const third = await open()
      expect(await third.line()).to.match(/^\* BYE \[LIMIT\]/)
      expect(await third.line()).to.equal(undefined)
      expect(imap.log.join('')).to.contain('turned-away')
      first.socket.destroy()
      while (!/^\* OK/.test((await (await open()).line()) ?? '')) await wait(20)
    })
    it('one account has so many sessions', async () => {
      imap = await startTestImap({ sessionsPerAccount: 1 })
      const first = await logIn()
      const second = await open()
      await second.line()
      expect(await second.ask('LOGIN ann@a.test secret')).to.match(/NO \[LIMIT\]/)
      await first.ask('LOGOUT')
      while (!/OK/.test(String(await second.ask('LOGIN ann@a.test secret')))) await wait(20)
    })
    it('a wrong password is logged with whose it should be and where it came from, and never itself', async () => {
      imap = await startTestImap()
      const client = await open()
      await client.line()
      await client.ask('LOGIN ann@a.test hunter2')
      const line = imap.log.find((each) => each.includes('login-refused')) ?? '{}'
      expect(JSON.parse(line)).to.include({ level: 'warn', account: 'ann@a.test', remote: '127.0.0.1' })
      expect(imap.log.join('')).not.to.contain('hunter2')
    })
    it('a message that is not kept is logged, with whose it was', async () => {
      imap = await startTestImap()
      const client = await logIn('INBOX')
      await client.ask('APPEND INBOX {0+}\r\n')
      const line = imap.log.find((each) => each.includes('"refused"')) ?? '{}'
      expect(JSON.parse(line)).to.include({ code: 'message-malformed', account: 'ann@a.test' })
    })
    const many = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\n'.repeat(9500)}--b--\r\n`
    for (const [what, message, count] of [
      ['as many as a command has room for', 'a', 10_000],
      ['ten that are nothing but parts, though they are files', many, 10],
    ] as const)
      it(`messages of one command hold so much memory: not ${what}`, async () => {
        imap = await startTestImap()
        const client = await logIn()
        const answer = await client.ask(`APPEND INBOX${` {${message.length}+}\r\n${message}`.repeat(count)}`)
        expect(answer).to.deep.equal(['t2 NO [LIMIT] These are too many messages for one command'])
        expect((await client.ask(`APPEND INBOX {${message.length}+}\r\n${message}`)).at(-1)).to.match(/ OK /)
        expect(await imap.messages('INBOX')).to.have.length(1)
      })
    for (const [items, told] of [
      ['BODY.PEEK[9500.MIME]', 'BODY[9500.MIME] {2}'],
      ['(UID BODYSTRUCTURE)', 'BODYSTRUCTURE (("text" "plain"'],
    ] as const)
      it(`of messages of thousands of parts ${items} reads some megabytes at a time`, async () => {
        imap = await startTestImap()
        const client = await logIn()
        await client.ask(`APPEND INBOX {${many.length}+}\r\n${many}`)
        await client.ask('SELECT INBOX')
        for (let i = 0; i < 6; i++) await client.ask('COPY 1:* INBOX')
        const { read } = imap.store.db
        const sizes: number[] = []
        const texts: typeof read.texts = async (...args) => {
          const rows = await read.texts(...args)
          sizes.push([...rows.values()].reduce((sum, row) => sum + Object.values(row).join('').length, 0))
          return rows
        }
        imap.store.db.read = { ...read, texts }
        const lines = await client.ask(`FETCH 1:* ${items}`)
        expect(lines.filter((line) => line.includes(told))).to.have.length(64)
        expect(lines.at(-1)).to.match(/ OK /)
        expect(Math.max(...sizes)).to.be.within(10 << 20, 17 << 20) // all at once, 80 MB and 45
      })
    it('a preview is made and kept once for all copies of a message', async () => {
      imap = await startTestImap()
      await imap.deliver('INBOX', [letter(1), letter(2)])
      const client = await logIn('INBOX')
      for (let i = 0; i < 3; i++) await client.ask('COPY 1:* INBOX')
      const { db } = imap.store
      const transaction = db.transaction.bind(db)
      const kept: number[] = []
      db.transaction = (work) =>
        transaction((tx) =>
          work({
            ...tx,
            updateMany: (...args) => {
              kept.push(args[3].length)
              return tx.updateMany(...args)
            },
          }),
        )
      for (const _ of [1, 2]) {
        const lines = await client.ask('FETCH 1:* PREVIEW')
        expect(lines.filter((line) => /PREVIEW "Hello [12]"/.test(line))).to.have.length(16)
      }
      expect(kept).to.deep.equal([2])
    })
    it('an endless line ends in BYE, and is logged', async () => {
      imap = await startTestImap()
      const client = await open()
      await client.line()
      for (let i = 0; i < 40 && !client.socket.destroyed; i++) client.socket.write(Buffer.alloc(65_536, 'a'))
      expect(await client.line()).to.match(/BAD/)
      expect(await client.line()).to.match(/^\* BYE \[TOOBIG\]/)
      expect(imap?.log.filter((line) => line.includes('"event":"endless"'))).to.have.lengthOf(1)
    })
    it('a client that asks and does not read is not written to without end', async () => {
      imap = await startTestImap()
      await imap.deliver('INBOX', [{ bytes: Buffer.alloc(8 << 20, 'abcdefg\r\n') }])
      const client = await logIn('INBOX')
      client.socket.pause()
      const held = await mostHeld(async () => {
        for (let i = 0; i < 40; i++) client.send(`x${i} FETCH 1 BODY.PEEK[]`)
        await wait(500)
      })
      expect(held).to.be.below(16 << 20) // of 320 MiB that it asked for
    })
    it('TLS 1.1 is refused, a stranger on a TLS port as well, and both are logged', async () => {
      imap = await startTestImap()
      const old = connectTls({
        port: imap.tlsPort,
        host: '127.0.0.1',
        rejectUnauthorized: false,
        maxVersion: 'TLSv1.1',
        minVersion: 'TLSv1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      })
      const [error] = await once(old, 'error')
      expect(String(error)).to.match(/alert|protocol|version/i)
      const plain = connect(imap.tlsPort, '127.0.0.1')
      opened.push(plain)
      plain.on('error', () => {})
      plain.write('a1 NOOP\r\nwhatever\r\n')
      plain.resume()
      await once(plain, 'close')
      while (imap.log.filter((line) => line.includes('handshake-failed')).length < 2) await wait(5)
    })
    it('who looks whether the port is open is logged in words', async () => {
      imap = await startTestImap()
      const looking = connect(imap.tlsPort, '127.0.0.1')
      looking.on('error', () => {})
      await once(looking, 'connect')
      looking.end()
      while (!imap.log.some((line) => line.includes('handshake-failed'))) await wait(5)
      expect(imap.log.find((line) => line.includes('handshake-failed'))).to.match(/"why":"Error: [a-zA-Z ]{10}/)
    })
    it('a handshake that is never finished is given up', async () => {
      imap = await startTestImap({ timing: { handshakeMs: 100 } })
      const half = connect(imap.tlsPort, '127.0.0.1')
      opened.push(half)
      half.on('error', () => {})
      half.resume()
      await once(half, 'close')
    })
    it('no password passes in the clear unless the gateway says so', async () => {
      imap = await startTestImap({ plainLoopback: false })
      const client = await open()
      expect(await client.line())
        .to.contain('LOGINDISABLED')
        .and.not.contain('AUTH=PLAIN')
      expect((await client.ask('LOGIN ann@a.test secret')).at(-1)).to.contain('NO [PRIVACYREQUIRED]')
      expect((await client.ask('AUTHENTICATE PLAIN AGFubkBhLnRlc3QAc2VjcmV0')).at(-1)).to.contain(
        'NO [PRIVACYREQUIRED]',
      )
      await client.ask('STARTTLS')
      client.change((socket) => connectTls({ socket, rejectUnauthorized: false }))
      expect((await client.ask('LOGIN ann@a.test secret')).at(-1)).to.contain('OK')
    })
  })

  it('a message whose body was taken off the disk is told to the log, once', async () => {
    imap = await startTestImap()
    const bytes = Buffer.alloc(100_000, 'abcdefg\r\n')
    const [, uid] = await imap.deliver('INBOX', [letter(1), { bytes }, { bytes }])
    const [row] = await imap.store.db.read.all<{ file: string }>(
      'SELECT file FROM body JOIN message ON message.body = body.id WHERE uid = 2',
    )
    await rm(join(imap.store.home, 'blob', row?.file ?? 'none'))
    const [one, other] = [await logIn('INBOX'), await logIn('INBOX')]
    for (const client of [one, one, other]) {
      const lines = await client.ask('UID FETCH 1:* BODY.PEEK[]')
      expect(lines.filter((line) => line.includes('FETCH ('))).to.have.length(2)
    }
    await one.ask('STORE 3 +FLAGS (\\Deleted)')
    await one.ask('EXPUNGE')
    await other.ask('FETCH 3 BODY.PEEK[]') // which is there as long as it is shown
    const lines = imap.log.filter((line) => line.includes('body-lost')).map((line) => JSON.parse(line))
    expect(lines).to.have.length(1)
    expect(lines[0]).to.include({ level: 'warn', account: 'ann@a.test', mailbox: 'INBOX', uid, file: row?.file })
  })

  describe('a password that goes', () => {
    const start = async () => {
      const limits = { failures: 10, windowMs: 60_000 }
      imap = await startTestImap({ logins: ({ db }) => openLogins(db, limits, new Set(['a.test']))('imap') })
      for (const label of ['phone', 'laptop']) await setPassword(imap.store.db, imap.account, label, `my ${label}`)
    }
    const from = async (label: string, mailbox?: string): Promise<Mail> => {
      const client = await open()
      await client.line()
      expect((await client.ask(`LOGIN ann@a.test "my ${label}"`)).at(-1)).to.contain(' OK ')
      if (mailbox) await client.ask(`SELECT ${mailbox}`)
      return client
    }
    const bye = /^\* BYE The password you logged in with has been removed or changed$/
    const gone = async (client: Mail) => {
      expect(await client.line()).to.match(bye)
      expect(await client.line()).to.equal(undefined)
    }

    it('ends the sessions it let in, in IDLE, too, and no others', async () => {
      await start()
      const [waiting, idle, sending, other, stranger] = [
        await from('phone'),
        await from('phone', 'INBOX'),
        await from('phone'),
        await from('laptop'),
        await from('phone'),
      ]
      await stranger.ask('UNAUTHENTICATE')
      idle.send('i IDLE')
      await idle.line()
      sending.send('a APPEND INBOX {1000+}')
      sending.send('Subject: half of it')
      await wait(100) // it is taken up, and waits for the rest
      await removePassword(imap.store.db, imap.account.id, 'phone')
      for (const client of [waiting, idle, sending]) await gone(client)
      expect(await imap.messages('INBOX')).to.deep.equal([])
      expect((await other.ask('NOOP')).at(-1)).to.contain(' OK ')
      expect((await stranger.ask('LOGIN ann@a.test "my laptop"')).at(-1)).to.contain(' OK ')
      const lines = imap.log.filter((line) => line.includes('session-ended')).map((line) => JSON.parse(line))
      expect(lines).to.have.length(3)
      expect(lines[0]).to.include({ level: 'info', account: 'ann@a.test', label: 'phone', remote: '127.0.0.1' })
      expect(imap.log.join('')).not.to.contain('my phone')
    })
    it('does so when its label is given another, and when its account is removed', async () => {
      await start()
      const [first, second] = [await from('phone'), await from('laptop', 'INBOX')]
      await setPassword(imap.store.db, imap.account, 'phone', 'another one')
      await gone(first)
      await removeAccount(imap.store.db, imap.account.id)
      await gone(second)
    })
    it('lets an answer be finished before, for a while', async () => {
      await start()
      const text = 'x'.repeat(998)
      await imap.deliver('INBOX', [{ bytes: `${text}\r\n`.repeat(20_000) }])
      const [reader, stuck] = [await from('phone', 'INBOX'), await from('phone', 'INBOX')]
      for (const client of [reader, stuck]) {
        client.send('f FETCH 1 BODY.PEEK[]')
        await client.line()
        client.socket.pause()
        client.send('s STORE 1 +FLAGS (\\Deleted)')
      }
      await removePassword(imap.store.db, imap.account.id, 'phone')
      const rest = async (client: Mail) => {
        client.socket.resume()
        for (;;) {
          const line = await client.line()
          if (line !== text) return line
        }
      }
      expect(await rest(reader)).to.equal(')')
      expect(await reader.line()).to.match(/^f OK/)
      expect(await reader.line()).to.match(bye)
      await wait(3500)
      expect(await rest(stuck)).to.equal(undefined)
      expect((await imap.messages('INBOX'))[0]?.flags).to.equal(0)
    })
    it('does nothing for who does not read the goodbye', async () => {
      await start()
      let pending = () => 0
      const onServed = (message: unknown) => {
        const { socket } = message as { socket: Socket }
        pending = () => socket.writableLength
      }
      subscribe('net.server.socket', onServed)
      const client = await from('phone')
      unsubscribe('net.server.socket', onServed)
      await imap.deliver('INBOX', [{ bytes: Buffer.alloc(60_000, 'abcdefg\r\n') }])
      await client.ask('SELECT INBOX')
      client.socket.pause()
      while (pending() === 0) {
        client.send('f FETCH 1 BODY.PEEK[]')
        await wait(5)
      }
      await removePassword(imap.store.db, imap.account.id, 'phone')
      client.send('s STORE 1 +FLAGS (\\Deleted)')
      await wait(300)
      expect((await imap.messages('INBOX'))[0]?.flags).to.equal(0)
    })
    for (const [how, ask] of [
      ['NOTIFY', 'NOTIFY SET (selected (MessageNew (BODY.PEEK[]) MessageExpunge))'],
      ['IDLE', 'SEARCH RETURN (UPDATE (BODY.PEEK[])) ALL'],
    ] as const)
      it(`lets what ${how} tells be finished before`, async () => {
        await start()
        const client = await from('phone', 'INBOX')
        await client.ask(ask)
        if (how === 'IDLE') {
          client.send('i IDLE')
          await client.line()
        }
        const text = 'x'.repeat(998)
        await imap.deliver('INBOX', [{ bytes: `${text}\r\n`.repeat(20_000) }])
        while (!(await client.line())?.includes(' FETCH (')) {}
        client.socket.pause()
        await wait(100)
        await removePassword(imap.store.db, imap.account.id, 'phone')
        await wait(100)
        client.socket.resume()
        let line = await client.line()
        let count = 0
        for (; line === text; count++) line = await client.line()
        expect([count, line]).to.deep.equal([20_000, ')'])
        while (line?.startsWith('* BYE') === false) line = await client.line()
        expect(line).to.match(bye)
        expect(await client.line()).to.equal(undefined)
      })
    it('lets nobody in who logs in at that moment', async () => {
      await start()
      const client = await open()
      await client.line()
      const answer = await inTurn(
        () => removePassword(imap.store.db, imap.account.id, 'phone'),
        () => client.ask('LOGIN ann@a.test "my phone"'),
      )
      expect(answer.at(-1)).to.contain(' NO [AUTHENTICATIONFAILED] ')
    })
  })

  describe('stopping', () => {
    it('says goodbye to who waits, and lets an answer be finished before', async () => {
      imap = await startTestImap()
      await imap.deliver('INBOX', [{ bytes: Buffer.alloc(2 << 20, 'abcdefg\r\n') }])
      const [idle, reader] = [await logIn('INBOX'), await logIn('INBOX')]
      idle.send('i IDLE')
      await idle.line()
      reader.send('f FETCH 1 BODY.PEEK[]')
      expect(await reader.line()).to.match(/^\* 1 FETCH/)
      reader.socket.pause()
      const closed = imap.edge.close()
      expect(await idle.line()).to.match(/^\* BYE/)
      reader.socket.resume()
      let line = await reader.line()
      while (line === 'abcdefg') line = await reader.line()
      expect(line).to.match(/\)$/)
      expect(await reader.line()).to.match(/^f OK/)
      expect(await reader.line()).to.match(/^\* BYE/)
      await closed
    })
  })

  describe('bytes', () => {
    it('every message of the corpus is told byte for byte, and taken byte for byte', async () => {
      imap = await startTestImap()
      await imap.deliver(
        'INBOX',
        corpus.map(({ bytes }) => ({ bytes })),
      )
      const client = await logIn('INBOX')
      for (const [i, { name, bytes }] of corpus.entries()) {
        expect((await client.literal(`FETCH ${i + 1} BODY.PEEK[]`)).equals(bytes), name).to.equal(true)
        const [header, body] = [
          await client.literal(`FETCH ${i + 1} RFC822.HEADER`),
          await client.literal(`FETCH ${i + 1} BODY.PEEK[TEXT]`),
        ]
        expect(Buffer.concat([header, body]).equals(bytes), name).to.equal(true)
        if (bytes.length === 0 || bytes.includes(0)) continue
        client.socket.write(`p${i} APPEND Archive {${bytes.length}+}\r\n`)
        client.socket.write(Buffer.concat([bytes, Buffer.from('\r\n')]))
        expect(await client.line(), name).to.match(/OK \[APPENDUID/)
      }
      await client.ask('SELECT Archive')
      const taken = corpus.filter(({ bytes }) => bytes.length > 0 && !bytes.includes(0))
      for (const [i, { name, bytes }] of taken.entries())
        expect((await client.literal(`FETCH ${i + 1} BODY.PEEK[]`)).equals(bytes), name).to.equal(true)
    })
    it('a NUL is refused', async () => {
      imap = await startTestImap()
      const client = await logIn()
      client.send('n APPEND INBOX {9+}')
      client.send('A: b\r\n\r\n\0')
      expect(await client.line()).to.match(/n NO \[CANNOT\]/)
      client.send('o APPEND INBOX ~{9+}')
      client.send('A: b\r\n\r\n\0')
      expect(await client.line()).to.match(/o NO \[UNKNOWN-CTE\]/) // RFC 3516 §4.3
      expect(await imap.messages('INBOX')).to.deep.equal([])
    })
    it('a large message streams in and out, in pieces and whole', async function () {
      this.timeout(60_000)
      imap = await startTestImap({ appendLimit: 256 << 20 })
      const client = await logIn()
      const size = 96 << 20
      const head = Buffer.from('Subject: large\r\n\r\n')
      const block = Buffer.alloc(1 << 20, 'All work and no play makes Jack a dull boy.\r\n')
      client.send(`a APPEND INBOX {${head.length + size}}`)
      expect(await client.line()).to.match(/^\+/)
      client.socket.write(head)
      const heldIn = await mostHeld(async () => {
        for (let sent = 0; sent < size; sent += block.length)
          if (!client.socket.write(block)) await once(client.socket, 'drain')
      })
      client.send('')
      expect(await client.line(30_000)).to.match(/OK \[APPENDUID/)
      await client.ask('SELECT INBOX')
      expect(await client.literal('FETCH 1 BODY.PEEK[TEXT]<1048570.20>')).to.deep.equal(
        Buffer.concat([block, block]).subarray(1048570, 1048590),
      )
      client.socket.removeAllListeners('data')
      let received = 0
      client.socket.on('data', (chunk: Buffer) => {
        received += chunk.length
      })
      const heldOut = await mostHeld(async () => {
        client.send('b FETCH 1 BODY.PEEK[]')
        while (received < size + head.length) await wait(20)
      })
      expect(Math.max(heldIn, heldOut)).to.be.below(32 << 20) // both ends are in this process
    })
  })

  describe('bulk', () => {
    it('SELECT of 10 000 messages and FETCH of their flags ask the store a few times, not each', async function () {
      this.timeout(60_000)
      imap = await startTestImap()
      await imap.deliver(
        'INBOX',
        Array.from({ length: 10_000 }, (_, i) => letter(i)),
      )
      const client = await logIn()
      const { read } = imap.store.db
      let reads = 0
      const counted =
        <Args extends unknown[], Result>(work: (...args: Args) => Result) =>
        (...args: Args): Result => {
          reads++
          return work(...args)
        }
      imap.store.db.read = { all: counted(read.all), one: counted(read.one), range: counted(read.range) } as typeof read
      expect(await client.ask('SELECT INBOX')).to.include('* 10000 EXISTS')
      expect(await client.ask('FETCH 1:* (FLAGS UID INTERNALDATE RFC822.SIZE)')).to.have.length(10_001)
      expect(await client.ask('UID SEARCH UNSEEN')).to.have.length(2)
      expect(reads).to.be.below(12)
    })

    it('a SEARCH of two thousand keys lets others in between', async function () {
      this.timeout(60_000)
      imap = await startTestImap()
      await imap.deliver(
        'INBOX',
        Array.from({ length: 1000 }, (_, i) => letter(i)),
      )
      const client = await logIn('INBOX')
      const words = Array.from({ length: 50 }, (_, i) => `keyword${i}`)
      await client.ask(`STORE 1:* FLAGS.SILENT (${words.join(' ')})`)
      const keys = Array.from({ length: 1900 }, (_, i) => `UNKEYWORD k${i}`)
      const turns = [process.cpuUsage().user]
      const timer = setInterval(() => turns.push(process.cpuUsage().user), 5)
      const [found] = await client.ask(`SEARCH ${keys.join(' ')}`)
      clearInterval(timer)
      turns.push(process.cpuUsage().user)
      expect(found?.split(' ')).to.have.length(1002)
      const longest = Math.max(...turns.map((at, i) => at - (turns[i - 1] ?? at)))
      const all = (turns.at(-1) ?? 0) - (turns[0] ?? 0)
      expect(longest).to.be.below(all / 10)
    })
  })

  it('what is told again is not read again; a header too long to be kept is looked through each time', async () => {
    imap = await startTestImap()
    const long = `Subject: long\r\n${'X-Filler: some seventy octets of nothing at all, over and over again.\r\n'.repeat(30_000)}\r\nx\r\n`
    await imap.deliver('INBOX', [letter(1), { bytes: long }, letter(3)])
    const client = await logIn('INBOX')
    const listing = 'FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (SUBJECT)])'
    const first = await client.ask(listing)
    expect(first.slice(0, -1).join('\n')).to.match(/Subject: .*Subject: long.*Subject: /s)
    const { read } = imap.store.db
    let reads = 0
    const texts: typeof read.texts = (...args) => {
      reads++
      return read.texts(...args)
    }
    imap.store.db.read = { ...read, texts }
    await client.ask('STORE 1 FLAGS.SILENT (\\Flagged)')
    const again = await client.ask(listing)
    expect(again.slice(1, -1)).to.deep.equal(first.slice(1, -1))
    expect(again[0]).to.equal(first[0]?.replace('FLAGS (\\Recent)', 'FLAGS (\\Flagged \\Recent)'))
    expect(reads, 'for the long one alone').to.equal(1)
    await client.ask(listing.replace('1:*', '1,3'))
    expect(reads).to.equal(1)
  })

  describe('several at once', () => {
    it('a move in one is told to all, in the order each may be told', async () => {
      imap = await startTestImap()
      await imap.deliver('INBOX', [letter(1), letter(2), letter(3)])
      const [one, two] = [await logIn('INBOX'), await logIn('INBOX')]
      await one.ask('MOVE 1 Archive')
      expect(await two.ask('FETCH 2:3 UID')).to.deep.equal(['* 2 FETCH (UID 2)', '* 3 FETCH (UID 3)', 't3 OK Fetched'])
      expect(await two.ask('STORE 1 +FLAGS (x)')).to.deep.equal([
        't4 NO [EXPUNGEISSUED] Some of these messages are gone',
      ])
      expect(await two.ask('NOOP')).to.deep.equal(['* 1 EXPUNGE', 't5 OK Done'])
    })
    it('what another changed while a STORE in silence waited is told all the same', async () => {
      imap = await startTestImap()
      await imap.deliver('INBOX', [letter(1), letter(2)])
      const one = await logIn('INBOX')
      const { db } = imap.store
      const inbox = await idOf('INBOX')
      const answer = await inTurn(
        () => storeFlags(db, inbox, [1], { mode: 'add', flags: 4 }),
        () => one.ask('STORE 1:2 +FLAGS.SILENT (\\Seen)'),
      )
      expect(answer).to.deep.equal(['* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen \\Recent))', 't3 OK Stored'])
    })

    it('what another changed while a long message was told is told behind it', async () => {
      imap = await startTestImap()
      await imap.deliver('INBOX', [letter(1, { bytes: `Subject: long\r\n\r\n${'x'.repeat(12 << 20)}` })])
      const one = await logIn('INBOX')
      one.socket.pause()
      const answer = one.ask('FETCH 1 (FLAGS BODY.PEEK[])')
      await wait(100) // it begins, and waits for who does not read
      await storeFlags(imap.store.db, await idOf('INBOX'), [1], { mode: 'add', flags: 4 })
      one.socket.resume()
      expect((await answer).at(-2)?.slice(0, 80)).to.equal('* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent))')
    })

    it('a mailbox that another deleted is not there for who has it selected, but can be left', async () => {
      imap = await startTestImap()
      const other = await logIn()
      await other.ask('CREATE Soon')
      await imap.deliver('Soon', [letter(1)])
      const clients = await Promise.all(Array.from({ length: 6 }, () => logIn('Soon')))
      await other.ask('DELETE Soon')
      const commands = ['STORE 1 +FLAGS (\\Seen)', 'UID COPY 1 INBOX', 'MOVE 1 INBOX', 'FETCH 1 BODY[]', 'SEARCH ALL']
      for (const [i, command] of commands.entries())
        expect(await clients[i]?.ask(command), command).to.deep.equal([
          '* BYE The mailbox you had selected was deleted elsewhere',
          't3 NO [NONEXISTENT] The mailbox you had selected was deleted elsewhere',
        ])
      expect(await clients[5]?.ask('CLOSE')).to.deep.equal(['t3 OK Closed'])
    })

    it('a mailbox that another deletes while it is being selected is not there', async () => {
      imap = await startTestImap()
      const one = await logIn()
      await one.ask('CREATE Soon')
      const answer = await inTurn(
        () => remove(imap.store.db, imap.account.id, 'Soon'),
        () => one.ask('SELECT Soon'),
      )
      expect(answer).to.deep.equal(['t3 NO [NONEXISTENT] There is no such mailbox'])
      expect((await one.ask('UNSELECT')).at(-1)).to.match(/^t4 BAD/)
    })

    it('what a command by numbers no longer found, its mailbox deleted meanwhile, is gone', async () => {
      imap = await startTestImap()
      const other = await logIn()
      await other.ask('CREATE Soon')
      await imap.deliver('Soon', [letter(1)])
      const clients = [await logIn('Soon'), await logIn('Soon')]
      const answers = await inTurn(
        () => remove(imap.store.db, imap.account.id, 'Soon'),
        async () => Promise.all(['STORE 1 +FLAGS (\\Seen)', 'COPY 1 INBOX'].map((each, i) => clients[i]?.ask(each))),
      )
      for (const answer of answers) expect(answer?.at(-1)).to.match(/^t3 NO \[EXPUNGEISSUED\]/)
    })

    for (const command of ['COPY', 'MOVE'])
      it(`of the numbers of a ${command} all are done or none, also where one goes meanwhile`, async () => {
        imap = await startTestImap()
        await imap.deliver('INBOX', [letter(1), letter(2), letter(3)])
        const [one, other] = [await logIn('INBOX'), await logIn('INBOX')]
        const inbox = await idOf('INBOX')
        const answer = await inTurn(
          () => takeOut(imap.store.db, inbox, [2]),
          () => one.ask(`${command} 1:3 Archive`),
        )
        expect(answer.at(-1)).to.match(/^t3 NO \[EXPUNGEISSUED\]/)
        expect(await imap.messages('Archive')).to.deep.equal([])
        const byUid = await inTurn(
          () => takeOut(imap.store.db, inbox, [3]),
          () => other.ask(`UID ${command} 1:3 Archive`),
        )
        expect(byUid.join()).to.match(/\[COPYUID \d+ 1 1\]/)
      })

    it('of what comes while a command runs NOTIFY fetches what it asked for in its answer', async () => {
      imap = await startTestImap()
      const one = await logIn('INBOX')
      await one.ask('NOTIFY SET (selected (MessageNew (UID) MessageExpunge))')
      const answer = await inTurn(
        () => imap.deliver('INBOX', [letter(1), letter(2)]),
        () => one.ask('CREATE Soon'),
      )
      expect(answer.slice(0, -1)).to.deep.equal(['* 2 EXISTS', '* 2 RECENT', '* 1 FETCH (UID 1)', '* 2 FETCH (UID 2)'])
    })

    it('what is fetched of new messages does not hide that an older one went', async () => {
      imap = await startTestImap()
      await imap.deliver('INBOX', [letter(1), letter(2)]) // 2 is the modseq of both
      const one = await logIn()
      await one.ask('ENABLE CONDSTORE')
      await one.ask('SELECT INBOX')
      await one.ask('UID SEARCH RETURN (UPDATE (UID)) ALL')
      await takeOut(imap.store.db, await idOf('INBOX'), [1])
      await imap.deliver('INBOX', [letter(3)])
      expect(await one.ask('FETCH 2 FLAGS')).to.deep.equal([
        '* 2 FETCH (FLAGS (\\Recent) MODSEQ (2))',
        '* ESEARCH (TAG "t4") UID REMOVEFROM (0 1)',
        '* 3 EXISTS',
        '* 3 RECENT',
        '* 3 FETCH (UID 3 MODSEQ (4))',
        '* ESEARCH (TAG "t4") UID ADDTO (0 3)',
        '* OK [HIGHESTMODSEQ 2] So far',
        't5 OK Fetched',
      ])
    })

    it('what is fetched in IDLE for a search kept up to date has nothing in its midst', async () => {
      imap = await startTestImap()
      await imap.deliver('INBOX', [letter(1)])
      const one = await logIn('INBOX')
      await one.ask('SEARCH RETURN (UPDATE (BODY.PEEK[])) ALL')
      one.send('i IDLE')
      await one.line()
      const long = `Subject: long\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(100_000)}`
      await imap.deliver('INBOX', [letter(2, { bytes: long })])
      const inbox = await idOf('INBOX')
      for (const mode of ['add', 'remove', 'add', 'remove', 'add'] as const) {
        await storeFlags(imap.store.db, inbox, [1], { mode, flags: 4 })
        await wait(1)
      }
      one.send('DONE')
      const lines: string[] = []
      while (!lines.at(-1)?.startsWith('i ')) lines.push((await one.line()) ?? 'i')
      const text = lines.join('\r\n')
      const head = `* 2 FETCH (BODY[] {${long.length}}\r\n`
      expect(text).to.include(head)
      expect(text.includes(`${head}${long})\r\n`)).to.equal(true)
    })

    it('what NOTIFY fetches has no answer in its midst, not to what is no command either', async () => {
      imap = await startTestImap()
      const one = await logIn('INBOX')
      await one.ask('NOTIFY SET (selected (MessageNew (BODY.PEEK[]) MessageExpunge))')
      const long = `Subject: long\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(100_000)}`
      await imap.deliver('INBOX', [letter(1, { bytes: long })])
      const lines: string[] = []
      while (!lines.at(-1)?.startsWith('* 1 FETCH')) lines.push((await one.line()) ?? '')
      one.send('i BOGUS')
      one.send('i SELECT {5}')
      while (!lines.at(-1)?.startsWith('+ ')) lines.push((await one.line()) ?? '+ ')
      const text = lines.join('\r\n')
      const head = `* 1 FETCH (BODY[] {${long.length}}\r\n`
      expect(text.includes(`${head}${long})\r\ni BAD `)).to.equal(true)
    })

    it('what comes while other mailboxes are told is told to who asked by NOTIFY, behind the answer', async () => {
      imap = await startTestImap()
      const one = await logIn('INBOX')
      await one.ask('NOTIFY SET (selected (MessageNew MessageExpunge)) (personal (MessageNew MessageExpunge))')
      const { read } = imap.store.db
      const all: typeof read.all = async (...args) => {
        imap.store.db.read = read
        await imap.deliver('INBOX', [letter(2)])
        return read.all(...args)
      }
      const answer = await inTurn(
        async () => {
          await imap.deliver('Archive', [letter(1)])
          imap.store.db.read = { ...read, all } // the next to ask for rows is the answer
        },
        () => one.ask('CREATE Soon'),
      )
      expect(answer[0]).to.match(/^\* STATUS "Archive" \(MESSAGES 1 /)
      expect(answer).to.have.length(2)
      expect(await one.line()).to.equal('* 1 EXISTS')
    })

    it('a message that one expunged can be read by the other until it is told, and is then cleared away', async () => {
      imap = await startTestImap({ timing: { expungedRestMs: 5 } })
      await imap.deliver('INBOX', [letter(1), letter(2), letter(3)])
      const [one, two] = [await logIn('INBOX'), await logIn('INBOX')]
      const left = async () =>
        (await imap.store.db.read.range<{ uid: number }>('SELECT uid FROM message WHERE mailbox IS NULL')).map(
          ({ uid }) => uid,
        )
      await imap.deliver('INBOX', [letter(4)])
      await one.ask('NOOP')
      await one.ask('STORE 1,4 +FLAGS.SILENT (\\Deleted)')
      expect(await one.ask('EXPUNGE')).to.include('* 1 EXPUNGE')
      // The fourth was never shown to the other: it goes when the first is looked at, and stays.
      while ((await left()).includes(4)) await wait(5)
      expect(await left()).to.deep.equal([1])
      expect(`${await two.literal('FETCH 1 BODY[]')}`).to.contain('Hello 1')
      expect((await two.ask('FETCH 1:2 ENVELOPE')).filter((line) => line.startsWith('* '))).to.have.length(2)
      expect(await two.ask('NOOP')).to.include('* 1 EXPUNGE')
      while ((await left()).length > 0) await wait(5)
      expect(await two.ask('FETCH 1 UID')).to.include('* 1 FETCH (UID 2)')
    })

    it('what could not be cleared away, the disk being full, is cleared once it can be', async () => {
      imap = await startTestImap({ timing: { expungedRestMs: 5 } })
      const { db } = imap.store
      await imap.deliver('INBOX', [{ ...letter(1), flags: 8 }])
      const client = await logIn('INBOX')
      const refusing = "CREATE TRIGGER refusing BEFORE DELETE ON message BEGIN SELECT RAISE(ABORT, 'full'); END"
      await db.transaction((tx) => tx.run(refusing))
      await client.ask('EXPUNGE')
      while (!imap.log.some((line) => line.includes('not cleared away'))) await wait(5)
      await db.transaction((tx) => tx.run('DROP TRIGGER refusing'))
      while ((await db.read.all('SELECT id FROM message')).length > 0) await wait(5)
    })

    it('whoever follows what it is told knows the mailbox, whatever the others do', async function () {
      this.timeout(120_000)
      imap = await startTestImap()
      const inbox = await idOf('INBOX')
      const command = fc.record({
        by: fc.nat(2),
        what: fc.constantFrom(
          'NOOP',
          'CHECK',
          'FETCH',
          'UID FETCH',
          'STORE',
          'UID STORE',
          'SILENT',
          'COPY',
          'MOVE',
          'EXPUNGE',
          'DELIVER',
          'GATEWAY',
          'SEARCH',
        ),
        at: fc.nat(7),
        flags: fc.constantFrom('\\Seen', '\\Deleted', '\\Flagged $Work', '\\Answered'),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
          await takeOut(
            imap.store.db,
            inbox,
            (await view(imap.store.db, inbox)).map(({ uid }) => uid),
          )
          await imap.deliver('INBOX', [letter(1), letter(2), letter(3)])
          const followers = await Promise.all([follow(), follow(), follow()])
          // Not one after the other: each client goes its way, at the same time as the others.
          const shares = followers.map((follower, i) =>
            run(
              follower,
              steps.filter(({ by }) => by === i),
            ),
          )
          await Promise.all(shares)
          for (const follower of followers) await follower.ask('NOOP')
          for (const follower of followers) await follower.ask('FETCH 1:* (UID FLAGS)').catch(() => [])
          const kept = await view(imap.store.db, inbox)
          for (const { known, client } of followers) {
            expect(known.map(({ uid }) => uid)).to.deep.equal(kept.map(({ uid }) => uid))
            expect(known.map(({ seen }) => seen)).to.deep.equal(kept.map(({ flags }) => (flags & 1) !== 0))
            client.socket.destroy()
          }
        }),
        { numRuns: 30 },
      )

      type Known = { uid: number | undefined; seen: boolean }
      type Follower = { client: Mail; known: Known[]; ask(command: string): Promise<string[]> }

      async function follow(): Promise<Follower> {
        const client = await logIn()
        const known: Known[] = []
        const ask = async (text: string): Promise<string[]> => {
          const lines = await client.ask(text)
          const isByNumber = /^(FETCH|STORE|SEARCH)/.test(text)
          for (const line of lines) {
            const [, number = '', word, rest = ''] = /^\* (\d+) (EXISTS|EXPUNGE|FETCH)(.*)$/.exec(line) ?? []
            const seq = Number(number)
            if (word === 'EXPUNGE') {
              expect(isByNumber, `${text}: ${line}`).to.equal(false)
              expect(seq).to.be.within(1, known.length)
              known.splice(seq - 1, 1)
            }
            if (word === 'EXISTS') {
              expect(seq).to.be.at.least(known.length)
              while (known.length < seq) known.push({ uid: undefined, seen: false })
            }
            if (word === 'FETCH') {
              const one = known[seq - 1]
              if (!one) throw new Error(`${text}: ${line}: of ${known.length}`)
              const uid = /UID (\d+)/.exec(rest)?.[1]
              if (uid !== undefined) {
                // A number means one message, until EXPUNGE says otherwise.
                expect(one.uid ?? Number(uid), `${text}: ${line}`).to.equal(Number(uid))
                one.uid = Number(uid)
              }
              if (rest.includes('FLAGS')) one.seen = rest.includes('\\Seen')
            }
          }
          return lines
        }
        await ask('SELECT INBOX')
        await ask('FETCH 1:* (UID FLAGS)')
        return { client, known, ask }
      }

      type Step = { what: string; at: number; flags: string }
      async function run({ known, ask }: Follower, steps: Step[]): Promise<void> {
        for (const { what, at, flags } of steps) {
          const seq = Math.min(at + 1, known.length)
          const uid = known[seq - 1]?.uid ?? 1
          if (what === 'DELIVER') await imap.deliver('INBOX', [letter(at)])
          else if (what === 'GATEWAY') {
            await storeFlags(imap.store.db, inbox, [uid], { mode: 'add', flags: 4 })
            await copy(imap.store.db, inbox, [uid], inbox)
          } else if (what === 'NOOP' || what === 'CHECK' || what === 'EXPUNGE') await ask(what)
          else if (seq === 0) continue
          else if (what === 'FETCH') await ask(`FETCH ${seq}:* (UID FLAGS BODY[TEXT])`)
          else if (what === 'UID FETCH') await ask(`UID FETCH ${uid}:* (FLAGS BODY.PEEK[HEADER])`)
          else if (what === 'STORE') await ask(`STORE ${seq} FLAGS (${flags})`)
          else if (what === 'UID STORE') await ask(`UID STORE ${uid} +FLAGS (${flags})`)
          else if (what === 'SILENT') {
            const one = known[seq - 1]
            const answer = await ask(`UID STORE ${uid} FLAGS.SILENT (${flags})`)
            // Told to be silent, the client believes what it said, unless told otherwise in the same breath.
            if (one && known.includes(one) && !answer.some((line) => line.includes(`FETCH (UID ${uid} `)))
              one.seen = flags.includes('\\Seen')
          } else if (what === 'COPY') await ask(`COPY ${seq} INBOX`)
          else if (what === 'MOVE') await ask(`UID MOVE ${uid} Trash`)
          else await ask('SEARCH UNSEEN TEXT hello')
        }
      }
    })
  })
})
