/**
 * An IMAP edge on loopback, over a store in a temporary home, with one account: `ann@a.test`, password `secret`.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ImapConfig, type Timing, usualTiming } from '../../gateway/imap/edge.ts'
import { type ImapEdge, startImap } from '../../gateway/imap/imap.ts'
import { Watch } from '../../gateway/imap/view/watch.ts'
import { createLog } from '../../gateway/log.ts'
import type { Login, Logins } from '../../gateway/login.ts'
import { createMetrics } from '../../gateway/metrics.ts'
import { selfSigned, type TlsPair } from '../../gateway/tls.ts'
import { canonical } from '../../src/address.ts'
import { startWalk } from '../../src/mail/walk.ts'
import { Refusal } from '../../src/refusal.ts'
import { checkProof, deriveKeys, ITERATIONS, type ScramKeys } from '../../src/scram.ts'
import { type Account, create } from '../../store/account.ts'
import type { Row } from '../../store/change.ts'
import { find } from '../../store/mailbox.ts'
import { append, view } from '../../store/message.ts'
import { draftOf } from '../../store/spool.ts'
import { openStore, type Store } from '../../store/store.ts'

export const address = 'ann@a.test'
export const password = 'secret'

export type Letter = { bytes: Buffer | string; flags?: number; keywords?: string; at?: number }

export type TestImap = {
  store: Store
  edge: ImapEdge
  account: Account
  /** STARTTLS, login in the clear allowed. */
  port: number
  /** TLS from the start. */
  tlsPort: number
  /** PEM, of both ports. */
  certificate: string
  /** Lines of the log. */
  log: string[]
  deliver(mailbox: string, letters: readonly Letter[]): Promise<number[]>
  messages(mailbox: string): Promise<Row[]>
  close(): Promise<void>
}

let pair: Promise<TlsPair> | undefined
const salt = 'W22ZaJ0SNY7soEsUEjb6gQ=='
let keys: Promise<ScramKeys> | undefined

export type Options = Partial<Omit<ImapConfig, 'timing'>> & {
  timing?: Partial<Timing>
  login?: Login
  logins?(store: Store): Logins
}

export const startTestImap = async ({ timing, login, logins, ...config }: Options = {}): Promise<TestImap> => {
  const home = await mkdtemp(join(tmpdir(), 'imap-'))
  pair ??= selfSigned(['localhost'], ['127.0.0.1'])
  const tls = await pair
  const store = await openStore(home)
  const account = await create(store.db, { address, name: 'Ann', entityId: 'e' })
  if (account === 'exists') throw new Error('a fresh home has no accounts')
  const by = { id: 1, label: 'main' }
  const log: string[] = []
  const edge = await startImap({
    store,
    config: {
      listeners: [
        { host: '127.0.0.1', port: 0, security: 'starttls' },
        { host: '127.0.0.1', port: 0, security: 'tls' },
      ],
      plainLoopback: true,
      sessionLimit: 100,
      sessionsPerAddress: 100,
      sessionsPerAccount: 50,
      appendLimit: 64 << 20,
      quota: Number.POSITIVE_INFINITY,
      timing: { ...usualTiming, failedLoginMs: 1, ...timing },
      ...config,
    },
    tls: () => tls,
    login:
      login ??
      (async (user, pass) =>
        canonical(user) === address && pass === password ? { account, by } : new Refusal('login-failed', 'Wrong')),
    scram: {
      challenge: async () => ({ salt, iterations: ITERATIONS }),
      async prove(user, { message, proof }) {
        keys ??= deriveKeys(password, salt, ITERATIONS)
        const signature = user === address ? checkProof(await keys, message, proof) : undefined
        return signature === undefined ? new Refusal('login-failed', 'Wrong') : { account, by, signature }
      },
    },
    holds: () => true,
    ...logins?.(store),
    log: createLog({ level: 'info', format: 'json' }, { write: (line) => log.push(line) }),
    metrics: createMetrics(),
  })
  const [clear, tlsAt] = edge.addresses
  return {
    store,
    edge,
    account,
    certificate: tls.certificate,
    port: clear?.port ?? 0,
    tlsPort: tlsAt?.port ?? 0,
    log,
    deliver: (mailbox, letters) => deliver(store, account, mailbox, letters),
    messages: async (name) => view(store.db, await idOf(store, account, name)),
    async close() {
      await edge.close()
      await store.close()
      await rm(home, { recursive: true })
    },
  }
}

const idOf = async (store: Store, account: Account, name: string): Promise<number> => {
  const mailbox = await find(store.db, account.id, name)
  if (!mailbox) throw new Error(`there is no mailbox ${name}`)
  return mailbox.id
}

const deliver = async (store: Store, account: Account, name: string, letters: readonly Letter[]): Promise<number[]> => {
  const mailbox = await idOf(store, account, name)
  const drafts = await Promise.all(
    letters.map(async ({ bytes, flags = 0, keywords = '', at = Date.UTC(2026, 0, 2, 3, 4, 5) }) => {
      const whole = Buffer.from(bytes)
      const walk = startWalk()
      walk.push(whole)
      const body = await draftOf(store.home, whole)
      return { body, parsed: walk.end(), flags, keywords, internalDate: at }
    }),
  )
  return (await append(store.db, mailbox, drafts)).map(({ uid }) => uid)
}

/** A short letter that tells its number. */
export const letter = (n: number, extra: Partial<Letter> = {}): Letter => ({
  bytes: `From: Bob <bob@b.test>\r\nTo: ann@a.test\r\nSubject: Letter ${n}\r\nMessage-ID: <${n}@b.test>\r\nDate: Fri, 2 Jan 2026 03:04:05 +0000\r\n\r\nHello ${n}\r\n`,
  ...extra,
})

/** One for each test of a `describe`, and a watch over its changes. */
export const eachWithWatch = (): (() => { imap: TestImap; watch: Watch }) => {
  let bench: { imap: TestImap; watch: Watch }
  beforeEach(async () => {
    const imap = await startTestImap()
    bench = { imap, watch: new Watch(imap.store.db.changes) }
  })
  afterEach(async () => {
    bench.watch.close()
    await bench.imap.close()
  })
  return () => bench
}
