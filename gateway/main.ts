/**
 * The wiring: configuration → store → engine (rooms.ts) → links and the clock (here) → mail clients (doors.ts),
 * started in this order and stopped in the other.
 */
import type { Event } from '../src/event.ts'
import { isLinked } from '../src/link/standing.ts'
import { addressesOf } from '../src/reach/announce.ts'
import { Refusal } from '../src/refusal.ts'
import type { Link } from '../src/state.ts'
import { posted, unfinishedCustody } from '../store/web.ts'
import { openFirstHops } from './carry/first-hop.ts'
import { judge } from './carry/judge.ts'
import { tellProgress } from './carry/progress.ts'
import { receiver } from './carry/receive.ts'
import { listenForAcceptance } from './carry/requests.ts'
import { roomIn } from './carry/room.ts'
import type { Core } from './core.ts'
import { openClients } from './doors.ts'
import { startClock } from './engine/clock.ts'
import { openPerformer, type Performer, raiseDue } from './engine/perform.ts'
import type { House } from './house.ts'
import { startIndexing } from './indexing.ts'
import { passphraseOf } from './keys.ts'
import { type LinkEdge, startLink } from './link/edge.ts'
import { type Moving, openMoving } from './neighbour/moving.ts'
import { notePairings } from './neighbour/ratchets.ts'
import { strangersOf } from './neighbour/stranger.ts'
import { noDoor } from './no-door.ts'
import { openReach, type Reaching } from './reach/reach.ts'
import { hearHangups, type OnHangup, opened, reconfigure } from './reconfigure.ts'
import { restAfterWork } from './rest.ts'
import { type Opening, openRooms, type Rooms } from './rooms.ts'

/** Why it does not run any more: it was told to stop, or has another agent key or configuration now. */
type Ended = 'stopped' | 'renewed'

/**
 * Runs until SIGTERM or SIGINT, which finish what is in hand. SIGHUP reads certificate and configuration again. With
 * another configuration or agent key (`link rekey --compromise`) all is closed and opened anew.
 */
export const serve = async (home: string, opening: Opening = {}): Promise<void> => {
  const onHangup = hearHangups()
  const passphrase = await passphraseOf(opening) // a file descriptor can be read once
  const open = () => opened(home, () => openRooms(home, { ...opening, passphrase }))
  let ended = await serveIn(await open(), onHangup)
  while (ended === 'renewed') ended = await serveIn(await open(), onHangup)
}

const serveIn = async (rooms: Rooms, onHangup: OnHangup): Promise<Ended> => {
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
    await notePairings(core)
    core.link = await openLink(core, house, reach, moving)
    closing.push(core.link.close)
    const clock = startClock(core, reach, house.knocking, moving)
    closing.push(clock.stop)
    closing.push(restAfterWork(core.log, core.store))
    closing.push(startIndexing(core.store, core.log))
    await house.gestures.start()
    closing.push(() => house.gestures.stop())
    const requests = listenForAcceptance(core, (key) => judge(core, { key, verdict: 'wanted' }))
    closing.push(requests.stop)
    closing.push((await tellProgress(core)).stop)
    const clients = await openClients(rooms, { reach, firstHops, renewed: stopping.renewed })
    closing.push(clients.close)
    takeUp(core, performer).catch((error) => {
      if (error instanceof Refusal && error.code === 'stopping') return // the next start takes it up
      core.log.error({ event: 'take-up-failed', err: error }, 'the clock takes up the rest')
    })
    onHangup(() => {
      clients.reload()
      void reconfigure(house.home, house.config, core.log, stopping.renewed)
    }) // from before anybody is told that it runs
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
  } catch (error) {
    throw noDoor(error)
  } finally {
    onHangup(undefined)
    // The last opened first: whoever brings something in, then whoever carries it on, the store at the end.
    for (const close of closing.reverse()) await close()
    core.log.info({ event: 'stopped' }, 'all that was promised is on the disk')
    stopping.forget()
  }
  return stopping.how()
}

type Close = () => void | Promise<void>

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

/** Heard from the first moment. */
const untilStopped = () => {
  let how: Ended = 'renewed'
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const stop = () => {
    how = 'stopped' // also while it closes in order to be opened anew
    end()
  }
  process.once('SIGTERM', stop).once('SIGINT', stop)
  return {
    ended,
    renewed: end,
    how: () => how,
    forget: () => void process.off('SIGTERM', stop).off('SIGINT', stop),
  }
}
