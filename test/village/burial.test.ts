/**
 * Somebody dies for good in villages of all shapes, with mail of others in custody. Whoever can still reach
 * the recipient without them gets it there: every message once, with the news of it, and nothing is told as failed.
 * A failure names its seed; `BURIAL_SEED=<seed> npx mocha -g dies` lives that one through again.
 */
import { expect } from 'chai'
import type { Agent } from './agent.ts'
import { shapeOf } from './plan.ts'
import { seeded } from './random.ts'
import { bury, pass, rowAt } from './scene.ts'
import { found, HOUR, MINUTE, type Village, type Written, write } from './village.ts'

const SEEDS = Number(process.env.BURIAL_SEEDS ?? 120)

/** Links from one agent to another, by the shortest way; Infinity where there is none. */
const distance = ({ carrier }: Village, from: string, to: string): number => {
  const far = new Map([[from, 0]])
  for (const agent of far.keys())
    for (const link of carrier.links)
      if (link.includes(agent)) {
        const other = link[0] === agent ? link[1] : link[0]
        if (!far.has(other)) far.set(other, (far.get(agent) ?? 0) + 1)
      }
  return far.get(to) ?? Number.POSITIVE_INFINITY
}

const addressOf = (agent: Agent): string => [...agent.state.addresses.keys()][0] ?? ''

/** @returns how many messages were in custody of the one who died */
const live = (seed: number): number => {
  const random = seeded(seed)
  const { count, links } = shapeOf(random)
  const village = found(seed, count, links)
  const { agents, carrier } = village
  pass(village, 1000)
  const pairs = Array.from({ length: 6 }, () => random.shuffled(agents).slice(0, 2))
  const writeAll = () => {
    for (const [from, to] of pairs) if (from && to) write(village, from, [{ address: addressOf(to) }])
  }
  writeAll()
  pass(village, 10 * MINUTE)
  // Somebody in the middle of it, whose other links are down for a while: what comes to them stays with them.
  const dead = random.pick(agents)
  const theirs = random.shuffled(carrier.links.filter((link) => link.includes(dead.id)))
  for (const [a, b] of theirs.slice(1)) carrier.turn(a, b, false)
  pass(village, 1000)
  writeAll()
  pass(village, random.between(1000, 5 * MINUTE))
  const held = [...dead.state.custody.values()].filter((row) => row.role === 'relay' && row.state !== 'done').length
  bury(village, dead)
  pass(village, 11 * HOUR)
  for (const one of village.written) holds(village, one, dead)
  return held
}

const holds = (village: Village, { key, origin, to, text, recipient }: Written, dead: Agent): void => {
  const copies = village.agents.flatMap(({ mail }) => mail.filter((letter) => letter.provenance?.key === key))
  expect(copies.length, 'copies of one message').to.be.at.most(1)
  if (to === undefined || origin === dead || to === dead || distance(village, origin.id, to.id) > 5) return
  expect(copies.map((letter) => letter.text)).to.deep.equal([text])
  expect(rowAt(origin, key).outcome?.event, 'the sender hears of it').to.equal('delivered')
  expect(origin.mail.filter((letter) => letter.text.includes(`failed.${recipient.envelope}`))).to.deep.equal([])
}

describe('the village: somebody dies for good', function () {
  this.timeout(500 * SEEDS)
  const only = process.env.BURIAL_SEED
  it(only ? `with seed ${only}` : `with mail in custody, in ${SEEDS} villages`, () => {
    let held = 0
    for (const seed of only ? [Number(only)] : Array.from({ length: SEEDS }, (_, i) => i + 1)) {
      try {
        held += live(seed)
      } catch (error) {
        if (error instanceof Error) error.message = `seed ${seed}: ${error.message}`
        throw error
      }
    }
    if (!only) expect(held, 'messages that they took with them').to.be.greaterThan(SEEDS / 6)
  })
})
