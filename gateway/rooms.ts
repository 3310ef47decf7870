/**
 * The house without its edges: configuration, keys, store, working memory, engine. A command that finds no
 * gateway running opens as much, and dials nobody.
 */
import { altDomain } from '../src/address.ts'
import type { Terms } from '../src/custody/custody.ts'
import { emptyState } from '../src/state.ts'
import { isBackup } from '../store/backup.ts'
import { openStore } from '../store/store.ts'
import { refuseEmpty } from '../store/verify.ts'
import { openSearches, type Searches } from './carry/searches.ts'
import { judgingBy } from './complaint/deed.ts'
import { openGestures } from './complaint/gestures.ts'
import { type Config, readConfig } from './config/config.ts'
import type { Core } from './core.ts'
import { loadState } from './engine/batch.ts'
import { startEngine } from './engine/engine.ts'
import type { House } from './house.ts'
import { openKeyring, passphraseOf } from './keys.ts'
import type { LinkEdge } from './link/edge.ts'
import { LinkFault } from './link/handlers.ts'
import { createLog, type Log } from './log.ts'
import { createMetrics } from './metrics.ts'
import { openKnocking } from './neighbour/knocking.ts'
import { beginAsAnother } from './neighbour/moving.ts'
import { openPairing } from './neighbour/pairing.ts'
import { keepRatchets } from './neighbour/ratchets.ts'
import { trustWeb } from './neighbour/trust.ts'
import { openPlace, type Place } from './reach/place.ts'

export type Rooms = { house: House; core: Core; searches: Searches; place: Place }
export type Opening = { log?: Log; passphraseFd?: number | undefined; passphrase?: string | undefined }
export const openRooms = async (home: string, opening: Opening): Promise<Rooms> => {
  const config = await readConfig(home)
  await refuseBackup(home)
  const log = opening.log ?? createLog(config.log)
  const keyring = await openKeyring(home, opening.passphrase ?? (await passphraseOf(opening)))
  const { agent, former } = keyring
  await refuseEmpty(home) // a new database would know nobody here, so that all their mail were refused for good
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

/**
 * What must not come back as it was, uids and what is shared with neighbours, `restore` sees to: of a backup opened as it
 * lies all links would freeze, and it would be none any more.
 */
const refuseBackup = async (home: string): Promise<void> => {
  if (await isBackup(home))
    throw new Error(`${home} is a backup, and no home: make one from it, \`vouchsafe restore FROM --home NEW\`.`)
}

export type OpenHouse = House & { close(): Promise<void> }

/** For a single command: nothing is dialled, no effect is performed; the next `serve` takes up what is owed. */
export const openHouse = async (home: string, opening: Opening): Promise<OpenHouse> => {
  const { house, core } = await openRooms(home, opening)
  return {
    ...house,
    async close() {
      await core.engine.close()
      await core.store.close()
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
  moved: unreachable,
  consult: unreachable,
  probe: unreachable,
  isUp: () => false,
  whyNot: () => undefined,
  remote: () => undefined,
  local: () => undefined,
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
