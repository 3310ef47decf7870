/** Ratchets kept in memory, as a home keeps them: what outlives an agent is `kept`. */
import { type Ratchets, takeTurns } from '../../gateway/link/ratchets.ts'
import type { Alarm } from '../../src/link/alert.ts'
import { begunAnew, freshRatchet, type Ratchet } from '../../src/link/ratchet.ts'
import { Refusal } from '../../src/refusal.ts'

export type Kept = { ratchets: Map<string, Ratchet>; frozen: Map<string, 'diverged' | 'clock'>; alarms: Alarm[] }

export const nothingKept = (): Kept => ({ ratchets: new Map(), frozen: new Map(), alarms: [] })

/** As if the home folder had been copied. */
export const copyOf = ({ ratchets }: Kept): Kept => ({ ...nothingKept(), ratchets: new Map(structuredClone(ratchets)) })

/** A REKEY is its incarnation here, and holds if it is not "forged". */
export const ratchetsIn = (kept: Kept): Ratchets => ({
  ...takeTurns(),
  times: 10,
  load: async (agent) => kept.ratchets.get(agent) ?? freshRatchet(agent, incarnationOf(kept)),
  save: async (ratchet) => void kept.ratchets.set(ratchet.agent, ratchet),
  resume: async ({ incarnation, rekey }) => ({
    name: 'test',
    software: 'test',
    incarnation,
    ...(rekey && { rekey: String(rekey.epoch) }),
  }),
  async rekeyed(ratchet, text) {
    if (!/^\d+$/.test(text)) throw new Refusal('rekey-invalid')
    kept.frozen.delete(ratchet.agent)
    if (Number(text) <= ratchet.epoch) return ratchet
    const made = { ...begunAnew(ratchet, incarnationOf(kept)), epoch: Number(text) }
    kept.ratchets.set(ratchet.agent, made)
    return made
  },
  met: () => {},
  async alarm(agent, alarm) {
    kept.alarms.push(alarm)
    if (alarm.what === 'diverged' || alarm.what === 'clock') kept.frozen.set(agent, alarm.what)
  },
  frozen: (agent) => kept.frozen.get(agent),
})

const incarnationOf = ({ ratchets }: Kept): string => ratchets.size.toString(16).padStart(16, '0')
