/** All that makes this gateway found: what it tells and hears of addresses, and its own DNS name. */
import { Refusal } from '../../src/refusal.ts'
import type { Config } from '../config/config.ts'
import { writeHostPort } from '../config/value.ts'
import type { Core } from '../core.ts'
import { openConsulting } from './consult.ts'
import { openDirectory } from './directory.ts'
import { listener, type ReachMessage } from './hear.ts'
import { keepName } from './name.ts'
import { openSeen } from './seen.ts'
import { openTelling } from './tell.ts'

export type Reaching = {
  hear(from: string, message: ReachMessage): Promise<void>
  /** Every neighbour is told where we are: at the start, and every half an hour. */
  announce(): Promise<void>
  /** A link went up or down. */
  turned(): void
  /** The DNS name is brought to where we are, if it stands elsewhere. */
  keepName(): Promise<void>
  /** A directory's clients, where we are one. */
  directory(from: string, remote: string, request: unknown): Promise<unknown>
  /** Directories are asked for a neighbour. */
  lookUp(agent: string): Promise<void>
  /** Directories are told where we are. */
  tellDirectories(): Promise<void>
  tidy(): Promise<void>
  /** What is wrong, each with what to do. */
  problems(): string[]
  stop(): void
}

export const openReach = async (core: Core, { link, dns, directory }: Config): Promise<Reaching> => {
  const seen = openSeen(core.now)
  const telling = openTelling(core, () => link.announce.map(writeHostPort))
  const name = keepName(dns, seen.own, core.log, core.now)
  const consulting = openConsulting(core, directory)
  const serving = directory.serve ? await openDirectory(core) : undefined
  return {
    hear: listener(core, seen),
    announce: telling.announce,
    turned: telling.turned,
    keepName: name.check,
    directory: async (from, remote, request) => {
      if (serving === undefined) throw new Refusal('link-unknown', 'this gateway is no directory')
      return serving.answer(from, remote, request)
    },
    lookUp: consulting.lookUp,
    tellDirectories: consulting.tell,
    tidy: async () => serving?.tidy(),
    problems: name.problems,
    stop: telling.stop,
  }
}
