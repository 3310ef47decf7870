/**
 * The edge towards other agents: listens, dials, keeps one link with each neighbour, carries
 * hand-overs and small records in both directions. It knows who a neighbour is (by key) and what
 * he may cost (limits.ts); what his words mean is decided behind `LinkHandlers`.
 */
import type { Http2Stream } from 'node:http2'
import type { Agent } from '../../src/identity/agent.ts'
import type { Probe } from '../../src/reach/diagnosis.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { makeBoard } from './board.ts'
import { makeCertificate } from './certificate.ts'
import { callOnce, type Dialler, keepDialling, probe } from './dial.ts'
import {
  type Body,
  type HandAnswer,
  LinkFault,
  type LinkHandlers,
  type Offer,
  type Paired,
  type RecordAnswer,
  type Standing,
} from './handlers.ts'
import { type LinkLimits, linkLimits } from './limits.ts'
import type { Link } from './link.ts'
import { listen } from './listen.ts'
import { openParts } from './part.ts'
import { serverOptions } from './peer.ts'
import { quietRefusals } from './quiet.ts'
import type { Ratchets } from './ratchets.ts'
import type { Failed, Scene } from './scene.ts'
import { showLife } from './serve.ts'
import { endSoon } from './session.ts'

type LinkOptions = {
  agent: Agent
  net: string
  home: string
  listen: { host: string; port: number }
  /** Neighbours to dial, with `host:port` of each; those without an address dial us. */
  peers(): { agentId: string; addresses: readonly string[] }[]
  allow(agentId: string): Standing
  handlers: LinkHandlers
  ratchets: Ratchets
  limits?: Partial<LinkLimits>
  log: Log
  metrics: Pick<Metrics, 'linkRecords' | 'linkBytes' | 'refusals'>
  now?: () => number
}

export type LinkEdge = {
  /** @throws LinkFault: try again later. A refusal is an answer. */
  hand(to: string, offer: Offer, body: Body): Promise<HandAnswer>
  /** An answer a record, in order. @throws LinkFault: then any of them may have arrived */
  send(to: string, records: string[]): Promise<RecordAnswer[]>
  /** As `pair`, but asks a directory. */
  consult(address: string, agentId: string, request: unknown): Promise<unknown>
  /** As `pair`, but tells who we were, or asks whether whoever answers is somebody we knew. */
  moved(address: string, agentId: string | undefined, request: unknown): Promise<Paired>
  /**
   * @param address `host:port`
   * @param agentId undefined where whoever answers is to be asked
   * @throws LinkFault, Refusal (theirs, or `agent-mismatch` if another key answers)
   */
  pair(address: string, agentId: string | undefined, request: unknown): Promise<Paired>
  /** Dials as far as TLS, to see whether the agent is there. */
  probe(address: string, agentId: string): Promise<Probe>
  isUp(agentId: string): boolean
  /** Why our last dial made no link with a neighbour that is not up. */
  whyNot(agentId: string): Failed | undefined
  /** Where a neighbour that dialled us comes from. */
  remote(agentId: string): string | undefined
  /** Where we come from at a neighbour that we dialled, as far as this machine knows. */
  local(agentId: string): string | undefined
  /**
   * After neighbours were added, changed or revoked: dials new ones, drops links that are none any more.
   * @param anew this one at once, however long the last failure is ago
   */
  refresh(anew?: string): void
  /** Finishes what is in hand, for `limits.closeMs` at most. */
  close(): Promise<void>
  address: { host: string; port: number }
}

const SWEEP_MS = 3_600_000

export const startLink = async (options: LinkOptions): Promise<LinkEdge> => {
  const { agent, handlers, log, metrics, now = Date.now } = options
  const limits = { ...linkLimits, ...options.limits }
  const keys = await makeCertificate(agent, now())
  const parts = await openParts(options.home, limits)
  await parts.sweep(now())
  let isClosing = false

  const failed = new Map<string, Failed>()
  const board = makeBoard(agent.id, {
    up(link) {
      failed.delete(link.agent)
      log.info({ area: 'link', event: 'up', agent: link.agent, dialledBy: link.dialledBy }, 'a neighbour is linked')
      handlers.up(link.agent)
    },
    down(link, why) {
      log.info({ area: 'link', event: 'down', agent: link.agent, why }, 'a neighbour is not linked any more')
      handlers.down(link.agent, why)
    },
  })
  const refuse = quietRefusals(log, metrics, now)
  const desk = {
    handlers,
    parts,
    limits,
    log,
    metrics,
    refuse,
    inHand: new Set<Http2Stream>(),
    isClosing: () => isClosing,
  }
  const scene: Scene = {
    net: options.net,
    keys,
    serverOptions: serverOptions(keys, limits.handshakeMs),
    limits,
    desk,
    board,
    log,
    handshaking: { us: agent.id, ratchets: options.ratchets, limits, now },
    allow: options.allow,
    failed,
    now,
  }

  const listening = await listen(scene, options.listen)
  const diallers = new Map<string, Dialler>()
  const silence = showLife(desk)
  const sweeps = setInterval(
    () =>
      parts
        .sweep(now())
        .catch((error) => log.error({ area: 'link', event: 'fault', err: error }, 'the sweep of parts')),
    SWEEP_MS,
  )

  const refresh = (anew?: string) => {
    if (isClosing) return
    const wanted = new Map(
      options.peers().flatMap(({ agentId, addresses }) => (addresses.length > 0 ? [[agentId, addresses]] : [])),
    )
    for (const [agentId, dialler] of diallers) {
      if (agentId !== anew && String(wanted.get(agentId)) === String(dialler.addresses)) continue
      dialler.stop()
      diallers.delete(agentId)
      failed.delete(agentId)
    }
    for (const [agentId, addresses] of wanted)
      if (!diallers.has(agentId)) diallers.set(agentId, keepDialling(scene, agentId, addresses))
    for (const link of board.all()) if (options.allow(link.agent) !== 'linked') link.close('no neighbour any more')
  }

  const linkTo = (to: string): Link => {
    const link = board.live(to)
    if (!link || isClosing) throw new LinkFault('unreachable', 'no link with this neighbour is up')
    return link
  }

  refresh()
  return {
    hand: async (to, offer, body) => linkTo(to).calls.hand(offer, body),
    send: async (to, records) => linkTo(to).calls.send(records),
    pair: (address, agentId, request) => callOnce(scene, '/pair', address, agentId, request),
    moved: (address, agentId, request) => callOnce(scene, '/moved', address, agentId, request),
    consult: async (address, agentId, request) =>
      (await callOnce(scene, '/directory', address, agentId, request)).answer,
    isUp: (agentId) => board.live(agentId) !== undefined,
    whyNot: (agentId) => failed.get(agentId),
    probe: (address, agentId) => probe(scene, address, agentId),
    remote: (agentId) => board.live(agentId)?.remote,
    local: (agentId) => board.live(agentId)?.local,
    refresh,
    address: listening.address,
    async close() {
      isClosing = true
      clearInterval(sweeps)
      for (const dialler of diallers.values()) dialler.stop()
      const isBusy = () => desk.inHand.size > 0 || board.all().some((link) => link.calls.pending() > 0)
      const until = Date.now() + limits.closeMs
      while (isBusy() && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 10))
      for (const link of board.all()) link.close('this gateway is stopping')
      silence()
      endSoon(() => listening.close())
      await new Promise((resolve) => setImmediate(resolve)) // after it
    },
  }
}
