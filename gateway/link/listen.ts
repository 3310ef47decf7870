/**
 * The listening port. Every connection is a stranger until TLS has shown a key; strangers are few,
 * live shortly and may call `/pair` only. A neighbour's connection becomes, by its ALPN name,
 * one half of a link or the other.
 */
import type { AddressInfo, Socket } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { Refusal } from '../../src/refusal.ts'
import type { Hello } from './frame.ts'
import { LinkFault } from './handlers.ts'
import { hostSide } from './handshake.ts'
import { FORWARD, peerOf, REVERSE } from './peer.ts'
import { refusalOf } from './quiet.ts'
import { checkNet, greet, helloOf, join, type Scene } from './scene.ts'
import { serve } from './serve.ts'
import { clientSession, endSoon, serverSession } from './session.ts'

export type Listening = { address: { host: string; port: number }; close(): void }

export const listen = async (scene: Scene, at: { host: string; port: number }): Promise<Listening> => {
  const { limits, desk, log } = scene
  const strangers = strangerCount(limits.strangers, limits.strangersPerAddress)
  const open = new Set<Socket>()

  const server = createServer(scene.serverOptions)
  server.on('connection', (raw: Socket) => {
    open.add(raw)
    raw.once('close', () => open.delete(raw))
    raw.on('error', () => {}) // a reset before TLS began
    if (strangers.admit(raw)) return
    desk.refuse('rate-limited', { remote: raw.remoteAddress ?? '?' }, 'too many connections that are no links')
    raw.destroy()
  })
  server.on('tlsClientError', (error, socket) => {
    desk.refuse(
      'agent-mismatch',
      { remote: socket.remoteAddress ?? '?' },
      `no TLS 1.3 with an agent's key: ${error.message}`,
    )
    socket.destroy()
  })
  server.on('secureConnection', (socket) => {
    const remote = socket.remoteAddress ?? '?'
    socket.on('error', () => socket.destroy())
    socket.setNoDelay(true)
    try {
      const agent = peerOf(socket)
      const settle = strangers.releaser(socket)
      if (socket.alpnProtocol === REVERSE) void takeReverse(scene, agent, socket, settle)
      else if (socket.alpnProtocol === FORWARD) takeForward(scene, agent, remote, socket, settle)
      else throw new Refusal('record-version', 'no version of the link protocol was agreed on (ALPN)')
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal) desk.refuse(refusal.code, { remote }, refusal.detail)
      else log.error({ area: 'link', event: 'fault', remote, error }, 'a connection could not be taken')
      socket.destroy()
    }
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(at.port, at.host, resolve)
  })
  server.on('error', (error) => log.error({ area: 'link', event: 'fault', error }, 'the link port'))
  const { address, port } = server.address() as AddressInfo
  return {
    address: { host: address, port },
    close() {
      server.close()
      for (const raw of open) raw.destroy()
    },
  }
}

/** Their requests. Whether it stays is decided by `/hello`, and by the second connection after it. */
const takeForward = (scene: Scene, agent: string, remote: string, socket: TLSSocket, settle: () => void): void => {
  const { board, limits, desk } = scene
  const session = serverSession(socket, limits)
  const isKnown = ['linked', 'frozen'].includes(scene.allow(agent))
  const life = setTimeout(() => session.destroy(), isKnown ? limits.helloMs + limits.handshakeMs : limits.strangerMs)
  session.once('close', () => clearTimeout(life))
  const keep = () => {
    clearTimeout(life)
    settle()
  }
  const side = hostSide(scene.handshaking, agent, socket)
  let said: Hello | undefined
  const hello = async (hello: Hello) => {
    checkNet(scene, hello)
    // Told at once, and not after their proof: to begin with them would break off what we have begun.
    if (board.isOurTurn(agent)) return { busy: true }
    said = hello
    return { ok: true, ...helloOf(scene, hello.link), aurq: await side.open() }
  }
  const isFree = async () => {
    if (said === undefined || !(await board.welcome(agent))) return false
    if (!session.destroyed) board.expect(agent, { hello: said, session, socket, keep, isProven: side.isProven })
    return true
  }
  const arpl = (body: unknown) => side.arpl(body, isFree)
  const { commit, isProven } = side
  serve(session, { agent, remote, standing: () => scene.allow(agent), hello, arpl, commit, isProven }, desk)
}

/** Our requests. Their first connection must be waiting for it, and both must mean the same link. */
const takeReverse = async (scene: Scene, agent: string, socket: TLSSocket, settle: () => void): Promise<void> => {
  const half = scene.board.takeHalf(agent)
  if (!half?.isProven()) {
    scene.desk.refuse(
      'link-unknown',
      { agent, remote: socket.remoteAddress ?? '?' },
      'a second connection without a first',
    )
    return void socket.destroy()
  }
  try {
    const out = await clientSession(socket, scene.limits)
    await greet(scene, out, half.hello.link)
    if (half.session.destroyed) throw new LinkFault('closed', 'the first connection went meanwhile')
    settle()
    half.keep()
    const ends = { out, outSocket: socket, in: half.session, inSocket: half.socket }
    join(scene, { agent, dialledBy: 'them', theirs: half.hello }, ends)
  } catch (error) {
    scene.log.info(
      { area: 'link', event: 'not-linked', agent, why: String(error) },
      'the neighbour dialled, no link came of it',
    )
    endSoon(() => {
      half.session.destroy()
      socket.destroy()
    })
  }
}

/**
 * Connections that are not links (yet). One is known by where it comes from: TLS wraps the
 * accepted socket in another object.
 */
const strangerCount = (most: number, mostPerAddress: number) => {
  const perAddress = new Map<string, number>()
  const open = new Set<string>()
  const nameOf = (socket: Socket) => `${socket.remoteAddress} ${socket.remotePort}`

  const leave = (name: string) => {
    if (!open.delete(name)) return
    const address = name.slice(0, name.indexOf(' '))
    const left = (perAddress.get(address) ?? 1) - 1
    if (left > 0) perAddress.set(address, left)
    else perAddress.delete(address)
  }
  return {
    admit(raw: Socket): boolean {
      const address = String(raw.remoteAddress)
      const count = perAddress.get(address) ?? 0
      if (open.size >= most || count >= mostPerAddress) return false
      const name = nameOf(raw)
      open.add(name)
      perAddress.set(address, count + 1)
      raw.once('close', () => leave(name))
      return true
    },
    /** Named now: a socket that closes forgets where it came from. */
    releaser(socket: Socket): () => void {
      const name = nameOf(socket)
      return () => leave(name)
    },
  }
}
