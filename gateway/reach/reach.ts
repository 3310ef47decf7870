/** All that makes this gateway found: what it tells and hears of addresses, and its own DNS name. */
import { setTimeout as delay } from 'node:timers/promises'
import { addressesOf } from '../../src/reach/announce.ts'
import type { Finding, Probe } from '../../src/reach/diagnosis.ts'
import type { Own } from '../../src/reach/seen.ts'
import { Refusal } from '../../src/refusal.ts'
import { encodeMessage } from '../../src/wire/record.ts'
import type { Config } from '../config/config.ts'
import type { Core } from '../core.ts'
import { type Found, openCallback } from './callback.ts'
import { openConsulting } from './consult.ts'
import { openDirectory } from './directory.ts'
import { listener, type ReachMessage } from './hear.ts'
import { keepName } from './name.ts'
import type { Place } from './place.ts'
import { openTelling } from './tell.ts'

export type Reaching = {
  hear(from: string, message: ReachMessage): Promise<void>
  /** Every neighbour is told where we are: at the start, and every half an hour. */
  announce(): Promise<void>
  /** A link went up or down. */
  turned(on: 'up' | 'down', agent: string): void
  /** The DNS name is brought to where we are, if it stands elsewhere. */
  keepName(): Promise<void>
  /** A directory's clients, where we are one. */
  directory(from: string, remote: string, request: unknown): Promise<unknown>
  /** Directories are asked for a neighbour. */
  lookUp(agent: string): Promise<void>
  /** Directories are told where we are. */
  tellDirectories(): Promise<void>
  tidy(): Promise<void>
  /** A neighbour dials us, and says what it found; undefined if it does not answer. */
  dialBack(agent: string): Promise<Found | undefined>
  /** We dial a neighbour wherever it may be, and ask others where it is. */
  probe(agent: string): Promise<Probe[]>
  testDirectories(): Promise<Finding[]>
  /** Our own addresses, as neighbours see them. */
  own(): Own
  /** What is wrong, each with what to do. */
  problems(): string[]
  stop(): void
}

export const openReach = async (core: Core, { dns, directory }: Config, place: Place): Promise<Reaching> => {
  const consulting = openConsulting(core, directory)
  const telling = openTelling(core, place.addresses, consulting.tell)
  const name = keepName(dns, place.own, core.log, core.now)
  const seen = (by: string, address: string) => {
    if (place.seen(by, address, core.link.local(by))) telling.turned()
  }
  const callback = openCallback(core)
  const serving = directory.serve ? await openDirectory(core) : undefined
  return {
    hear: listener(core, seen, callback),
    dialBack: callback.ask,
    async probe(agent) {
      const asked = askAround(core, agent)
      const addresses = addressesOf(core.engine.state, agent, core.now())
      const probes = await Promise.all(addresses.map((address) => core.link.probe(address, agent)))
      await asked
      return probes
    },
    own: place.own,
    announce: telling.announce,
    turned(on, agent) {
      if (on === 'down') place.unseen(agent)
      else if (core.link.remote(agent) === undefined) place.dialled(agent)
      telling.turned()
    },
    keepName: name.check,
    directory: async (from, remote, request) => {
      if (serving === undefined) throw new Refusal('link-unknown', 'this gateway is no directory')
      return serving.answer(from, remote, request)
    },
    lookUp: consulting.lookUp,
    tellDirectories: consulting.tell,
    testDirectories: consulting.test,
    tidy: async () => serving?.tidy(),
    problems: name.problems,
    stop: telling.stop,
  }
}

/** Their answers are announcements of their own, and come within this if they come. */
const ANSWERS_MS = 1_500

/** As after a failed dial, but now: a person waits for the answer. */
const askAround = async (core: Core, agent: string): Promise<void> => {
  const { met = [], pass } = core.engine.state.reaches.get(agent) ?? {}
  const common = met.filter((one) => core.link.isUp(one))
  if (pass === undefined || common.length === 0) return
  const asking = common.map((to) => core.link.send(to, [encodeMessage({ t: 'WHERE', pass })]).catch(() => []))
  await Promise.all(asking)
  await delay(ANSWERS_MS)
}
