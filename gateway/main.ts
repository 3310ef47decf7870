/**
 * The only wiring: configuration → store → engine → edges, started in this order and stopped in
 * the other. `openHouse` stops before the edges: that is all a single command needs.
 */
import { altDomain, canonical } from '../src/address.ts'
import type { Terms } from '../src/custody/custody.ts'
import type { Effect } from '../src/effect.ts'
import { emptyState, type State } from '../src/state.ts'
import { whereIs } from '../src/web.ts'
import { byAddress } from '../store/account.ts'
import { startBody } from '../store/blob.ts'
import { login as checkPassword } from '../store/password.ts'
import { openStore, type Store } from '../store/store.ts'
import { unfinishedCustody } from '../store/web.ts'
import { loadState } from './batch.ts'
import { startClock } from './clock.ts'
import { type Config, readConfig } from './config.ts'
import { controlPath, serveControl } from './control.ts'
import type { Core } from './core.ts'
import { startEngine } from './engine.ts'
import { type Health, startHealth } from './health.ts'
import type { House } from './house.ts'
import { usualTiming } from './imap/edge.ts'
import { startImap } from './imap/imap.ts'
import { openKeyring, passphraseOf } from './keys.ts'
import { type LinkEdge, startLink } from './link/edge.ts'
import { LinkFault } from './link/handlers.ts'
import { createLog, type Log } from './log.ts'
import { createMetrics } from './metrics.ts'
import { operationsOf } from './operation/operations.ts'
import { openPairing } from './pairing.ts'
import { openPerformer } from './perform.ts'
import { receiver } from './receive.ts'
import { listenForAcceptance } from './requests.ts'
import { openSearches, RCPT_WAIT_MS, type Searches } from './searches.ts'
import { startSmtp } from './smtp/server.ts'
import { submit } from './submit.ts'
import { throttleLogins } from './throttle.ts'
import { openTls } from './tls.ts'
import { trustWeb } from './trust.ts'
import { version } from './version.ts'

type Opening = { log?: Log; passphraseFd?: number }
type Rooms = { house: House; core: Core; searches: Searches; state: State; config: Config; store: Store }

/** The house without its edges: nothing is dialled, no effect is performed; the next `serve` takes up what is owed. */
export const openHouse = async (home: string, opening: Opening): Promise<House & { close(): Promise<void> }> => {
  const { house, core, store } = await openRooms(home, opening, { perform: () => {}, link: async () => noLink })
  return {
    ...house,
    async close() {
      await core.engine.settled()
      await store.close()
    },
  }
}

/** No neighbour is in reach of a command that opened the home itself. */
const unreachable = async (): Promise<never> => {
  throw new LinkFault(
    'unreachable',
    'the gateway does not run, so no neighbour can be reached; `vouchsafe serve` first',
  )
}
const noLink: LinkEdge = {
  hand: unreachable,
  send: unreachable,
  pair: unreachable,
  isUp: () => false,
  refresh: () => {},
  close: async () => {},
  address: { host: '', port: 0 },
}

type Edges = { perform(effect: Effect): void; link(core: Omit<Core, 'link'>, config: Config): Promise<LinkEdge> }

const openRooms = async (home: string, opening: Opening, edges: Edges): Promise<Rooms> => {
  const config = await readConfig(home)
  const log = opening.log ?? createLog(config.log)
  const keyring = await openKeyring(home, await passphraseOf(opening))
  const store = await openStore(home)
  try {
    const domain = config.gateway.domain ?? altDomain(keyring.agent.id)
    const state = emptyState(keyring.agent.id, domain, [altDomain(keyring.agent.id)], termsOf(config))
    await loadState(store.db, state)
    const engine = startEngine(store.db, state, edges.perform, log)
    const searches = openSearches(
      () => engine,
      (error) => log.error({ event: 'search-failed', err: error }, 'a search could not begin'),
    )
    const bare = {
      agent: keyring.agent,
      net: config.gateway.net,
      home,
      keyring,
      store,
      engine,
      log,
      metrics: createMetrics(),
      now: Date.now,
    }
    const core: Core = { ...bare, link: await edges.link(bare, config) }
    const pairing = await openPairing(core, {
      name: config.gateway.name,
      addresses: () => config.link.announce.map(({ host, port }) => `${host}:${port}`),
    })
    const house: House = { home, config, domain, log, store, keyring, web: trustWeb(core, searches), pairing }
    return { house, core, searches, state, config, store }
  } catch (error) {
    await store.close()
    throw error
  }
}

const termsOf = ({ custody }: Config): Terms => ({
  delayMs: custody.delayedMs,
  knownLifeMs: custody.expiresMs,
  unknownLifeMs: custody.expiresUnknownMs,
})

/** Runs until SIGTERM or SIGINT, which finish what is in hand. SIGHUP reads the certificate again. */
export const serve = async (home: string, options: { passphraseFd?: number } = {}): Promise<void> => {
  const late: { rooms?: Rooms; perform: (effect: Effect) => void } = { perform: () => {} }
  const rooms = () => {
    if (late.rooms === undefined) throw new Error('the gateway is still starting')
    return late.rooms
  }
  const opened = await openRooms(home, options, {
    perform: (effect) => late.perform(effect),
    link: (core, config) => openLink(core, config, rooms),
  })
  late.rooms = opened
  const { core, house, searches, config, store, state } = opened
  const performer = openPerformer(() => core, searches)
  late.perform = performer.perform
  for (const neighbour of state.links.keys())
    if (core.link.isUp(neighbour)) await core.engine.handle({ on: 'up', agent: neighbour })
  core.link.refresh()

  const started = Date.now()
  const { db } = store
  for (const key of await unfinishedCustody(db)) core.engine.handle({ on: 'due', key }).catch(() => {}) // logged by the engine
  const clock = startClock(core)
  const requests = listenForAcceptance(core)
  const tls = await openTls({ home, domain: config.gateway.domain, ...config.tls })
  const login = throttleLogins((address, password) => checkPassword(db, canonical(address), password), config.login)
  const shared = { login, log: core.log, metrics: core.metrics }

  const smtp = await startSmtp({
    ...shared,
    config: { ...config.smtp, domain: house.domain, plainLoopback: config.login.plainLoopback },
    tls: tls.current(),
    account: (address) => byAddress(db, address),
    lookup: (address) => lookup(opened, address),
    submit: (submission) => submit(core, submission),
    startBody: () => startBody(home),
  })
  const imap = await startImap({
    ...shared,
    store,
    config: {
      ...config.imap,
      plainLoopback: config.login.plainLoopback,
      sessionsPerAddress: config.imap.sessionLimit,
      appendLimit: config.smtp.sizeLimit,
      timing: usualTiming,
    },
    tls: tls.current,
  })
  const healthEdge = await startHealth({
    listen: config.health.listen,
    health: () => healthOf(opened, started),
    registry: core.metrics.registry,
    log: core.log,
  })
  core.metrics.watch({
    custody: () => countStates(house),
    links: async () => countLinks(state),
  })
  const text = ({ host, port }: { host: string; port: number }) => `${host}:${port}`
  const serving = {
    since: started,
    listening: {
      smtp: smtp.addresses.map(({ address, port }) => text({ host: address, port })),
      imap: imap.addresses.map(text),
      link: [text(core.link.address)],
      health: [healthEdge.address],
    },
  }
  const control = await serveControl(controlPath(home), operationsOf({ ...house, serving }), (name, error) =>
    core.log.error({ area: 'control', event: 'failed', operation: name, err: error }, 'an operation failed'),
  )
  core.log.info(
    { event: 'started', domain: house.domain, agent: core.agent.id, swept: store.swept.length, ...serving.listening },
    'the gateway runs',
  )

  const reload = () => {
    tls
      .reload()
      .then((pair) => smtp.useTls(pair))
      .then(() => core.log.info({ event: 'reloaded' }, 'the certificate was read again'))
      .catch((error) => core.log.error({ event: 'reload-failed', err: error }, 'the old certificate stays in use'))
  }
  process.on('SIGHUP', reload)
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
  core.log.info({ event: 'stopping' }, 'no new connections; what is in hand is finished')
  process.off('SIGHUP', reload)
  // Whoever brings something in first, then whoever carries it on, the store last.
  await Promise.all([control.close(), smtp.close(), imap.close(), healthEdge.close()])
  requests.stop()
  await clock.stop()
  await core.link.close()
  await performer.stop()
  await core.engine.settled()
  await store.close()
  core.log.info({ event: 'stopped' }, 'all that was promised is on the disk')
}

const openLink = (core: Omit<Core, 'link'>, config: Config, rooms: () => Rooms): Promise<LinkEdge> => {
  const { state } = core.engine
  const isLinked = (agent: string) => state.links.get(agent)?.state === 'active'
  const report = (event: { on: 'up' | 'down'; agent: string }) => void core.engine.handle(event).catch(() => {}) // logged by the engine
  return startLink({
    ...core,
    listen: config.link.listen,
    limits: { payloadBytes: config.link.payloadLimit },
    peers: () =>
      [...state.links.values()]
        .filter((link) => link.state === 'active')
        .map(({ agent, addresses }) => ({ agentId: agent, addresses })),
    allow: (agent) => (isLinked(agent) ? 'linked' : rooms().house.pairing.isOpen(Date.now()) ? 'invited' : 'no'),
    handlers: {
      ...receiver(() => rooms().core),
      pair: (from, request) => rooms().house.pairing.take(from, request),
      up: (agent) => report({ on: 'up', agent }),
      down: (agent) => report({ on: 'down', agent }),
    },
  })
}

/** The truth about an address at RCPT: known at once, or searched for while the client waits a moment. */
const lookup = async ({ state, searches }: Rooms, address: string) => {
  const where = whereIs(state, address, Date.now())
  if (typeof where === 'string') return where
  const result = await searches.find(where.target, RCPT_WAIT_MS)
  return result === 'found' ? 'known' : result
}

const countStates = async (house: House): Promise<Record<string, number>> => {
  const counts: Record<string, number> = { spooled: 0, waiting: 0, handing: 0, handed: 0 }
  for (const { state } of await house.web.queue()) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

const countLinks = (state: State): { up: number; down: number } => {
  const active = [...state.links.values()].filter((link) => link.state === 'active')
  const up = active.filter((link) => link.up).length
  return { up, down: active.length - up }
}

const healthOf = async ({ store }: Rooms, since: number): Promise<Health> => {
  const durable = await store.db
    .transaction((tx) => tx.run('UPDATE account SET enabled = enabled WHERE id = 0'))
    .then(
      () => 'ok',
      (error) => `can't write: ${error instanceof Error ? error.message : error}`,
    )
  return {
    status: durable === 'ok' ? 'ok' : 'failing',
    version,
    upSeconds: Math.round((Date.now() - since) / 1000),
    checks: { store: durable },
  }
}
