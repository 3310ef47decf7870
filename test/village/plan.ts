/**
 * What a seed brings: the shape of the village, and the trouble it goes through.
 */
import type { Terms } from '../../src/custody/custody.ts'
import { calm, type Weather } from './carrier.ts'
import type { Random } from './random.ts'
import { HOUR, MINUTE, terms } from './village.ts'

export type Plan = {
  terms: Terms
  weather: Weather
  crash: number
  echo: number
  /** How long the trouble lasts; how long a link stays up and down in the middle. */
  troubleMs: number
  upMs: number
  downMs: number
  messages: number
  /** How many agents write to each other again and again; the others do so seldom. */
  friends: number
  /** Agents that die early in the trouble and stay dead to its end. */
  dead: number
  /** Whether the village is cut in two some time after the trouble began, to its end. */
  parted: boolean
  /** Links that are given up for good in the midst of it. */
  revoked: number
  /** Whether agents remember ways that are not the best, and may lead where there is no way on. */
  detours: boolean
}

/** What goes wrong, from mild to such that envelopes expire before it heals. */
export const planOf = (random: Random): Plan => {
  const weather = { loss: random.next() * 0.3, repeat: random.next() * 0.3, slow: random.next() * 0.1 }
  const storm: Plan = {
    terms,
    weather,
    crash: random.next() * 0.02,
    echo: random.next() * 0.2,
    troubleMs: random.between(3, 20) * MINUTE,
    upMs: random.between(10, 300) * 1000,
    downMs: random.between(1, 120) * 1000,
    messages: random.between(4, 14),
    friends: random.between(2, 4),
    dead: 0,
    parted: random.chance(0.3),
    revoked: random.chance(0.2) ? 1 : 0,
    detours: random.chance(0.5),
  }
  const kind = random.next()
  if (kind < 0.1) return { ...storm, weather: calm, crash: 0, troubleMs: 0, parted: false, revoked: 0, detours: false }
  if (kind < 0.35) return storm
  // Nothing stays up for long, everybody knows two ways, and answers get lost: all are tried.
  if (kind < 0.55)
    return {
      ...storm,
      weather: { ...weather, loss: 0.2 + weather.loss },
      upMs: random.between(2, 20) * 1000,
      downMs: random.between(1, 15) * 1000,
      messages: 30,
      revoked: 0,
      detours: true,
    }
  if (kind < 0.8) {
    const knownLifeMs = random.between(5, 30) * MINUTE
    const short: Terms = { ...terms, delayMs: 4 * MINUTE, knownLifeMs, unknownLifeMs: 4 * MINUTE, hopMs: 2 * MINUTE }
    return {
      ...storm,
      terms: short,
      messages: 2 * storm.messages,
      troubleMs: knownLifeMs + random.between(-5, 20) * MINUTE,
    }
  }
  const long = { ...storm, upMs: random.between(5, 60) * MINUTE, downMs: random.between(5, 60) * MINUTE }
  const worse = { ...long, dead: random.between(0, 2), parted: random.chance(0.5) }
  return { ...worse, troubleMs: kind < 0.9 ? random.between(1, 10) * HOUR : random.between(11, 14) * HOUR }
}

/** A line, a ring, a star, a small random graph with cycles, or a few who nearly all know each other. */
export const shapeOf = (random: Random): { count: number; links: [number, number][] } => {
  const kind = random.pick(['line', 'ring', 'star', 'graph', 'graph', 'graph', 'thicket'] as const)
  if (kind === 'line') {
    const count = random.between(3, 5)
    return { count, links: Array.from({ length: count - 1 }, (_, i) => [i, i + 1]) }
  }
  const count = random.between(5, kind === 'graph' ? 12 : 7)
  if (kind === 'ring') return { count, links: Array.from({ length: count }, (_, i) => [i, (i + 1) % count]) }
  if (kind === 'star') return { count, links: Array.from({ length: count - 1 }, (_, i) => [0, i + 1]) }
  if (kind === 'thicket') {
    const pairs = Array.from({ length: count }, (_, i) =>
      Array.from({ length: i }, (_, j): [number, number] => [j, i]),
    ).flat()
    return { count, links: pairs.filter(([a, b]) => b === a + 1 || random.chance(0.6)) }
  }
  const links: [number, number][] = []
  const isLinked = (a: number, b: number) => links.some(([i, j]) => (i === a && j === b) || (i === b && j === a))
  for (let i = 1; i < count; i++) links.push([random.between(0, i - 1), i])
  for (let i = 0; i < count * 0.7; i++) {
    const [a, b] = [random.between(0, count - 1), random.between(0, count - 1)]
    if (a !== b && !isLinked(a, b)) links.push([a, b])
  }
  return { count, links }
}
