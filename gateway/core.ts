/**
 * What the gateway's inner parts share: who we are, what is kept, and the engine. Assembled by rooms.ts.
 */
import type { Agent } from '../src/identity/agent.ts'
import type { Store } from '../store/store.ts'
import type { Engine } from './engine/engine.ts'
import type { Keyring } from './keys.ts'
import type { LinkEdge } from './link/edge.ts'
import type { RatchetBook } from './link/ratchets.ts'
import type { LmtpAddress } from './lmtp/client.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'

export type Core = {
  agent: Agent
  /** The web's name: records signed for another are refused. */
  net: string
  home: string
  /** What we tell others of ourselves: `addresses` are host:port, as the configuration announces them. */
  self: { name: string; addresses(): string[] }
  keyring: Keyring
  store: Store
  engine: Engine
  /** Out of reach of everybody until the gateway serves. */
  link: LinkEdge
  ratchets: RatchetBook
  /** The server that keeps the mail of people here, if it is not we. */
  lmtp: LmtpAddress | undefined
  log: Log
  metrics: Metrics
  now(): number
}
