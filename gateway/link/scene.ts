/**
 * What listening and dialling share, and the hello by which both make a link:
 *
 *   dialler                              listener
 *                  ── /hello ──────>     neighbour? same web? free?     (board.ts)
 *                  <── ok, limits, AURQ
 *                  ── ARPL … ARSL ──     still the one we knew? (handshake.ts)
 *   up             ── /lend ───────>     up                             (lent.ts)
 */
import type { ClientHttp2Session } from 'node:http2'
import type { TlsOptions } from 'node:tls'
import { Refusal } from '../../src/refusal.ts'
import type { Log } from '../log.ts'
import type { Board } from './board.ts'
import { ask, openOn } from './call.ts'
import type { Desk } from './desk.ts'
import { answerAs, type Hello, helloShape } from './frame.ts'
import { LinkFault, type Standing } from './handlers.ts'
import type { Handshaking } from './handshake.ts'
import { type Announced, announced, type LinkLimits } from './limits.ts'
import { type End, type Link, makeLink } from './link.ts'
import type { Keys } from './peer.ts'

export type Scene = {
  net: string
  keys: Keys
  serverOptions: TlsOptions
  limits: LinkLimits
  desk: Desk
  board: Board
  log: Log
  handshaking: Handshaking
  allow(agent: string): Standing
  /** Neighbours whom our last dial made no link with. */
  failed: Map<string, Failed>
  now(): number
}

/** `why`: their own words where they refused, with its code. */
export type Failed = { at: number; why: string }

export const helloOf = ({ net, limits }: Scene, link: string): Hello & { v: 1 } => ({
  v: 1,
  net,
  link,
  ...announced(limits),
})

/** @throws Refusal `net-mismatch` */
export const checkNet = (scene: Scene, { net }: Hello): void => {
  if (net !== scene.net) throw new Refusal('net-mismatch', 'this agent belongs to another web')
}

/**
 * Says hello on a fresh session.
 *
 * @returns what they take, and AURQ; @throws LinkFault `busy` when another link with them is live, Refusal as they refuse
 */
export const greet = async (
  scene: Scene,
  session: ClientHttp2Session,
  link: string,
): Promise<{ theirs: Announced; aurq: unknown }> => {
  const { helloMs: idleMs, answerBytes, answerMs } = scene.limits
  const answer = await ask(openOn(session), '/hello', helloOf(scene, link), { idleMs, answerBytes, answerMs })
  if (typeof answer === 'object' && answer !== null && 'busy' in answer)
    throw new LinkFault('busy', 'the neighbour has a live link with us already')
  const hello = answerAs(helloShape, answer)
  checkNet(scene, hello)
  if (hello.link !== link) throw new LinkFault('fault', 'the neighbour answers for another link')
  return { theirs: hello, aurq: (answer as { aurq?: unknown }).aurq }
}

/** Both sides know who is there. */
export const join = (
  scene: Scene,
  who: { agent: string; dialledBy: 'us' | 'them'; theirs: Announced },
  end: End,
): Link => {
  const { limits, now } = scene
  const link = makeLink(who, end, { limits, metrics: scene.desk.metrics, now })
  scene.board.put(link)
  return link
}
