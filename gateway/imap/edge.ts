/**
 * What all sessions of this edge share: store, configuration, the stream of changes, and who is connected.
 */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Account } from '../../store/account.ts'
import type { Store } from '../../store/store.ts'
import type { Log } from '../log.ts'
import type { Holds, Login, Scram } from '../login.ts'
import type { Metrics } from '../metrics.ts'
import type { Lately } from './fetch/lately.ts'
import type { LatelyRead } from './fetch/lately-read.ts'
import type { Lost } from './fetch/lost.ts'
import type { Folders } from './mailbox/folders.ts'
import type { OrderKeys } from './search/order-keys.ts'
import type { Watch } from './view/watch.ts'

export type Listen = { host: string; port: number; security: 'starttls' | 'tls' }

export type ImapConfig = {
  listeners: readonly Listen[]
  /** Login without TLS, from 127.0.0.0/8 and ::1 only. */
  plainLoopback: boolean
  sessionLimit: number
  /** From one address, before and after login: a household behind one address has many devices. Loopback: gateway/places.ts. */
  sessionsPerAddress: number
  sessionsPerAccount: number
  /** Largest message APPEND takes, in bytes. */
  appendLimit: number
  /** What an account may keep that has no limit of its own, in bytes; Infinity for no limit. */
  quota: number
  timing: Timing
}

/** In milliseconds. */
export type Timing = {
  strangerIdleMs: number
  /** From the greeting to a login, however busy. */
  loginDeadlineMs: number
  /** RFC 3501 §5.4: at least 30 minutes. */
  userIdleMs: number
  handshakeMs: number
  /** From the last word to the end of the connection, for who does not read: a slow link takes what waits by then. */
  goodbyeMs: number
  /** RFC 9585 §3: a search tells how far it is so often, before the client takes the line for dead. */
  progressMs: number
  /** Times the number of failures so far. */
  failedLoginMs: number
  /** From an EXPUNGE to the clearing away: long enough for the answer to be on its way, and for many to be one. */
  expungedRestMs: number
}

export const usualTiming: Timing = {
  strangerIdleMs: 60_000,
  loginDeadlineMs: 180_000,
  userIdleMs: 30 * 60_000,
  handshakeMs: 30_000,
  goodbyeMs: 60_000,
  progressMs: 10_000,
  failedLoginMs: 1000,
  expungedRestMs: 1000,
}

export type Edge = {
  readonly store: Store
  readonly config: ImapConfig
  readonly log: Log
  readonly metrics: Metrics
  readonly watch: Watch
  readonly folders: Folders
  readonly orderKeys: OrderKeys
  readonly lately: Lately
  readonly latelyRead: LatelyRead
  readonly lost: Lost
  readonly login: Login
  readonly scram: Scram
  readonly holds: Holds
  /** Takes one of the account's places; false when all are taken. */
  claim(account: Account): boolean
  loggedOut(account: Account | undefined): void
  secure(socket: Socket): Promise<TLSSocket>
}
