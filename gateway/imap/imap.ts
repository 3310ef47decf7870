/**
 * The IMAP edge: IMAP4rev1 (RFC 3501) and IMAP4rev2 (RFC 9051) for ordinary mail clients.
 *
 * Listeners with TLS from the start, and listeners with STARTTLS. A connection over a limit is told so and closed;
 * a handshake that fails or dawdles is closed and logged. `close` says BYE to everybody, between two answers.
 */
import { type EventEmitter, once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import type { Account } from '../../store/account.ts'
import type { Change } from '../../store/change.ts'
import type { Store } from '../../store/store.ts'
import type { Log } from '../log.ts'
import type { Holds, Login, Scram } from '../login.ts'
import { expectLongLived } from '../malloc.ts'
import type { Metrics } from '../metrics.ts'
import { createPlaces, type Places } from '../places.ts'
import { Tally } from '../tally.ts'
import { type TlsPair, tlsTerms } from '../tls.ts'
import { passwordGone } from './authenticate.ts'
import type { Edge, ImapConfig, Listen } from './edge.ts'
import { Lately } from './fetch/lately.ts'
import { LatelyRead } from './fetch/lately-read.ts'
import { Lost } from './fetch/lost.ts'
import { Folders } from './mailbox/folders.ts'
import { OrderKeys } from './search/order-keys.ts'
import { ClientSession } from './session.ts'
import { Leaving } from './view/leaving.ts'
import { Watch } from './view/watch.ts'

type ImapOptions = {
  store: Store
  config: ImapConfig
  /** The pair of the moment: asked at every handshake, so a renewed certificate needs no restart. */
  tls(): TlsPair
  login: Login
  scram: Scram
  holds: Holds
  log: Log
  metrics: Metrics
}

export type ImapEdge = {
  /** Where it listens, in the order of the configuration. */
  addresses: { host: string; port: number; security: Listen['security'] }[]
  close(): Promise<void>
}

const KEEP_ALIVE_MS = 120_000
const STOP_MS = 3000

export const startImap = async (options: ImapOptions): Promise<ImapEdge> => {
  const house = new House(options)
  const servers: Server[] = []
  const addresses: ImapEdge['addresses'] = []
  const close = async () => {
    const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)))
    await house.close()
    await Promise.all(closed)
  }
  try {
    for (const { host, port, security } of options.config.listeners) {
      const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS })
      server.on('connection', (socket) => void house.receive(socket, security))
      server.listen(port, host)
      await once(server, 'listening')
      servers.push(server)
      const address = server.address()
      addresses.push({ host, port: address !== null && typeof address === 'object' ? address.port : port, security })
    }
  } catch (error) {
    await close()
    throw error
  }
  return { addresses, close }
}

/** Who is connected, and what they share. */
class House implements Edge {
  readonly store: Store
  readonly config: ImapConfig
  readonly log: Log
  readonly metrics: Metrics
  readonly login: Login
  readonly scram: Scram
  readonly holds: Holds
  readonly watch: Watch
  readonly folders: Folders
  readonly orderKeys: OrderKeys
  readonly lately = new Lately()
  readonly latelyRead = new LatelyRead()
  readonly lost: Lost
  private readonly leaving: Leaving
  private readonly tls: () => TlsPair
  private readonly sessions = new Set<ClientSession>()
  private readonly sockets = new Set<Socket>()
  private readonly perAddress: Places
  private readonly perAccount = new Tally<number>()
  private context: { pair: TlsPair; secure: SecureContext } | undefined
  private readonly onChange = (change: Change): void => {
    if (change.on !== 'password') return
    for (const session of this.sessions) if (session.entered?.by.id === change.id) this.lockOut(session)
  }

  constructor({ store, config, tls, login, scram, holds, log, metrics }: ImapOptions) {
    this.store = store
    this.config = config
    this.log = log.child({ area: 'imap' })
    this.metrics = metrics
    this.login = login
    this.scram = scram
    this.holds = holds
    this.tls = tls
    this.perAddress = createPlaces(config.sessionLimit, config.sessionsPerAddress)
    this.watch = new Watch(store.db.changes)
    this.folders = new Folders(store.db)
    this.orderKeys = new OrderKeys(store.db)
    this.lost = new Lost(store.db, this.log)
    this.leaving = new Leaving(store.db, this.log, config.timing.expungedRestMs, () =>
      [...this.sessions].flatMap(({ selected }) => selected?.view.goneIds() ?? []),
    )
    store.db.changes.on('change', this.onChange)
  }

  async receive(raw: Socket, security: Listen['security']): Promise<void> {
    const remote = raw.remoteAddress ?? 'unknown'
    raw.on('error', () => {}) // its close is all that matters
    const isFull = this.sockets.size >= this.config.sessionLimit
    if (isFull || !this.perAddress.take(remote)) {
      this.log.warn({ event: 'turned-away', remote, why: isFull ? 'total' : 'address' }, 'too many connections')
      // Before a handshake nobody could read it.
      if (security === 'starttls') raw.write('* BYE [LIMIT] Too many connections; close another first\r\n')
      raw.destroySoon()
      return
    }
    this.sockets.add(raw)
    this.metrics.sessions.inc({ edge: 'imap' })
    raw.once('close', () => {
      this.sockets.delete(raw)
      this.perAddress.give(remote)
      this.metrics.sessions.dec({ edge: 'imap' })
    })
    try {
      const socket = security === 'tls' ? await this.secure(raw) : raw
      const session = new ClientSession(this, socket, remote, security === 'tls')
      this.sessions.add(session)
      await session.serve()
      this.sessions.delete(session)
    } catch (error) {
      this.log.info({ event: 'handshake-failed', remote, why: String(error) }, 'no TLS session came about')
      raw.destroy()
    }
  }

  secure(raw: Socket): Promise<TLSSocket> {
    expectLongLived()
    const socket = new TLSSocket(raw, { isServer: true, secureContext: this.secureContext() })
    return new Promise((resolve, reject) => {
      const failed = (error: Error) => {
        clearTimeout(timer)
        reject(error)
        socket.destroy()
      }
      const closed = () => failed(new Error('closed in the handshake'))
      const timer = setTimeout(() => failed(new Error('the handshake took too long')), this.config.timing.handshakeMs)
      socket.once('error', failed)
      socket.once('close', closed)
      const events: EventEmitter = socket // `secure` is not among a TLSSocket's typed events
      events.once('secure', () => {
        clearTimeout(timer)
        socket.off('error', failed)
        socket.off('close', closed)
        socket.on('error', () => {})
        resolve(socket)
      })
    })
  }

  claim(account: Account): boolean {
    return this.perAccount.take(account.id, this.config.sessionsPerAccount)
  }

  loggedOut(account: Account | undefined): void {
    if (account) this.perAccount.give(account.id)
  }

  /** Says goodbye to all; commands under way have STOP_MS to finish. */
  async close(): Promise<void> {
    for (const session of this.sessions) session.dismiss('The gateway is stopping; come again')
    const isEmpty = () => this.sessions.size === 0
    for (const until = Date.now() + STOP_MS; !isEmpty() && Date.now() < until; ) await wait(10)
    for (const socket of this.sockets) socket.destroy()
    this.store.db.changes.off('change', this.onChange)
    this.watch.close()
    this.folders.close()
    await this.leaving.close()
  }

  /** A command under way has STOP_MS to finish: it may be all mail at once, for a thief. */
  private lockOut(session: ClientSession): void {
    const { entered, remote } = session
    this.log.info(
      { event: 'session-ended', account: entered?.account.address, label: entered?.by.label, remote },
      'the password it logged in with was removed or changed',
    )
    session.dismiss(passwordGone)
    setTimeout(() => session.destroy(), STOP_MS).unref()
  }

  private secureContext(): SecureContext {
    const pair = this.tls()
    if (this.context?.pair !== pair) {
      const secure = createSecureContext({ cert: pair.certificate, key: pair.key, ...tlsTerms })
      this.context = { pair, secure }
    }
    return this.context.secure
  }
}
