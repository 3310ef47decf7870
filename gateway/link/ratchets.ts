/**
 * What a handshake needs of the gateway: the ratchet of each neighbour, durable; one handshake at a time for
 * each; and somebody to tell. Kept by gateway/neighbour/ratchets.ts.
 */
import type { Entity } from '../../src/identity/entity.ts'
import type { Alarm } from '../../src/link/alert.ts'
import type { Ratchet } from '../../src/link/ratchet.ts'
import { LinkFault } from './handlers.ts'

/** What we say of ourselves: see src/wire/link1.ts. */
export type Resume = { name: string; software: string; incarnation: string; owner?: string; rekey?: string }

export type Ratchets = Turns & {
  /** Connection times that are kept. */
  times: number
  /** As kept, or a fresh one. */
  load(agent: string): Promise<Ratchet>
  /** Durable when it resolves. */
  save(ratchet: Ratchet): Promise<void>
  resume(ratchet: Ratchet): Promise<Resume>
  /** Their operator's REKEY. @returns the ratchet as it is then, durable @throws Refusal rekey-invalid */
  rekeyed(ratchet: Ratchet, text: string): Promise<Ratchet>
  /** The neighbour has proved itself, and shows who operates it. */
  met(agent: string, owner: string | undefined): void
  /** Durable when it resolves: whoever was alarmed about stays so after a crash. */
  alarm(agent: string, alarm: Alarm): Promise<void>
  frozen(agent: string): 'diverged' | 'clock' | 'stolen' | undefined
}

/** And of those who make neighbours, or mend what was lost. */
export type RatchetBook = Ratchets & {
  /** Both have paired, for the first time or again. @param token that both know, base64url; none if they know none */
  pair(agent: string, token?: string): Promise<void>
  /** Our side was lost: begins anew, by the word of our operator. @throws Error if nobody here can give it */
  rekey(agent: string): Promise<void>
  /** Whoever may sign it. @throws Error if nobody here can */
  operator(): Entity
}

/**
 * Whose handshake it is. Beginning one, in either role, breaks off any other with the same neighbour: what arrives
 * late on an older connection must find nothing. And two pieces of work on one ratchet never overlap.
 */
type Turns = {
  begin(agent: string): Turn
  /** @throws LinkFault `busy` if another one has begun meanwhile */
  inTurn<T>(agent: string, turn: Turn, work: () => Promise<T>): Promise<T>
}
export type Turn = symbol

export const takeTurns = (): Turns => {
  const current = new Map<string, Turn>()
  const last = new Map<string, Promise<unknown>>()
  return {
    begin(agent) {
      const turn = Symbol(agent)
      current.set(agent, turn)
      return turn
    },
    inTurn(agent, turn, work) {
      const run = async () => {
        if (current.get(agent) === turn) return work()
        throw new LinkFault('busy', 'another handshake with this neighbour has begun')
      }
      const done = (last.get(agent) ?? Promise.resolve()).then(run)
      const settled = done.catch(() => undefined).then(() => void (last.get(agent) === settled && last.delete(agent)))
      last.set(agent, settled)
      return done
    },
  }
}
