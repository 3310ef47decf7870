/**
 * The only wiring: configuration → store → engine → edges, started in this order and stopped in
 * the other. `openHouse` stops before the edges: that is all a single command needs.
 */
import { altDomain } from '../src/address.ts'
import { levelOf } from '../src/complaint/policy.ts'
import type { Terms } from '../src/custody/custody.ts'
import type { Event } from '../src/event.ts'
import { isLinked } from '../src/link/standing.ts'
import { addressesOf } from '../src/reach/reach.ts'
import { Refusal } from '../src/refusal.ts'
import { emptyState, type Link } from '../src/state.ts'
import { byAddress } from '../store/account.ts'
import { discardDraft, startBody } from '../store/blob.ts'
import { openStore } from '../store/store.ts'
import { posted, unfinishedCustody } from '../store/web.ts'
import { type FirstHops, openFirstHops } from './carry/first-hop.ts'
import { judge } from './carry/judge.ts'
import { tellProgress } from './carry/progress.ts'
import { receiver } from './carry/receive.ts'
import { listenForAcceptance } from './carry/requests.ts'
import { roomIn } from './carry/room.ts'
import { lookup, openSearches, type Searches } from './carry/searches.ts'
import { submit } from './carry/submit.ts'
import { isAbuseDesk, openAbuseDesk } from './complaint/abuse.ts'
import { judgingBy } from './complaint/deed.ts'
import { openGestures } from './complaint/gestures.ts'
import { type Config, readConfig } from './config/config.ts'
import { writeHostPort } from './config/value.ts'
import { controlPath, serveControl } from './control.ts'
import type { Core } from './core.ts'
import { loadState } from './engine/batch.ts'
import { startClock } from './engine/clock.ts'
import { startEngine } from './engine/engine.ts'
import { openPerformer, type Performer, raiseDue } from './engine/perform.ts'
import { countLinks, countStates, startHealth, watchHealth } from './health.ts'
import type { House } from './house.ts'
import { usualTiming } from './imap/edge.ts'
import { startImap } from './imap/imap.ts'
import { startIndexing } from './indexing.ts'
import { openKeyring, passphraseOf } from './keys.ts'
import { type LinkEdge, startLink } from './link/edge.ts'
import { LinkFault } from './link/handlers.ts'
import { createLog, type Log } from './log.ts'
import { openLogins } from './login.ts'
import { createMetrics } from './metrics.ts'
import { openKnocking } from './neighbour/knocking.ts'
import { beginAsAnother, type Moving, openMoving } from './neighbour/moving.ts'
import { openPairing } from './neighbour/pairing.ts'
import { keepRatchets } from './neighbour/ratchets.ts'
import { strangersOf } from './neighbour/stranger.ts'
import { trustWeb } from './neighbour/trust.ts'
import { operationsOf } from './operation/operations.ts'
import { openPlace, type Place } from './reach/place.ts'
import { openReach, type Reaching } from './reach/reach.ts'
import { keepRenewed } from './renewal.ts'
import { restAfterWork } from './rest.ts'
import { startSetup } from './setup/server.ts'
import { startSmtp } from './smtp/server.ts'
import { openTls } from './tls.ts'

type Rooms = { house: House; core: Core; searches: Searches; place: Place }
type Opening = { log?: Log; passphraseFd?: number; passphrase?: string | undefined }
/** Why it does not run any more: it was told to stop, or has another agent key now. */
type Ended = 'stopped' | 'renewed'

/** The house without its edges: nothing is dialled, no effect is performed; the next `serve` takes up what is owed. */
export const openHouse = async (home: string, opening: Opening): Promise<House & { close(): Promise<void> }> => {
  const { house, core } = await openRooms(home, opening)
  return {
    ...house,
    async close() {
      await core.engine.close()
      await core.store.close()
    },
  }
}

/**
 * Runs until SIGTERM or SIGINT, which finish what is in hand. SIGHUP reads the certificate again. With another agent
 * key (`link rekey --compromise`) all is closed and opened anew.
 */
export const serve = async (home: string, opening: Opening = {}): Promise<void> => {
  const passphrase = await passphraseOf(opening) // a file descriptor can be read once
  while ((await serveOnce(home, { ...opening, passphrase })) === 'renewed');
}

const serveOnce = async (home: string, opening: Opening): Promise<Ended> => {
  const rooms = await openRooms(home, opening)
  const { core, house } = rooms
  const closing: Close[] = [core.store.close, core.engine.close]
  const stopping = untilStopped()
  try {
    const reach = await openReach(core, house.config, rooms.place)
    const performer = openPerformer(core, rooms.searches, reach.lookUp)
    const { waitForCustodyMs } = house.config.smtp
    const firstHops = waitForCustodyMs > 0 ? openFirstHops(waitForCustodyMs) : undefined
    core.engine.performBy((effect) => {
      firstHops?.hear(effect)
      performer.perform(effect)
    })
    closing.push(performer.stop)
    await reach.announce() // so that the first neighbour to connect is told
    closing.push(reach.stop)
    const moving = openMoving(core)
    core.link = await openLink(core, house, reach, moving)
    closing.push(core.link.close)
    const clock = startClock(core, reach, house.knocking, moving)
    closing.push(clock.stop)
    closing.push(restAfterWork(core.log))
    closing.push(startIndexing(core.store, core.log))
    await house.gestures.start()
    closing.push(() => house.gestures.stop())
    const requests = listenForAcceptance(core, (key) => judge(core, { key, verdict: 'wanted' }))
    closing.push(requests.stop)
    closing.push((await tellProgress(core)).stop)
    const clients = await openClients(rooms, { reach, firstHops, renewed: stopping.renewed })
    closing.push(clients.close)
    takeUp(core, performer).catch((error) =>
      core.log.error({ event: 'take-up-failed', err: error }, 'the clock takes up the rest'),
    )
    stopping.onHangup(clients.reload) // from before anybody is told that it runs
    core.log.info(
      {
        event: 'started',
        domain: house.domain,
        agent: core.agent.id,
        swept: core.store.swept.length,
        ...clients.listening,
      },
      'the gateway runs',
    )
    await stopping.ended
    core.log.info({ event: 'stopping' }, 'no new connections; what is in hand is finished')
  } finally {
    // The last opened first: whoever brings something in, then whoever carries it on, the store at the end.
    for (const close of closing.reverse()) await close()
    core.log.info({ event: 'stopped' }, 'all that was promised is on the disk')
    stopping.forget()
  }
  return stopping.how()
}

type Close = () => void | Promise<void>

const openRooms = async (home: string, opening: Opening): Promise<Rooms> => {
  const config = await readConfig(home)
  const log = opening.log ?? createLog(config.log)
  const keyring = await openKeyring(home, opening.passphrase ?? (await passphraseOf(opening)))
  const { agent, former } = keyring
  const store = await openStore(home)
  try {
    // Addresses in a domain of the first key's stay what they are, whatever becomes of the key.
    const lent = [...former, agent].map(({ id }) => altDomain(id))
    const domain = config.gateway.domain ?? lent[0] ?? altDomain(agent.id)
    const state = emptyState(agent.id, domain, lent, termsOf(config))
    state.pairs = config.link.pair
    state.weights = config.complaints.weights
    state.lodging = config.delivery.lmtp ? 'lmtp' : 'store'
    await loadState(store.db, state)
    const engine = startEngine(store.db, state, log)
    const searches = openSearches(engine, (error) =>
      log.error({ event: 'search-failed', err: error }, 'a search could not begin'),
    )
    const { net, name } = config.gateway
    const place = openPlace(state, config.link.announce, Date.now)
    const { addresses } = place
    const self = { name, addresses }
    const metrics = createMetrics()
    const shared = { agent, net, home, self, keyring, store, engine, log, now: Date.now }
    const core: Core = {
      ...shared,
      link: noLink,
      ratchets: keepRatchets(shared, config.link.times),
      lmtp: config.delivery.lmtp,
      metrics,
    }
    await beginAsAnother(core)
    const pairing = await openPairing(core)
    const knocking = openKnocking(core, config.link.knock)
    const web = trustWeb(core, searches)
    const gestures = await openGestures(core, config.complaints.graceMs, judgingBy(core))
    const house: House = { home, config, domain, addresses, log, store, keyring, web, pairing, knocking, gestures }
    return { house, core, searches, place }
  } catch (error) {
    await store.close()
    throw error
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
  moved: unreachable,
  consult: unreachable,
  probe: unreachable,
  isUp: () => false,
  remote: () => undefined,
  refresh: () => {},
  close: async () => {},
  address: { host: '', port: 0 },
}

const termsOf = ({ custody, path, complaints }: Config): Terms => ({
  delayMs: custody.delayedMs,
  knownLifeMs: custody.expiresMs,
  unknownLifeMs: custody.expiresUnknownMs,
  hopMs: custody.hopDeadlineMs,
  awayHopMs: custody.hopDeadlineAwayMs,
  heldBytes: custody.keepBytes,
  heldMs: custody.keepMs,
  searchesPerMinute: path.searchesPerMinute,
  queryBurst: path.queryBurst,
  queryEveryMs: path.queryEveryMs,
  policy: complaints.policy,
})

const openLink = (core: Core, house: House, reach: Reaching, moving: Moving): Promise<LinkEdge> => {
  const { state } = core.engine
  const { links } = state
  const { config } = house
  const strangers = strangersOf(house)
  const linked = () => [...links.values()].filter(isLinked)
  const report = (event: Event) => void core.engine.handle(event).catch(() => {}) // logged by the engine
  const turned = (on: 'up' | 'down', agent: string) => {
    report({ on, agent })
    reach.turned(on, agent)
  }
  return startLink({
    ...core,
    listen: config.link.listen,
    limits: { payloadBytes: config.link.payloadLimit },
    peers: () => linked().map(({ agent }) => ({ agentId: agent, addresses: addressesOf(state, agent, core.now()) })),
    allow: (agent) =>
      state.revoked.has(agent)
        ? 'revoked'
        : (standingOf(links.get(agent)) ?? (strangers.isOpen(core.now()) ? 'guest' : 'no')),
    handlers: {
      ...receiver(core, reach.hear, roomIn(core, config.accounts.quotaBytes)),
      directory: reach.directory,
      pair: strangers.answer,
      up: (agent) => turned('up', agent),
      down: (agent) => turned('down', agent),
      moved: moving.answer,
      missed: (agent, address, why) => {
        report({ on: 'missed', agent, address, why })
        if (why === 'wrong-key') moving.askAt(agent, address).catch(() => {}) // somebody else, or nothing we believe
      },
    },
  })
}

const standingOf = (link: Link | undefined): 'linked' | 'frozen' | undefined =>
  isLinked(link) ? (link.frozen ? 'frozen' : 'linked') : undefined

/** What a stop or a crash left: every envelope not done is looked at; reports are sent as neighbours connect. */
const takeUp = async (core: Core, { perform }: Performer): Promise<void> => {
  for (const { id } of await posted.all(core.store.db)) perform({ do: 'post', id })
  await raiseDue(core, await unfinishedCustody(core.store.db))
}

type Clients = {
  listening: Record<'smtp' | 'imap' | 'setup' | 'link' | 'health', string[]>
  reload(): void
  close(): Promise<void>
}

/** What the doors need of what was opened before them. */
type Behind = { reach: Reaching; firstHops: FirstHops | undefined; renewed(): void }

/** The doors of mail clients, of the command line and of whoever watches; all of them, or none stays open. */
const openClients = async (rooms: Rooms, behind: Behind): Promise<Clients> => {
  const doors: { close(): Promise<void> }[] = []
  const close = async () => void (await Promise.all(doors.map((door) => door.close())))
  const opened = <Door extends { close(): Promise<void> }>(door: Door): Door => {
    doors.push(door)
    return door
  }
  try {
    return { ...(await openDoors(rooms, behind, opened)), close }
  } catch (error) {
    await close()
    throw error
  }
}

const openDoors = async (
  { core, house, searches }: Rooms,
  { reach, firstHops, renewed }: Behind,
  opened: <Door extends { close(): Promise<void> }>(door: Door) => Door,
): Promise<Omit<Clients, 'close'>> => {
  const { config, store, home } = house
  const { db } = store
  const hasRoom = roomIn(core, config.accounts.quotaBytes)
  const since = core.now()
  const tls = await openTls({ home, domain: config.gateway.domain, ...config.tls })
  const logins = openLogins(db, config.login)
  const { plainLoopback } = config.login
  const shared = { log: core.log, metrics: core.metrics }

  const smtp = opened(
    await startSmtp({
      ...shared,
      ...logins('smtp'),
      config: { ...config.smtp, domain: house.domain, plainLoopback },
      tls: tls.current(),
      account: (address) => byAddress(db, address),
      levelOf: ({ entityId }) => levelOf(core.engine.state.repute.get(entityId), config.complaints.policy, core.now()),
      lookup: async (address) => {
        if (isAbuseDesk(core.engine.state, address)) return 'here'
        if (await hasRoom(core.engine.state.addresses.get(address) ?? '')) return lookup(core.engine, searches, address)
        throw new Refusal('mailbox-full', 'a mailbox here is full')
      },
      submit: openAbuseDesk(core, house.gestures, (submission) => submit(core, submission, firstHops)),
      startBody: () => startBody(home),
      discard: (draft) => discardDraft(home, draft),
    }),
  )
  const limits = { appendLimit: config.smtp.sizeLimit, quota: config.accounts.quotaBytes, timing: usualTiming }
  const imap = opened(
    await startImap({
      ...shared,
      ...logins('imap'),
      store,
      config: { ...config.imap, ...limits, plainLoopback },
      tls: tls.current,
    }),
  )
  const setup = opened(
    await startSetup({
      config,
      name: config.gateway.name,
      domain: house.domain,
      domains: core.engine.state.domains,
      tls,
      log: core.log,
      now: core.now,
    }),
  )
  core.metrics.watch({ custody: () => countStates(store), links: async () => countLinks(core.engine.state) })

  const listening = {
    smtp: smtp.addresses.map(({ address, port }) => writeHostPort({ host: address, port })),
    imap: imap.addresses.map(writeHostPort),
    setup: setup.addresses,
    link: [writeHostPort(core.link.address)],
    health: [writeHostPort(config.health.listen)],
  }
  const failed = (operation: string, error: unknown) =>
    core.log.error({ area: 'control', event: 'failed', operation, err: error }, 'an operation failed')
  opened(
    await serveControl(
      controlPath(home),
      operationsOf({ ...house, serving: { since, listening, reach, renewed } }),
      failed,
    ),
  )
  // Last: whoever sees it answer may count on all the others.
  const health = opened(
    await startHealth({
      listen: config.health.listen,
      health: watchHealth(store, since),
      registry: core.metrics.registry,
      log: core.log,
    }),
  )
  listening.health = [health.address]
  const renewal = opened(keepRenewed(tls, [smtp.useTls, setup.useTls], core.log))
  return { listening, reload: () => void renewal.reload() }
}

/** Signals are heard from the first moment; the certificate is read again once somebody can. */
const untilStopped = () => {
  let how: Ended = 'renewed'
  let end = () => {}
  let hangUp = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const stop = () => {
    how = 'stopped' // also while it closes in order to be opened anew
    end()
  }
  const hungUp = () => hangUp()
  process.on('SIGHUP', hungUp).once('SIGTERM', stop).once('SIGINT', stop)
  return {
    ended,
    renewed: end,
    how: () => how,
    onHangup: (reload: () => void) => {
      hangUp = reload
    },
    forget: () => void process.off('SIGHUP', hungUp).off('SIGTERM', stop).off('SIGINT', stop),
  }
}
