/**
 * The listening port. Every connection is a stranger until TLS has shown a key; strangers are few,
 * live shortly and may call `/pair` only. A neighbour's becomes a link when it has proved itself and lends streams.
 */
import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { Refusal } from '../../src/refusal.ts'
import { expectLongLived } from '../malloc.ts'
import { Tally } from '../tally.ts'
import { networkOf } from '../throttle.ts'
import type { Hello } from './frame.ts'
import { hostSide } from './handshake.ts'
import { type Borrowed, borrow } from './lent.ts'
import { PROTOCOL, peerOf } from './peer.ts'
import { refusalOf } from './quiet.ts'
import { checkNet, helloOf, join, type Scene } from './scene.ts'
import { serve } from './serve.ts'
import { serverSession } from './session.ts'

export type Listening = { address: { host: string; port: number }; close(): void }

export const listen = async (scene: Scene, at: { host: string; port: number }): Promise<Listening> => {
  const { limits, desk, log } = scene
  const strangers = strangerCount(limits.strangers, limits.strangersPerNetwork)
  const open = new Set<Socket>()

  const server = createServer(scene.serverOptions)
  server.on('connection', (raw: Socket) => {
    open.add(raw)
    raw.once('close', () => open.delete(raw))
    raw.on('error', () => {}) // a reset before TLS began
    if (strangers.admit(raw)) return expectLongLived()
    desk.refuse('rate-limited', { remote: raw.remoteAddress ?? '?' }, 'too many connections that are no links')
    raw.destroy()
  })
  server.on('tlsClientError', (error: TlsError, socket) => {
    const remote = socket.remoteAddress ?? '?'
    if (error.code === 'ECONNRESET')
      log.debug({ area: 'link', event: 'hung-up', remote }, 'no word before TLS: a port check')
    else desk.refuse('agent-mismatch', { remote }, `no TLS 1.3 with an agent's key: ${error.reason ?? error.message}`)
    socket.destroy()
  })
  server.on('secureConnection', (socket) => {
    const remote = socket.remoteAddress ?? '?'
    socket.on('error', () => socket.destroy())
    socket.setNoDelay(true)
    try {
      const agent = peerOf(socket)
      const settle = strangers.releaser(socket)
      if (socket.alpnProtocol !== PROTOCOL)
        throw new Refusal('record-version', 'no version of the link protocol was agreed on (ALPN)')
      take(scene, agent, remote, socket, settle)
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal) desk.refuse(refusal.code, { remote }, refusal.detail)
      else log.error({ area: 'link', event: 'fault', remote, err: error }, 'a connection could not be taken')
      socket.destroy()
    }
  })

  server.listen(at.port, at.host)
  await once(server, 'listening')
  server.on('error', (error) => log.error({ area: 'link', event: 'fault', err: error }, 'the link port'))
  const { address, port } = server.address() as AddressInfo
  return {
    address: { host: address, port },
    close() {
      server.close()
      for (const raw of open) raw.destroy()
    },
  }
}

/** `reason` is OpenSSL's, without its addresses in memory. */
type TlsError = Error & { code?: string; reason?: string }

/** Whether it stays is decided by `/hello` and LINK1; that it does, by the first stream they lend. */
const take = (scene: Scene, agent: string, remote: string, socket: TLSSocket, settle: () => void): void => {
  const { board, limits, desk } = scene
  const session = serverSession(socket, limits)
  const isKnown = ['linked', 'frozen'].includes(scene.allow(agent))
  // Not the session: one that said farewell is destroyed, while its socket waits for the peer's.
  const life = setTimeout(() => socket.destroy(), isKnown ? limits.helloMs + limits.handshakeMs : limits.strangerMs)
  session.once('close', () => clearTimeout(life))
  const side = hostSide(scene.handshaking, agent, socket)
  let said: Hello | undefined
  let borrowed: Borrowed | undefined
  const hello = async (hello: Hello) => {
    checkNet(scene, hello)
    // Told at once, and not after their proof: to begin with them would break off what we have begun.
    if (board.isOurTurn(agent)) return { busy: true }
    said = hello
    return { ok: true, ...helloOf(scene, hello.link), aurq: await side.open() }
  }
  const isFree = async () => {
    if (said === undefined || !(await board.welcome(agent))) return false
    if (!session.destroyed) board.expect(agent, session)
    return true
  }
  const lend = (stream: ServerHttp2Stream) => {
    const isFirst = borrowed === undefined
    borrowed ??= borrow(session, limits)
    borrowed.keep(stream)
    if (!isFirst || said === undefined) return
    clearTimeout(life)
    settle()
    join(scene, { agent, dialledBy: 'them', theirs: said }, { session, socket, open: borrowed.open })
  }
  const { commit, isProven } = side
  const dialled = { hello, arpl: (body: unknown) => side.arpl(body, isFree), commit, lend }
  serve(session, { agent, remote, standing: () => scene.allow(agent), dialled, isProven }, desk)
}

/**
 * Connections that are not links (yet). One is known by where it comes from: TLS wraps the
 * accepted socket in another object.
 */
export const strangerCount = (most: number, mostPerNetwork: number) => {
  const perNetwork = new Tally<string>()
  const open = new Map<string, string>()
  const nameOf = (socket: Origin) => `${socket.remoteAddress} ${socket.remotePort}`

  const leave = (name: string) => {
    const network = open.get(name)
    if (network === undefined) return
    open.delete(name)
    perNetwork.give(network)
  }
  return {
    admit(raw: Origin): boolean {
      const network = networkOf(String(raw.remoteAddress))
      if (open.size >= most || !perNetwork.take(network, mostPerNetwork)) return false
      const name = nameOf(raw)
      open.set(name, network)
      raw.once('close', () => leave(name))
      return true
    },
    /** Named now: a socket that closes forgets where it came from. */
    releaser(socket: Origin): () => void {
      const name = nameOf(socket)
      return () => leave(name)
    },
  }
}

type Origin = Pick<Socket, 'remoteAddress' | 'remotePort'> & { once(event: 'close', then: () => void): unknown }
