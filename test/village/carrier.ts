/**
 * What lies between agents: links that go up and down, and calls over them that are lost, come
 * twice, late and out of order, and whose answers get lost as well. A calm carrier loses nothing.
 */
import type { RefusalCode } from '../../src/refusal.ts'
import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

/** A hand-over with its payload, or small messages as JSON text. */
export type Call =
  | { offer: { envelope: string; stamps: string[]; route: string[] }; payload: string }
  | { records: string[] }
/** One answer for a hand-over, one each for records; `undefined`: nothing came back in time. */
export type Reply = { accepted: string } | { refused: RefusalCode } | { ok: true }

export type End = {
  isAlive(): boolean
  /** Answers when what it says is durable, or never. */
  take(from: string, call: Call, answer: (replies: Reply[]) => void): void
  /** The link to `agent` has changed: see `isUp`. */
  linkTurned(agent: string): void
}

export type Weather = {
  /** Of a call, and again of its answer. */
  loss: number
  repeat: number
  /** A call that takes up to a minute. */
  slow: number
}
export const calm: Weather = { loss: 0, repeat: 0, slow: 0 }

export type Carrier = {
  weather: Weather
  /** Agents that share a link, both ways round. */
  links: [string, string][]
  join(agent: string, end: End): void
  link(a: string, b: string): void
  isUp(a: string, b: string): boolean
  turn(a: string, b: string, up: boolean): void
  /** `answered` may be told that nothing came, and then, late, what came; or the same twice. */
  call(from: string, to: string, call: Call, answered: (replies: Reply[] | undefined) => void): void
}

/** How long a caller waits at most; a link that breaks is often noticed sooner. */
const PATIENCE_MS = 20_000

export const openCarrier = (clock: Clock, random: Random): Carrier => {
  const ends = new Map<string, End>()
  const up = new Set<string>()
  const links: [string, string][] = []
  const name = (a: string, b: string) => (a < b ? `${a} ${b}` : `${b} ${a}`)

  const carrier: Carrier = {
    weather: calm,
    links,
    join: (agent, end) => void ends.set(agent, end),
    link: (a, b) => void links.push([a, b]),
    isUp: (a, b) => up.has(name(a, b)),
    turn(a, b, wanted) {
      const isPossible = ends.get(a)?.isAlive() === true && ends.get(b)?.isAlive() === true
      const next = wanted && isPossible
      if (carrier.isUp(a, b) === next) return
      if (next) up.add(name(a, b))
      else up.delete(name(a, b))
      clock.in(random.between(0, 50), () => ends.get(a)?.linkTurned(b))
      clock.in(random.between(0, 50), () => ends.get(b)?.linkTurned(a))
    },
    call(from, to, call, answered) {
      if (!carrier.isUp(from, to)) return clock.in(1, () => answered(undefined))
      let isAnswered = false
      const patience = carrier.weather.loss > 0 ? random.between(500, PATIENCE_MS) : PATIENCE_MS
      clock.in(patience, () => {
        if (!isAnswered) answered(undefined)
      })
      const back = (replies: Reply[]) => {
        if (random.chance(carrier.weather.loss)) return
        clock.in(delay(), () => {
          if (!carrier.isUp(from, to)) return
          isAnswered = true
          answered(replies)
        })
      }
      const copies = random.chance(carrier.weather.repeat) ? 2 : 1
      for (let i = 0; i < copies; i++) {
        if (random.chance(carrier.weather.loss)) continue
        clock.in(delay(), () => {
          if (carrier.isUp(from, to)) ends.get(to)?.take(from, call, back)
        })
      }
    },
  }
  const delay = () => (random.chance(carrier.weather.slow) ? random.between(1000, 60_000) : random.between(1, 80))
  return carrier
}
