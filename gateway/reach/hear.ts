/**
 * What neighbours say of where agents are, and ask: counted, verified, and only then an event.
 */
import { unlessRefused } from '../../src/effect.ts'
import { verifyRecord } from '../../src/identity/record.ts'
import type { Said } from '../../src/reach/reach.ts'
import { Refusal } from '../../src/refusal.ts'
import { type Message, reachRecord } from '../../src/wire/record.ts'
import type { Core } from '../core.ts'
import { createMeter } from '../throttle.ts'
import type { Callback } from './callback.ts'

export type ReachMessage = Extract<Message, { t: 'REACH' | 'WHERE' | 'CALL' | 'CALLED' }>

export const isReachMessage = (message: Message): message is ReachMessage => spoken.has(message.t)
const spoken = new Set<Message['t']>(['REACH', 'WHERE', 'CALL', 'CALLED'])

/** Each costs us a signature to verify. A neighbour with a flapping line of its own stays far below. */
const TOLD = { limit: 60, windowMs: 600_000 }
/** A neighbour that has lost a hundred of ours at once finds them within the hour. */
const ASKED = { limit: 30, windowMs: 600_000 }

export const listener = (
  core: Pick<Core, 'net' | 'engine' | 'now'> & { link: Pick<Core['link'], 'remote'> },
  seen: (by: string, address: string) => void,
  callback: Callback,
): ((from: string, message: ReachMessage) => Promise<void>) => {
  const told = createMeter(TOLD.limit, TOLD.windowMs, core.now)
  const asked = createMeter(ASKED.limit, ASKED.windowMs, core.now)
  return async (from, message) => {
    if (message.t === 'CALL' || message.t === 'CALLED') return callback.hear(from, message)
    if ((message.t === 'REACH' ? told : asked).take(from) > 0)
      throw new Refusal('rate-limited', 'too many announcements, or questions where somebody is')
    // Who dialled us sees no connection of ours: its word is none, and one liar would find company easily.
    if (message.t === 'REACH' && message.seen !== undefined && core.link.remote(from) === undefined)
      seen(from, message.seen)
    const event =
      message.t === 'REACH'
        ? { on: 'announced' as const, from, said: await readReach(core, message.record) }
        : { on: 'where' as const, from, pass: await readReach(core, message.pass) }
    unlessRefused(await core.engine.handle(event))
  }
}

/** @throws Refusal */
export const readReach = async ({ net }: Pick<Core, 'net'>, jws: string): Promise<Said> => {
  const { by, body } = await verifyRecord(jws, net, 'REACH')
  return { ...reachRecord(body, 'REACH'), by, jws }
}
