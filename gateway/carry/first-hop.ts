/**
 * Who has a message first: a submission may wait a while for the signed receipts of the gateways that its envelopes
 * are handed to, to name them in its 250. The message is safe before, and whoever does not answer in time is not waited for.
 */
import type { AgentId } from '../../src/address.ts'
import type { Effect } from '../../src/effect.ts'
import type { Custodians } from '../smtp/accept.ts'

export type FirstHops = {
  /** Told of every effect, after its commit. */
  hear(effect: Effect): void
  /** Asked in the turn in which the envelopes have become durable: nothing is heard of them before. */
  wait(keys: string[]): Promise<Custodians>
}

/** What may become of an envelope so soon, besides: nobody need wait for its receipt any more. */
const OVER: ReadonlySet<string> = new Set(['refused', 'expired', 'delivered'])

export const openFirstHops = (waitMs: number): FirstHops => {
  const expected = new Map<string, (by: AgentId | undefined) => void>()
  return {
    hear(effect) {
      if (effect.do !== 'log' || effect.key === undefined) return
      if (effect.event === 'handed') expected.get(effect.key)?.(effect.to)
      else if (OVER.has(effect.event)) expected.get(effect.key)?.(undefined)
    },

    async wait(keys) {
      const receipts = keys.map((key) => new Promise<AgentId | undefined>((resolve) => void expected.set(key, resolve)))
      const timer = setTimeout(() => {
        for (const key of keys) expected.get(key)?.(undefined)
      }, waitMs)
      const signed = (await Promise.all(receipts)).filter((by) => by !== undefined)
      clearTimeout(timer)
      for (const key of keys) expected.delete(key)
      return { agents: [...new Set(signed)], signed: signed.length, envelopes: keys.length }
    },
  }
}
