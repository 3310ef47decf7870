/** All that makes this gateway found: what it tells and hears of addresses, and its own DNS name. */
import type { Config } from '../config/config.ts'
import { writeHostPort } from '../config/value.ts'
import type { Core } from '../core.ts'
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
  /** What is wrong, each with what to do. */
  problems(): string[]
  stop(): void
}

export const openReach = (core: Core, { link, dns }: Config): Reaching => {
  const seen = openSeen(core.now)
  const telling = openTelling(core, () => link.announce.map(writeHostPort))
  const name = keepName(dns, seen.own, core.log, core.now)
  return {
    hear: listener(core, seen),
    announce: telling.announce,
    turned: telling.turned,
    keepName: name.check,
    problems: name.problems,
    stop: telling.stop,
  }
}
