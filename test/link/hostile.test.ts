import { createHash } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { readdir } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { expect } from 'chai'
import { encodeHead, type Head } from '../../gateway/link/frame.ts'
import { LinkFault } from '../../gateway/link/handlers.ts'
import { linkLimits } from '../../gateway/link/limits.ts'
import { strangerCount } from '../../gateway/link/listen.ts'
import { splitAddress } from '../../gateway/link/peer.ts'
import { selfSigned } from '../../gateway/tls.ts'
import { generateAgent } from '../../src/identity/agent.ts'
import { mostHeld } from '../fixture/memory.ts'
import { agentsOfEach, areLinked, befriend, offerOf, payloadOf, type TestAgent, until } from './agents.ts'
import {
  answerTo,
  closing,
  dialHttp2,
  dialTls,
  end,
  flood,
  frame,
  garbage,
  literalHeader,
  preface,
  prove,
  request,
} from './foe.ts'
import { openLine } from './line.ts'

const MB = 2 ** 20
/** Longer than any limit set here, also on a machine that is busy: what has not happened by then never does. */
const LONG_MS = 30_000
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

describe('the link port', () => {
  const { start } = agentsOfEach()

  const isLogged = (agent: TestAgent, code: string) =>
    until(() => agent.log.some((line) => line.code === code), `${code} is logged`)
  /** What matters after every attack: neighbours still get through. */
  const isWell = async (target: TestAgent) => {
    const friend = await start()
    befriend(friend, target)
    await areLinked(friend, target)
    expect(await friend.edge.send(target.agent.id, ['well?'])).to.deep.equal([{ ok: true }])
  }
  /** A neighbour who turned bad: a session on which everything is allowed. */
  const badNeighbour = async (target: TestAgent) => {
    const agent = generateAgent()
    target.neighbours.set(agent.id, { addresses: [], standing: 'linked' })
    const foe = await dialHttp2(target.address, agent)
    await prove(foe, target.agent.id)
    return foe
  }
  const requestHeaders = (path: string) =>
    Buffer.concat(
      [
        [':method', 'POST'],
        [':scheme', 'https'],
        [':authority', 'x'],
        [':path', path],
      ].map(([name = '', value = '']) => literalHeader(name, value)),
    )

  describe('before it knows who is there', () => {
    it('drops what is no TLS, by name', async () => {
      // What chance alone writes may begin like a TLS record, whose rest is waited for.
      const noTls = Buffer.concat([Buffer.from('no TLS'), garbage(3000)])
      const b = await start()
      for (const bytes of [noTls, Buffer.from('GET / HTTP/1.1\r\n\r\n'), preface, Buffer.alloc(100_000)]) {
        const raw = connectTcp(splitAddress(b.address))
        raw.on('error', () => {})
        raw.write(bytes)
        await closing(raw, LONG_MS)
      }
      await isLogged(b, 'agent-mismatch')
      expect(await b.counted('refusals', { code: 'agent-mismatch' })).to.equal(4)
      await isWell(b)
    })

    it('takes whoever looks whether the port is open for no foe', async () => {
      const b = await start()
      const raw = connectTcp(splitAddress(b.address))
      raw.once('connect', () => raw.end())
      await closing(raw, LONG_MS)
      await isWell(b)
      expect(await b.counted('refusals', { code: 'agent-mismatch' })).to.equal(0)
    })

    it('gives silence a bounded time', async () => {
      const b = await start({ limits: { handshakeMs: 200 } })
      const raw = connectTcp(splitAddress(b.address))
      raw.on('error', () => {})
      raw.resume()
      await closing(raw, LONG_MS)
      await isWell(b)
    })

    it('gives a dribbled handshake no more time than silence', async () => {
      const b = await start({ limits: { handshakeMs: 300 } })
      const raw = connectTcp(splitAddress(b.address))
      raw.on('error', () => {})
      raw.resume()
      raw.write(Buffer.from('1603010200', 'hex')) // a handshake record of 512 bytes, then byte by byte
      const dribble = setInterval(() => raw.write('\u0001'), 20)
      await closing(raw, LONG_MS).finally(() => clearInterval(dribble))
    })

    const wrong: [what: string, options: () => Promise<object>][] = [
      ['no certificate', async () => ({ key: undefined, cert: undefined })],
      [
        'an ECDSA certificate',
        async () => {
          const { key, certificate } = await selfSigned(['x'], [])
          return { key, cert: certificate }
        },
      ],
      ['TLS 1.2', async () => ({ maxVersion: 'TLSv1.2' })],
      ['another protocol (ALPN)', async () => ({ ALPNProtocols: ['h2'] })],
    ]
    for (const [what, options] of wrong)
      it(`refuses ${what}`, async () => {
        const b = await start()
        const dial = dialTls(b.address, generateAgent(), await options()).then(async ({ socket }) => {
          socket.resume() // in TLS 1.3 the client hears of it only after its own part is done
          await closing(socket, LONG_MS)
        })
        await dial.catch(() => {})
        await isLogged(b, 'agent-mismatch')
        expect(b.ups).to.deep.equal([])
        await isWell(b)
      })

    it('refuses a certificate that names an agent whose key it does not hold', async () => {
      const b = await start()
      const friend = generateAgent()
      b.neighbours.set(friend.id, { addresses: [], standing: 'linked' })
      const thief = { ...generateAgent(), id: friend.id } // the certificate says CN=friend
      const { session } = await dialHttp2(b.address, thief)
      const call = request(session, '/records')
      call.end('[]')
      expect(await answerTo(call)).to.have.property('refused', 'link-unknown')
    })

    it('takes a bounded number of connections that are no links, and neighbours as soon as some are gone', async () => {
      const b = await start({ limits: { strangersPerNetwork: 5, handshakeMs: 2000 } })
      const raws = Array.from({ length: 20 }, () => connectTcp(splitAddress(b.address)))
      const closed = raws.map(
        (raw) =>
          new Promise<void>((resolve) =>
            raw
              .on('error', () => {})
              .resume()
              .once('close', () => resolve()),
          ),
      )
      await until(
        async () => (await b.counted('refusals', { code: 'rate-limited' })) === 15,
        '15 of 20 are turned away',
      )
      await isLogged(b, 'rate-limited')
      await Promise.all(closed)
      await isWell(b)
    })

    it('takes all addresses of one IPv6 network for one', () => {
      const strangers = strangerCount(5, 3)
      const from = (remoteAddress: string, remotePort: number) =>
        Object.assign(new EventEmitter(), { remoteAddress, remotePort })
      const first = from('2001:db8:1:2::1', 1)
      const near = [first, from('2001:db8:1:2::2', 1), from('2001:db8:1:2:3::', 2), from('2001:db8:1:2::4', 3)]
      expect(near.map(strangers.admit)).to.deep.equal([true, true, true, false])
      first.emit('close')
      strangers.releaser(near[1] ?? first)()
      const more = [from('2001:db8:1:2::5', 1), from('2001:db8:1:3::1', 1), from('192.0.2.1', 1), from('192.0.2.2', 1)]
      expect(more.map(strangers.admit)).to.deep.equal([true, true, true, true])
      expect(strangers.admit(from('192.0.2.3', 1)), 'in all').to.equal(false)
    })
  })

  describe('towards a stranger', () => {
    it('answers three calls and no more', async () => {
      const b = await start()
      const { session } = await dialHttp2(b.address)
      for (const path of ['/hands', '/records', '/hello']) {
        const call = request(session, path)
        call.end('{}')
        expect(await answerTo(call)).to.have.property('refused', 'link-unknown')
      }
      await closing(session, LONG_MS)
      expect(b.hands).to.deep.equal([])
    })

    it('lets only /pair through to somebody invited', async () => {
      const b = await start()
      const agent = generateAgent()
      b.neighbours.set(agent.id, { addresses: [], standing: 'guest' })
      const { session } = await dialHttp2(b.address, agent)
      const [pair, hand] = [request(session, '/pair'), request(session, '/hand')]
      pair.end('{"token":"t"}')
      hand.end(encodeHead({ ...offerOf('x'), sha256: sha256(Buffer.alloc(0)), size: 0, from: 0 }))
      expect(await answerTo(pair)).to.deep.equal({ token: 't' })
      expect(await answerTo(hand)).to.have.property('refused', 'link-unknown')
      end(session)
    })

    it('ends after its time, whatever the stranger does', async () => {
      const b = await start({ limits: { strangerMs: 300 } })
      const { session } = await dialHttp2(b.address)
      const pings = setInterval(() => !session.destroyed && session.ping(() => {}), 20)
      await closing(session, LONG_MS).finally(() => clearInterval(pings))
    })

    for (const calls of [0, 2, 3])
      it(`also where it made ${calls} calls and never hangs up`, async () => {
        const b = await start({ limits: { strangersPerNetwork: 1, strangerMs: 300 } })
        const { socket } = await dialTls(b.address, generateAgent(), { allowHalfOpen: true } as ConnectionOptions)
        socket.resume().write(preface)
        for (let call = 0; call < calls; call++) socket.write(frame(1, 4 | 1, 1 + 2 * call, requestHeaders('/records')))
        await isWell(b)
        socket.destroy()
      })
  })

  describe('towards a neighbour who turned bad', () => {
    const hand = async (target: TestAgent, head: Partial<Head>, ...body: Buffer[]) => {
      const { session, agent } = await badNeighbour(target)
      const size = Buffer.concat(body).length
      const call = request(session, size > linkLimits.memoryBytes ? '/hand' : '/hands')
      call.write(encodeHead({ ...offerOf('x'), sha256: sha256(Buffer.concat(body)), size, from: 0, ...head }))
      for (const chunk of body) call.write(chunk)
      call.end()
      const answers = await answerTo(call)
      end(session)
      return { answer: Array.isArray(answers) ? answers[0] : answers, agent }
    }
    const partsOf = (target: TestAgent) => readdir(join(target.home, 'blob', 'part'))

    for (const size of [1000, 100_000]) {
      const bytes = garbage(size)
      const wrong: [what: string, head: Parameters<typeof hand>[1]][] = [
        ['shorter than announced', { size: size + 1 }],
        ['longer than announced', { size: size - 1 }],
        ['of another hash', { sha256: sha256(garbage(10)) }],
      ]
      for (const [what, head] of wrong)
        it(`refuses a payload of ${size} bytes ${what}, and keeps nothing of it`, async () => {
          const b = await start()
          const { answer } = await hand(b, head, bytes)
          // Of small ones what is too much is taken for the next one's head.
          const code = size === 1000 && what.startsWith('longer') ? 'record-malformed' : 'payload-mismatch'
          expect(answer).to.have.property('refused', code)
          await until(async () => (await partsOf(b)).length === 0, 'nothing is kept')
          expect(b.hands).to.deep.equal([])
          await isLogged(b, code)
        })
    }

    it('refuses an endless payload when it passes its announced end, not later', async () => {
      const b = await start()
      const { session } = await badNeighbour(b)
      const call = request(session, '/hand')
      call.write(encodeHead({ ...offerOf('x'), sha256: sha256(Buffer.alloc(0)), size: 200_000, from: 0 }))
      const answer = answerTo(call)
      let sent = 0
      while (!call.closed && sent < 50 * MB) {
        sent += 64 * 1024
        if (!call.write(Buffer.alloc(64 * 1024)))
          await Promise.race([new Promise((resolve) => call.once('drain', resolve)), answer])
      }
      expect(await answer).to.have.property('refused', 'payload-mismatch')
      expect(sent).to.be.lessThan(10 * MB)
      end(session)
    })

    it('refuses heads that are no heads, by name', async () => {
      const b = await start()
      const length = (bytes: number) => {
        const four = Buffer.alloc(4)
        four.writeUInt32BE(bytes)
        return four
      }
      const cases: [body: Buffer, code: string][] = [
        [Buffer.alloc(0), 'record-malformed'],
        [Buffer.of(0, 0), 'record-malformed'],
        [length(2 ** 32 - 1), 'record-too-large'],
        [Buffer.concat([length(5), Buffer.from('{{{{{')]), 'record-malformed'],
        [Buffer.concat([length(4), Buffer.from('null')]), 'record-malformed'],
        [Buffer.concat([length(7), Buffer.from('{"v":2}')]), 'record-version'],
        [encodeHead({ ...offerOf('x'), sha256: sha256(Buffer.alloc(0)), size: 1, from: 2 }), 'record-malformed'],
        [encodeHead({ ...offerOf('x'), sha256: '../../../etc/passwd', size: 100_000, from: 0 }), 'record-malformed'],
        [
          encodeHead({ ...offerOf('x'), sha256: sha256(Buffer.alloc(0)), size: 3 * 2 ** 30, from: 0 }),
          'payload-too-large',
        ],
      ]
      const { session } = await badNeighbour(b)
      for (const [body, code] of cases) {
        const call = request(session, '/hand')
        call.end(body)
        expect(await answerTo(call), body.toString('latin1').slice(0, 40)).to.have.property('refused', code)
      }
      end(session)
    })

    const small = (bytes: Buffer, head: Partial<Head> = {}): Buffer =>
      Buffer.concat([
        encodeHead({ ...offerOf('x'), sha256: sha256(bytes), size: bytes.length, from: 0, ...head }),
        bytes,
      ])

    it('refuses hand-overs that can not share a call, by name, and heeds none of them', async () => {
      const b = await start()
      const { session } = await badNeighbour(b)
      const good = small(garbage(10))
      const cases: [body: Buffer, code: string][] = [
        [Buffer.concat([good, Buffer.of(0, 0)]), 'record-malformed'],
        [Buffer.concat([good, small(garbage(10), { from: 5 })]), 'record-malformed'],
        [Buffer.concat([good, small(garbage(70_000))]), 'record-malformed'],
        [Buffer.concat([good, small(garbage(10), { size: 11 })]), 'payload-mismatch'],
        [Buffer.concat(new Array(65).fill(good)), 'record-too-large'],
        [Buffer.concat(new Array(6).fill(small(garbage(64 * 1024)))), 'record-too-large'],
      ]
      for (const [body, code] of cases) {
        const call = request(session, '/hands')
        call.end(body)
        expect(await answerTo(call)).to.have.property('refused', code)
      }
      const call = request(session, '/hand')
      call.end(good)
      expect(await answerTo(call)).to.have.property('refused', 'record-malformed')
      expect(b.hands).to.deep.equal([])
      end(session)
    })

    it('takes the good ones of a call, refuses the bad and tells of its own faults, each in its place', async () => {
      const b = await start({
        handlers: {
          async hand(_from, { envelope }) {
            if (envelope === offerOf('fault').envelope) throw new Error('a fault')
            return { accepted: envelope }
          },
        },
      })
      const { session } = await badNeighbour(b)
      const call = request(session, '/hands')
      const hands = [
        small(garbage(10)),
        small(garbage(20), { sha256: sha256(garbage(10)) }),
        small(garbage(30), offerOf('fault')),
        small(Buffer.alloc(0), offerOf('last')),
      ]
      call.end(Buffer.concat(hands))
      const [first, wrong, fault, last, ...more] = (await answerTo(call)) as unknown[]
      expect(first).to.deep.equal({ accepted: offerOf('x').envelope })
      expect(wrong).to.have.property('refused', 'payload-mismatch')
      expect(fault).to.deep.equal({ fault: true })
      expect(last).to.deep.equal({ accepted: offerOf('last').envelope })
      expect(more).to.deep.equal([])
      await isLogged(b, 'payload-mismatch')
      end(session)
    })

    it('refuses records too large, alone and together, and what are no records', async () => {
      const b = await start()
      const { session } = await badNeighbour(b)
      const cases: [body: string, code: string][] = [
        [JSON.stringify(['x'.repeat(70_000)]), 'record-too-large'],
        [JSON.stringify(Array.from({ length: 40 }, () => 'x'.repeat(60_000))), 'record-too-large'],
        [JSON.stringify(Array.from({ length: 1001 }, () => 'x')), 'record-too-large'],
        ['[1]', 'record-malformed'],
        ['{"0":"x"}', 'record-malformed'],
        ['[', 'record-malformed'],
      ]
      for (const [body, code] of cases) {
        const call = request(session, '/records')
        call.end(body)
        expect(await answerTo(call)).to.have.property('refused', code)
      }
      const unknown = request(session, '/../etc')
      unknown.end()
      expect(await answerTo(unknown)).to.have.property('refused', 'record-type')
      end(session)
      expect(b.records).to.deep.equal([])
    })

    it('serves 256 streams at once, and ends the session of whoever opens more', async () => {
      let inHand = 0
      const pair = () => {
        inHand += 1
        return new Promise<never>(() => {})
      }
      const b = await start({ handlers: { pair }, limits: { closeMs: 100 } })
      const { session } = await badNeighbour(b)
      expect(session.remoteSettings.maxConcurrentStreams).to.equal(256)
      end(session)

      // By hand, because a well-behaved client keeps to the limit by itself; `/pair` needs no proof.
      const agent = generateAgent()
      b.neighbours.set(agent.id, { addresses: [], standing: 'linked' })
      const { socket } = await dialTls(b.address, agent)
      socket.resume()
      socket.write(Buffer.concat([preface, frame(4, 1, 0, Buffer.alloc(0))]))
      const open = (count: number, first: number) => {
        for (let i = first; i < first + count; i++) {
          socket.write(frame(1, 4, 1 + 2 * i, requestHeaders('/pair')))
          socket.write(frame(0, 1, 1 + 2 * i, Buffer.from('{}')))
        }
      }
      open(256, 0)
      await until(() => inHand === 256, 'all 256 are served')
      expect(socket.destroyed).to.equal(false)
      open(20, 256)
      await closing(socket, LONG_MS)
      expect(inHand).to.equal(256)
      await isLogged(b, 'record-malformed')
    })

    const floods: [what: string, first: Buffer, chunk: () => Buffer][] = [
      [
        'endless header blocks',
        frame(1, 0, 1, literalHeader(':method', 'POST')), // without END_HEADERS
        () => frame(9, 0, 1, Buffer.concat(Array.from({ length: 60 }, () => literalHeader('x', 'y'.repeat(120))))),
      ],
      [
        'endless settings',
        Buffer.alloc(0),
        () => Buffer.concat(Array.from({ length: 500 }, () => frame(4, 0, 0, Buffer.alloc(0)))),
      ],
      [
        'endless pings',
        Buffer.alloc(0),
        () => Buffer.concat(Array.from({ length: 500 }, () => frame(6, 0, 0, Buffer.alloc(8)))),
      ],
    ]
    for (const [what, first, chunk] of floods)
      it(`ends a session of ${what} within bounded memory`, async () => {
        const b = await start()
        const agent = generateAgent()
        b.neighbours.set(agent.id, { addresses: [], standing: 'linked' })
        const { socket } = await dialTls(b.address, agent) // never reads: what it is answered piles up here
        let sent = 0
        const held = await mostHeld(async () => {
          socket.write(Buffer.concat([preface, first]))
          sent = await flood(socket, chunk, 64 * MB)
          if (sent >= 64 * MB) socket.resume()
          await closing(socket, LONG_MS)
        })
        expect(sent, 'sent before it was closed').to.be.lessThan(64 * MB)
        expect(held).to.be.lessThan(24 * MB)
        await isWell(b)
      })

    // Here HTTP/2 itself says GOAWAY and reads no more, without telling us: time ends it.
    const broken: [what: string, chunk: () => Buffer][] = [
      ['frames that are none', () => garbage(16_384)],
      [
        'streams opened and reset without end',
        () => {
          const burst: Buffer[] = []
          for (let i = 0; i < 100; i++) {
            stream += 2
            burst.push(frame(1, 4, stream, requestHeaders('/hand')), frame(3, 0, stream, Buffer.of(0, 0, 0, 8)))
          }
          return Buffer.concat(burst)
        },
      ],
    ]
    let stream = 0
    for (const [what, chunk] of broken)
      it(`reads no more of ${what}, and ends the session in time`, async () => {
        const b = await start({ limits: { helloMs: 300, handshakeMs: 300 } })
        const agent = generateAgent()
        b.neighbours.set(agent.id, { addresses: [], standing: 'linked' })
        const { socket } = await dialTls(b.address, agent)
        socket.resume()
        stream = -1
        let sent = 0
        const held = await mostHeld(async () => {
          socket.write(preface)
          sent = await flood(socket, chunk, 64 * MB)
          await closing(socket, LONG_MS)
        })
        expect(sent).to.be.lessThan(64 * MB)
        expect(held).to.be.lessThan(24 * MB)
        await isWell(b)
      })

    it('does not say of a neighbour whose process died that it broke the rules', async () => {
      const b = await start()
      const agent = generateAgent()
      b.neighbours.set(agent.id, { addresses: [], standing: 'linked' })
      const raw = connectTcp(splitAddress(b.address))
      const { socket } = await dialTls(b.address, agent, { socket: raw })
      socket.write(Buffer.concat([preface, frame(1, 4, 1, requestHeaders('/hello'))]))
      await new Promise((heard) => socket.once('data', heard))
      raw.resetAndDestroy()
      await isWell(b)
      expect(b.log.filter(({ code }) => code === 'record-malformed')).to.deep.equal([])
    })

    it('gives a body that stops, or dribbles, a bounded time, and keeps the others unharmed', async () => {
      const b = await start({ limits: { idleMs: 300, lifeSignMs: 50 } })
      const { session } = await badNeighbour(b)
      const silent = ['/hand', '/hands'].map((path) => {
        const call = request(session, path)
        call.write(encodeHead({ ...offerOf('x'), sha256: sha256(Buffer.alloc(0)), size: 100_000, from: 0 }))
        return answerTo(call)
      })
      const dribbling = request(session, '/records')
      const dribble = setInterval(() => !dribbling.closed && dribbling.write(' '), 50)
      const began = Date.now()
      expect(await Promise.all([...silent, answerTo(dribbling)])).to.deep.equal([undefined, undefined, undefined])
      clearInterval(dribble)
      expect(Date.now() - began).to.be.within(250, LONG_MS)
      const call = request(session, '/records')
      call.end('["x"]')
      expect(await answerTo(call)).to.deep.equal([{ ok: true }])
      end(session)
    })

    it('takes four large payloads at once and refuses the fifth', async () => {
      const b = await start()
      const { session } = await badNeighbour(b)
      const calls = Array.from({ length: 5 }, (_, i) => {
        const call = request(session, '/hand')
        call.write(encodeHead({ ...offerOf('x'), sha256: sha256(Buffer.of(i)), size: MB, from: 0 }))
        call.write(Buffer.alloc(1000))
        return answerTo(call)
      })
      expect(await Promise.race(calls)).to.have.property('refused', 'too-many-streams')
      end(session)
    })

    it('keeps so many bytes of large requests that do not end, and small ones get through', async () => {
      const b = await start({ limits: { heldBytes: 3 * MB } })
      const { session } = await badNeighbour(b)
      const open = () => {
        const call = request(session, '/records')
        call.write(Buffer.alloc(MB - 10, ' '))
        return call
      }
      const calls = Array.from({ length: 4 }, open)
      expect(await Promise.race(calls.map(answerTo))).to.have.property('refused', 'too-many-streams')
      const small = request(session, '/records')
      small.end('["well"]')
      expect(await answerTo(small)).to.deep.equal([{ ok: true }])
      for (const call of calls) call.end('["late"]')
      await until(() => b.records.length === 4, 'what was kept is taken')
      const again = open()
      again.end('["anew"]')
      expect(await answerTo(again)).to.deep.equal([{ ok: true }])
      end(session)
    })

    it('hears a repeated hand-over twice, and leaves it to the gateway to know it again', async () => {
      const b = await start()
      const bytes = garbage(500)
      const [one, two] = [await hand(b, {}, bytes), await hand(b, {}, bytes)]
      expect(one.answer).to.deep.equal(two.answer)
      expect(b.hands).to.have.length(2)
    })

    it('does not take bytes of a former connection that somebody recorded', async () => {
      const [a, b] = [await start(), await start()]
      const recorded: Buffer[] = []
      const line = await openLine(b.address, (chunk) => recorded.push(chunk))
      a.neighbours.set(b.agent.id, { addresses: [line.address], standing: 'linked' })
      b.neighbours.set(a.agent.id, { addresses: [], standing: 'linked' })
      a.edge.refresh()
      await areLinked(a, b)
      await a.edge.hand(b.agent.id, offerOf('once'), payloadOf(1000))
      const raw = connectTcp(splitAddress(b.address))
      raw.on('error', () => {})
      raw.resume()
      for (const chunk of recorded) raw.write(chunk)
      await closing(raw, LONG_MS)
      expect(b.hands).to.have.length(1)
      line.close()
    })
  })

  describe('when the line goes dead without a word', () => {
    it('both sides see it after two pings’ time, and are linked again over another', async () => {
      const limits = { pingEveryMs: 100, pingTimeoutMs: 200 }
      const [a, b] = [await start({ limits }), await start({ limits })]
      const line = await openLine(b.address)
      a.neighbours.set(b.agent.id, { addresses: [line.address], standing: 'linked' })
      b.neighbours.set(a.agent.id, { addresses: [], standing: 'linked' })
      a.edge.refresh()
      await areLinked(a, b)
      const waiting = a.edge.hand(b.agent.id, offerOf('x'), payloadOf(10))
      expect(await waiting).to.have.property('accepted')
      line.mute()
      const lost = a.edge.hand(b.agent.id, offerOf('y'), payloadOf(10)).catch((error: unknown) => error)
      await until(() => a.downs.length === 1 && b.downs.length === 1, 'both see it')
      expect(await lost).to.have.property('code', 'closed')
      a.neighbours.set(b.agent.id, { addresses: [b.address], standing: 'linked' })
      a.edge.refresh()
      await areLinked(a, b)
      line.close()
    })

    it('a neighbour who dials anew replaces the dead link at once, but not a live one', async () => {
      const limits = { pingEveryMs: 60_000, pingTimeoutMs: 200 }
      const [a, b] = [await start({ limits }), await start({ limits })]
      const line = await openLine(b.address)
      a.neighbours.set(b.agent.id, { addresses: [line.address], standing: 'linked' })
      b.neighbours.set(a.agent.id, { addresses: [], standing: 'linked' })
      a.edge.refresh()
      await areLinked(a, b)

      const other = await dialHttp2(b.address, a.agent) // somebody with a's home: a itself, after a crash
      const error = await prove(other, b.agent.id, a.kept).catch((fault: unknown) => fault)
      expect(error).to.be.instanceOf(LinkFault).with.property('code', 'busy')
      end(other.session)
      expect(b.downs).to.deep.equal([])

      line.mute()
      const again = await dialHttp2(b.address, a.agent)
      await prove(again, b.agent.id, a.kept)
      expect(b.downs).to.deep.equal([a.agent.id])
      end(again.session)
      line.close()
    })
  })
})
