/**
 * Dialling back: a neighbour is asked to try our addresses, as far as TLS, and says what it found.
 *
 *   CALL {qid}  ──> dials where our own REACH to it says, nowhere else ──> CALLED {qid, at, reached, wrong, silent}
 *
 * So nobody can be made to knock at a third party's door beyond what an announcement does anyway.
 */
import { randomBytes } from 'node:crypto'
import type { Probe } from '../../src/reach/diagnosis.ts'
import { Refusal } from '../../src/refusal.ts'
import type { State } from '../../src/state.ts'
import { encodeMessage, type Message } from '../../src/wire/record.ts'
import type { Core } from '../core.ts'
import { createMeter } from '../throttle.ts'

export type CallMessage = Extract<Message, { t: 'CALL' | 'CALLED' }>

/** What a neighbour found, and by how much its clock is ahead of ours. */
export type Found = { probes: Probe[]; offsetMs: number }

export type Callback = {
  /** @returns undefined if it does not answer in time */
  ask(agent: string): Promise<Found | undefined>
  hear(from: string, message: CallMessage): Promise<void>
}

/** A person runs `doctor` a few times in a row. */
const CALLS = { limit: 6, windowMs: 120_000 }
/** The neighbour's dials take up to `handshakeMs`, all at once. */
const ANSWER_MS = 15_000

/** What it needs of the core. */
type Ground = {
  link: Pick<Core['link'], 'send' | 'probe'>
  engine: { state: Pick<State, 'reaches'> }
  now(): number
}

export const openCallback = (core: Ground): Callback => {
  const calls = createMeter(CALLS.limit, CALLS.windowMs, core.now)
  const pending = new Map<string, { agent: string; askedAt: number; done(found: Found): void }>()
  const tell = (to: string, message: Message) => core.link.send(to, [encodeMessage(message)])

  const dialBack = async (to: string, qid: string): Promise<void> => {
    const addresses = core.engine.state.reaches.get(to)?.addresses ?? []
    const probes = await Promise.all(addresses.map((address) => core.link.probe(address, to)))
    const at = (found: Probe['found']) => probes.filter((one) => one.found === found).map(({ address }) => address)
    const [reached, wrong, silent] = [at('them'), at('wrong-key'), at('silent')]
    await tell(to, { t: 'CALLED', qid, at: core.now(), reached, wrong, silent })
  }
  const take = (from: string, { qid, at, ...found }: Extract<CallMessage, { t: 'CALLED' }>): void => {
    const asked = pending.get(qid)
    if (asked?.agent !== from) return // too late, or never asked
    const probes = (['reached', 'wrong', 'silent'] as const).flatMap((how) =>
      found[how].map((address): Probe => ({ address, found: foundOf[how] })),
    )
    asked.done({ probes, offsetMs: at - (asked.askedAt + core.now()) / 2 })
  }

  return {
    async ask(agent) {
      const qid = randomBytes(16).toString('hex')
      const answer = new Promise<Found | undefined>((resolve) => {
        pending.set(qid, { agent, askedAt: core.now(), done: resolve })
        setTimeout(() => resolve(undefined), ANSWER_MS).unref()
      })
      const [said] = await tell(agent, { t: 'CALL', qid }).catch(() => [])
      const found = said && 'ok' in said ? await answer : undefined
      pending.delete(qid)
      return found
    },
    async hear(from, message) {
      if (message.t === 'CALLED') return take(from, message)
      if (calls.take(from) > 0) throw new Refusal('rate-limited', 'too many calls to dial back')
      dialBack(from, message.qid).catch(() => {}) // it hears nothing, and says so
    },
  }
}

const foundOf = { reached: 'them', wrong: 'wrong-key', silent: 'silent' } as const
