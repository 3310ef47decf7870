/**
 * Dialling a neighbour: once, or as long as he is one.
 *
 *   wait ──> taken (a link is live, or his dial is being answered) ──closed──┐
 *    ^  └──> dial his addresses in turn ──up──> taken                        │
 *    │                     └──none answers─┐                                 │
 *    └── backoff, jittered <───────────────┴─────────────────────────────────┘
 */
import { randomBytes } from 'node:crypto'
import type { ClientHttp2Session } from 'node:http2'
import { setTimeout as delay } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import type { Probe } from '../../src/reach/diagnosis.ts'
import { Refusal } from '../../src/refusal.ts'
import { ask, openOn } from './call.ts'
import { LinkFault, type Paired } from './handlers.ts'
import { proveAsGuest } from './handshake.ts'
import { lend } from './lent.ts'
import { backoffMs } from './limits.ts'
import type { Link } from './link.ts'
import { connectTls } from './peer.ts'
import { greet, join, type Scene } from './scene.ts'
import { serveCalls } from './serve.ts'
import { clientSession, endSoon } from './session.ts'

export type Dialler = { addresses: readonly string[]; stop(): void }

/** @param addresses not empty; a change of them wants a new dialler */
export const keepDialling = (scene: Scene, agent: string, addresses: readonly string[]): Dialler => {
  const { board, limits } = scene
  const stopping = new AbortController()
  const { signal } = stopping
  let failures = 0
  /** Links in a row that did not last, whatever they carried. */
  let brief = 0

  const pause = (ms: number) => delay(ms, undefined, { signal }).catch(() => {})
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))

  const outlive = async (link: Link) => {
    await Promise.race([link.closed, stopped])
    brief = scene.now() - link.since > limits.stableMs ? 0 : brief + 1
    failures = brief
  }
  const tryAll = async () => {
    for (const address of addresses) {
      if (signal.aborted || board.isTaken(agent)) return
      try {
        return await dialOnce(scene, agent, address, signal)
      } catch (error) {
        complain(scene, agent, address, error, failures)
        if (isAbsent(error) && !signal.aborted)
          scene.desk.handlers.missed(agent, address, error instanceof Refusal ? 'wrong-key' : 'silent')
      }
    }
    failures += 1
  }
  const run = async () => {
    while (!signal.aborted) {
      const link = board.live(agent)
      if (link) await outlive(link)
      else await tryAll()
      if (!board.live(agent)) await pause(backoffMs(Math.max(0, failures - 1), limits, Math.random()))
    }
  }
  void run()
  return { addresses, stop: () => stopping.abort() }
}

/** The neighbour itself was not there: no answer at all, or another key's. */
const isAbsent = (error: unknown): boolean =>
  error instanceof Refusal
    ? error.code === 'agent-mismatch'
    : error instanceof LinkFault && error.code === 'unreachable'

/** One complaint when it begins to fail, the others for whoever wants them all. Refusals are always worth a line. */
const complain = (scene: Scene, agent: string, address: string, error: unknown, failures: number): void => {
  if (error instanceof LinkFault && error.code === 'busy') return
  const said = error instanceof Error ? error.message : String(error)
  const why = error instanceof Refusal ? `${error.detail} (${error.code})` : said
  scene.failed.set(agent, { at: scene.now(), why })
  if (error instanceof Refusal) {
    scene.desk.refuse(error.code, { agent, remote: address }, error.detail)
    return
  }
  const level = failures === 0 ? 'info' : 'debug'
  scene.log[level](
    { area: 'link', event: 'unreachable', agent, address, why: String(error) },
    'the neighbour does not answer',
  )
}

/** @throws LinkFault, Refusal; nothing is left open then */
const dialOnce = async (scene: Scene, agent: string, address: string, signal: AbortSignal): Promise<void> => {
  const { board, keys, limits } = scene
  const { socket } = await connectTls(address, agent, keys, limits.handshakeMs, signal)
  const giveUp = () => endSoon(() => socket.destroy())
  signal.addEventListener('abort', giveUp)
  const decided = board.greet(agent)
  try {
    if (board.isTaken(agent)) throw new LinkFault('busy', 'the neighbour has dialled meanwhile')
    const turn = scene.handshaking.ratchets.begin(agent)
    const session = await clientSession(socket, limits)
    const name = randomBytes(16).toString('hex')
    const { theirs, aurq } = await greet(scene, session, name)
    await proveAsGuest(scene.handshaking, { agent, turn, session, socket }, aurq)
    if (signal.aborted) throw new LinkFault('closed', 'no longer wanted')
    const caller = { agent, remote: address, standing: () => scene.allow(agent), isProven: () => true }
    lend(session, limits, serveCalls(caller, scene.desk))
    const link = join(scene, { agent, dialledBy: 'us', theirs }, { session, socket, open: openOn(session) })
    keepProving(scene, link, name, session, socket)
  } catch (error) {
    giveUp()
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
    decided()
  }
}

/** A secret lasts some hours, also on a link that lives for months. Who fails at it dials anew. */
const keepProving = (scene: Scene, link: Link, name: string, session: ClientHttp2Session, socket: TLSSocket): void => {
  const { agent } = link
  const prove = async () => {
    try {
      const turn = scene.handshaking.ratchets.begin(agent)
      const { aurq } = await greet(scene, session, name)
      await proveAsGuest(scene.handshaking, { agent, turn, session, socket }, aurq)
    } catch (error) {
      if (error instanceof LinkFault && error.code === 'busy') return // overtaken by a dial that came to nothing
      complain(scene, agent, 'the live link', error, 0)
      link.close('it was not proved anew')
    }
  }
  const timer = setInterval(() => void prove(), scene.limits.ratchetMs)
  void link.closed.then(() => clearInterval(timer))
}

/** One call of somebody who need not be a neighbour, nor even know whom it calls. @returns who answered, and what */
export const callOnce = async (
  scene: Scene,
  path: '/pair' | '/directory' | '/moved',
  address: string,
  agent: string | undefined,
  request: unknown,
): Promise<Paired> => {
  const { keys, limits } = scene
  const { socket, agent: whose } = await connectTls(address, agent, keys, limits.handshakeMs)
  // Whoever shows life is waited for on a link, but not here.
  const tooLong = setTimeout(() => socket.destroy(), limits.strangerMs)
  try {
    const session = await clientSession(socket, limits)
    const terms = { idleMs: limits.strangerMs, answerBytes: limits.answerBytes }
    return { agent: whose, answer: await ask(openOn(session), path, request, terms) }
  } finally {
    clearTimeout(tooLong)
    endSoon(() => socket.destroy())
  }
}

/** Whether somebody is there: TLS proves the key, and nothing is said above it. */
export const probe = async ({ keys, limits }: Scene, address: string, agent: string): Promise<Probe> => {
  try {
    const { socket } = await connectTls(address, agent, keys, limits.handshakeMs)
    socket.destroy()
    return { address, found: 'them' }
  } catch (error) {
    if (error instanceof Refusal) return { address, found: 'wrong-key' }
    if (!(error instanceof LinkFault)) throw error
    return { address, found: 'silent', ...(error.why && { why: error.why }) }
  }
}
