/** A peer that does not keep the rules: TLS and HTTP/2 by hand, with a key of its own. */
import { randomBytes } from 'node:crypto'
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { ask, openOn } from '../../gateway/link/call.ts'
import { makeCertificate } from '../../gateway/link/certificate.ts'
import { LinkFault } from '../../gateway/link/handlers.ts'
import { proveAsGuest } from '../../gateway/link/handshake.ts'
import { linkLimits } from '../../gateway/link/limits.ts'
import { drained } from '../../gateway/link/payload.ts'
import { PROTOCOL, splitAddress } from '../../gateway/link/peer.ts'
import { type Agent, generateAgent } from '../../src/identity/agent.ts'
import { type Kept, nothingKept, ratchetsIn } from './ratchets.ts'

type Foe = { agent: Agent; socket: TLSSocket }

/** TLS as an agent would, or with `options` otherwise. */
export const dialTls = async (
  address: string,
  agent: Agent = generateAgent(),
  options: ConnectionOptions = {},
): Promise<Foe> => {
  const keys = await makeCertificate(agent, Date.now())
  const socket = connect({
    ...splitAddress(address),
    ...keys,
    rejectUnauthorized: false,
    ALPNProtocols: [PROTOCOL],
    ...options,
  })
  socket.on('error', () => {})
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed')))
  })
  return { agent, socket }
}

export const dialHttp2 = async (address: string, agent?: Agent): Promise<Foe & { session: ClientHttp2Session }> => {
  const foe = await dialTls(address, agent)
  const session = connectHttp2('https://foe.alt', { createConnection: () => foe.socket })
  session.on('error', () => {})
  await new Promise<void>((resolve) => session.once('connect', () => resolve()))
  return { ...foe, session }
}

const ours = { v: 1, net: 'test', link: '0'.repeat(32), payloadBytes: 1, recordBytes: 1, batchBytes: 1 }

/**
 * Says hello and proves itself, as an honest neighbour would.
 *
 * @param kept what this agent has of the other: nothing, when they never met
 * @throws LinkFault `busy`, Refusal `link-diverged`
 */
export const prove = async (
  { agent, session, socket }: Foe & { session: ClientHttp2Session },
  to: string,
  kept: Kept = nothingKept(),
): Promise<void> => {
  const ratchets = ratchetsIn(kept)
  const turn = ratchets.begin(to)
  const hello = (await ask(openOn(session), '/hello', ours, linkLimits)) as { aurq?: unknown; busy?: boolean }
  if (hello.busy) throw new LinkFault('busy', 'at hello')
  const handshaking = { us: agent.id, ratchets, limits: linkLimits, now: Date.now }
  await proveAsGuest(handshaking, { agent: to, turn, session, socket }, hello.aurq)
}

export const request = (session: ClientHttp2Session, path: string): ClientHttp2Stream => {
  const stream = session.request({ ':method': 'POST', ':path': path }, { endStream: false })
  stream.on('error', () => {})
  return stream
}

/** Not within a callback of HTTP/2: see endSoon in gateway/link/session.ts. */
export const end = (session: ClientHttp2Session): void => void setImmediate(() => session.destroy())

/** The answer as JSON; undefined if the stream was closed without one. */
export const answerTo = (stream: ClientHttp2Stream): Promise<unknown> =>
  new Promise((resolve) => {
    let text = ''
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => {
      text += chunk
    })
    stream.on('close', () => resolve(text.trim() === '' ? undefined : JSON.parse(text)))
  })

export const closing = (
  socket: { once(event: 'close', then: () => void): unknown; destroyed: boolean },
  withinMs: number,
): Promise<void> =>
  new Promise((resolve, reject) => {
    if (socket.destroyed) return resolve()
    const timer = setTimeout(() => reject(new Error(`still open after ${withinMs} ms`)), withinMs)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    return undefined
  })

/** One HTTP/2 frame, RFC 9113 §4.1. */
export const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

export const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, Buffer.alloc(0))])

/** HPACK: one literal header field without indexing, name and value as they are. RFC 7541 §6.2.2. */
export const literalHeader = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.of(0, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)])

/** Writes `chunk` again and again until the other side closes or `most` bytes went. @returns bytes written */
export const flood = async (socket: TLSSocket, chunk: () => Buffer, most: number): Promise<number> => {
  let sent = 0
  while (sent < most && !socket.destroyed) {
    const next = chunk()
    sent += next.length
    if (!socket.write(next)) await drained(socket)
    else await new Promise((resolve) => setImmediate(resolve))
  }
  return sent
}

export const garbage = (bytes: number): Buffer => randomBytes(bytes)
