/**
 * Hostile peers at every door of a running gateway: refused by name, logged, bounded in memory, and nobody
 * else is harmed. What each door does in detail is in test/smtp, test/imap and test/link.
 */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { expect } from 'chai'
import { drained } from '../../gateway/link/payload.ts'
import { sleep, until } from '../../scripts/neighbourhood.ts'
import { answerTo, dialHttp2, dialTls, garbage, request } from '../link/foe.ts'
import { awaitMessages, letter, RawSmtp, startLine, type Web } from './web.ts'

const MiB = 1 << 20
/** All of them together leave some 30; kept for each connection or line, what they send would be hundreds. */
const GROWTH_MAX = 100 * MiB

describe('hostile peers of a running gateway', function () {
  this.timeout(60_000)
  let web: Web
  let atRest = 0
  let served = 0
  const sockets = new Set<Socket>()
  before(async () => {
    web = await startLine(['a', 'b'])
    await serves() // what is loaded at the first use is no growth
    atRest = resident()
  })
  afterEach(async () => {
    await serves()
    expect(resident() - atRest, 'growth of resident memory').to.be.below(GROWTH_MAX)
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  })
  after(() => web?.close())

  const resident = (): number => {
    const status = readFileSync(`/proc/${web.a.pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
  }

  /** A letter goes from Bob at B to Ann at A, handed in, carried and read while the hostile ones are there. */
  const serves = async () => {
    const client = await RawSmtp.logIn(web.b, web.bob)
    const bytes = letter(web.bob, web.ann.address, `still served ${served++}`)
    expect(await client.submit(web.bob.address, [web.ann.address], bytes)).to.match(/^250 /)
    client.close()
    await awaitMessages(web.a, web.ann, 'Requests', served)
  }

  /** What the other side said, and whether it has hung up. */
  type Ear = { socket: Socket; text: string; isOver: boolean }
  const listen = (socket: Socket): Ear => {
    const ear: Ear = { socket, text: '', isOver: false }
    sockets.add(socket)
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      ear.text = (ear.text + chunk).slice(-4096)
    })
    socket.on('error', () => {})
    socket.once('close', () => {
      ear.isOver = true
    })
    return ear
  }
  const dial = async (port: number): Promise<Ear> => {
    const ear = listen(connect(port, '127.0.0.1'))
    await until('a greeting', async () => ear.text !== '' || ear.isOver)
    return ear
  }
  const hears = (ear: Ear, what: RegExp) => until(`${what}, after ${ear.text}`, async () => what.test(ear.text))
  const hungUp = (ear: Ear) => until('it hung up', async () => ear.isOver)
  /** The farewell, too: what comes behind it is read and thrown away until both sides have hung up. */
  const hasEnough = ({ text, isOver }: Ear) => isOver || /^(?:421|500|\* BYE) /m.test(text)
  /** Writes as fast as it is read, until `most` bytes or the other side has enough. @returns bytes written */
  const pour = async (ear: Ear, most: number): Promise<number> => {
    const chunk = Buffer.alloc(64 * 1024, 'x')
    let sent = 0
    for (; sent < most && !hasEnough(ear); sent += chunk.length)
      if (!ear.socket.write(chunk)) await Promise.race([drained(ear.socket), sleep(1000)])
    return sent
  }
  const isLogged = (what: RegExp) => until(`${what} in the log`, async () => what.test(web.a.log()))

  describe('SMTP', () => {
    it('an endless line is cut off, by name', async () => {
      const ear = await dial(web.a.ports.smtp)
      expect(await pour(ear, 50 * MiB)).to.be.below(20 * MiB)
      await hungUp(ear)
      expect(ear.text).to.match(/^(?:421|500) /m)
      await isLogged(/"area":"smtp","event":"session-ended".*(?:line|long)/i)
    })

    it('of 10 000 recipients some thousands are judged, then the account has to wait', async () => {
      const client = await RawSmtp.logIn(web.a, web.ann)
      await client.say(`MAIL FROM:<${web.ann.address}>`)
      const replies = new Map<string, number>()
      const since = Date.now()
      for (let i = 0; i < 10_000; i++) {
        const reply = await client.say(`RCPT TO:<guess-${i}@a.test>`).catch(() => 'sent away')
        replies.set(reply.slice(0, 9), (replies.get(reply.slice(0, 9)) ?? 0) + 1)
        if (reply === 'sent away') break
      }
      client.close()
      // Ten for each of the 300 messages a minute, and what a minute's bucket regains meanwhile.
      const most = 3000 * (1 + (Date.now() - since) / 60_000)
      expect(replies.get('550 5.1.1')).to.be.within(1, Math.ceil(most))
      expect([...replies.keys()].slice(1)).to.include('450 4.7.1')
      await isLogged(/"event":"refused","code":"rate-limited"/)
    })

    it('commands smuggled behind STARTTLS are never heard', async () => {
      const ear = await dial(web.a.ports.smtp)
      ear.socket.write('EHLO foe.test\r\n')
      await hears(ear, /^250 /m)
      ear.text = ''
      ear.socket.write('STARTTLS\r\nEHLO smuggled.test\r\nMAIL FROM:<ann@a.test>\r\n')
      await until('an answer', async () => ear.text !== '' || ear.isOver)
      ear.socket.removeAllListeners('data')
      const secure = connectTls({ socket: ear.socket, rejectUnauthorized: false })
      const inside = listen(secure)
      await sleep(500)
      expect(inside.text, 'answers inside TLS').to.equal('')
      expect(ear.text).not.to.match(/smuggled|^250/m)
    })

    it('garbage instead of TLS ends the connection and is logged', async () => {
      const ear = listen(connect(web.a.ports.smtps, '127.0.0.1'))
      ear.socket.write(garbage(4096))
      await hungUp(ear)
      await isLogged(/"area":"smtp","event":"session-ended"/)
    })

    it('half-open connections leave room for others', async () => {
      const ears = Array.from({ length: 400 }, () => listen(connect(web.a.ports.smtp, '127.0.0.1')))
      await until('all are greeted', async () => ears.every(({ text }) => /^(?:220|421)/.test(text)))
      const client = await RawSmtp.logIn(web.a, web.ann)
      expect(await client.say('NOOP')).to.match(/^250 /)
      client.close()
    })
  })

  describe('IMAP', () => {
    it('an endless line ends in BYE', async () => {
      const ear = await dial(web.a.ports.imap)
      expect(await pour(ear, 50 * MiB)).to.be.below(20 * MiB)
      await hungUp(ear)
      expect(ear.text).to.match(/^\* BYE /m)
    })

    it('a huge literal is refused before it is sent, or not kept', async () => {
      const ear = await dial(web.a.ports.imap)
      ear.socket.write('x LOGIN {4294967295}\r\n')
      await hears(ear, /^(?:x (?:BAD|NO)|\* BYE) /m)
      const other = await dial(web.a.ports.imap)
      other.socket.write('x LOGIN {4294967295+}\r\n')
      expect(await pour(other, 50 * MiB)).to.be.below(20 * MiB)
      await hungUp(other)
    })

    it('garbage is told so, and sent away when it goes on', async () => {
      const ear = await dial(web.a.ports.imap)
      for (let i = 0; i < 50 && !ear.isOver; i++) {
        ear.socket.write(Buffer.concat([garbage(200), Buffer.from('\r\n')]))
        await sleep(5)
      }
      await hungUp(ear)
      expect(ear.text).to.match(/^\* BYE /m)
      await isLogged(/"event":"rubbish"/)
    })

    it('of 1200 half-open connections from one address nine hundred are kept and the others told, in bounded memory', async () => {
      const ears = Array.from({ length: 1200 }, () => listen(connect(web.a.ports.imap, '127.0.0.1')))
      await until('all are answered', async () => ears.every(({ text, isOver }) => text !== '' || isOver))
      expect(ears.filter(({ text }) => text.startsWith('* BYE [LIMIT]')).length).to.be.within(300, 350)
      await isLogged(/"event":"turned-away"/)
      expect(resident() - atRest).to.be.below(GROWTH_MAX)
      for (const { socket } of ears.slice(0, 400)) socket.destroy() // 600 are left: others are served beside them
    })
  })

  describe('the link port', () => {
    const address = () => `127.0.0.1:${web.a.ports.link}`

    it('garbage instead of TLS ends the connection and is logged', async () => {
      const ear = listen(connect(web.a.ports.link, '127.0.0.1'))
      ear.socket.write(garbage(4096))
      await hungUp(ear)
      await isLogged(/"area":"link","event":"refused"/)
    })

    it('without a certificate nobody is let in', async () => {
      const ear = listen(
        connectTls({
          port: web.a.ports.link,
          host: '127.0.0.1',
          rejectUnauthorized: false,
          ALPNProtocols: ['vouchsafe/1'],
        }),
      )
      await hungUp(ear)
      await isLogged(/"code":"agent-mismatch"/)
    })

    it('a stranger who asks for a hand-over, or sends records, is refused by name and sent away', async () => {
      const { session } = await dialHttp2(address())
      const over = new Promise((resolve) => session.once('close', resolve))
      const answers = ['/hands', '/records', '/hello'].map((path) => {
        const stream = request(session, path)
        stream.end(garbage(1000))
        return answerTo(stream)
      })
      for (const answer of await Promise.all(answers)) expect(answer).to.include({ refused: 'link-unknown' })
      await over
      await isLogged(/"area":"link","event":"refused","code":"link-unknown"/)
    })

    it('300 connections that say nothing more leave room for the neighbour', async () => {
      const foes = await Promise.allSettled(Array.from({ length: 300 }, () => dialTls(address())))
      for (const foe of foes) if (foe.status === 'fulfilled') sockets.add(foe.value.socket)
    })
  })
})
