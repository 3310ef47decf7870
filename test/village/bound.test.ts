/**
 * The bound of docs/protocol.md §7, in villages from seeds: some write to everybody all day, and everybody
 * complains. What comes over a link of theirs to an honest neighbour stays below L/w·(1 + 0.105·days), whatever
 * the weather; w is the least weight at which that neighbour took a message, 1 by strict weights.
 * `BOUND_SEED=<seed>` runs one, `BOUND_SEEDS=<how many>` more than usual.
 */
import { expect } from 'chai'
import { weightOf } from '../../src/credit/credit.ts'
import { limitOf } from '../../src/link/standing.ts'
import type { Agent } from './agent.ts'
import { calm } from './carrier.ts'
import { holdsInTheBooks } from './claims.ts'
import { addressOf, DAY } from './mail.ts'
import { shapeOf } from './plan.ts'
import { seeded } from './random.ts'
import { pass, withoutLimits } from './scene.ts'
import { FOUNDED, found, HOUR, heal, judge, terms, type Village, write } from './village.ts'

const DAYS = 6
const one = process.env.BOUND_SEED
const many = Number(process.env.BOUND_SEEDS ?? 24)

type Town = { village: Village; spammers: Agent[]; least: Map<string, number> }

const town = (seed: number): Town => {
  const random = seeded(seed)
  const { count, links } = shapeOf(random)
  const village = found(seed, count, links, { ...terms, knownLifeMs: 2 * HOUR })
  withoutLimits(village)
  for (const { state } of village.agents) state.weights = seed % 2 === 0 ? 'strict' : 'earned'
  village.carrier.weather = random.chance(0.5) ? calm : { loss: 0.1, repeat: 0.1, slow: 0.05 }
  village.trouble.echo = random.chance(0.5) ? 0.05 : 0
  village.trouble.crash = random.chance(0.3) ? 0.002 : 0
  const spammers = random.shuffled(village.agents).slice(0, random.between(1, 2))
  pass(village, 1000)
  return { village, spammers, least: new Map() }
}

const live = ({ village, spammers, least }: Town): void => {
  const { random, agents, clock } = village
  const judged = new Set<string>()
  for (let hour = 0; hour < DAYS * 24; hour++) {
    if (hour % 6 === 0) for (const from of spammers) send(village, from, random.shuffled(agents).slice(0, 3))
    if (hour % 12 === 0)
      for (const from of agents) if (!spammers.includes(from)) send(village, from, [random.pick(agents)])
    pass(village, HOUR)
    for (const agent of agents) {
      if (hour % 6 === 0) agent.raise({ on: 'sweep' })
      note(agent, least, clock.now)
      for (const { provenance } of spammers.includes(agent) ? [] : agent.mail) {
        if (provenance === undefined || judged.has(provenance.key)) continue
        judged.add(provenance.key)
        const isSpam = spammers.some(({ id }) => provenance.key.startsWith(id))
        if (isSpam || random.chance(0.6))
          clock.in(random.between(0, 36 * HOUR), () =>
            judge(village, agent, provenance.key, isSpam ? 'abuse' : 'wanted'),
          )
      }
    }
  }
  heal(village)
  pass(village, 3 * DAY)
}

const send = (village: Village, from: Agent, to: readonly Agent[]): void => {
  for (const other of to) if (other !== from) write(village, from, [{ address: addressOf(village, other) }])
}

/** What a message of each neighbour weighs at present. */
const note = ({ id, state }: Agent, least: Map<string, number>, now: number): void => {
  for (const [other, { theirs }] of state.credits) {
    const key = `${id} ${other}`
    least.set(key, Math.min(least.get(key) ?? 1, weightOf(theirs, now, state.weights)))
  }
}

const holds = ({ village, spammers, least }: Town): { unwanted: number; bound: number } => {
  const days = (village.clock.now - FOUNDED) / DAY
  const sum = { unwanted: 0, bound: 0 }
  for (const agent of village.agents) {
    if (spammers.includes(agent)) continue
    for (const spammer of spammers) {
      const link = agent.state.links.get(spammer.id)
      if (link === undefined) continue
      const charged = [...agent.complaints.values()].filter((one) => one.charged === spammer.id && !one.withdrawnAt)
      const weight = least.get(`${agent.id} ${spammer.id}`) ?? 1
      const bound = (limitOf(link) / weight) * (1 + 0.1054 * days)
      expect(charged.length, 'unwanted over one link').to.be.at.most(bound)
      if (agent.state.weights === 'strict') expect(weight).to.equal(1)
      sum.unwanted += charged.length
      sum.bound += bound
    }
  }
  return sum
}

describe('village: unwanted mail is bounded by the links of those who send it', function () {
  this.timeout(60_000)
  const seeds = one ? [Number(one)] : Array.from({ length: many }, (_, i) => i + 1)
  const all = { unwanted: 0, bound: 0, sent: 0 }
  for (const seed of seeds)
    it(`seed ${seed}`, () => {
      const made = town(seed)
      live(made)
      holdsInTheBooks(made.village)
      const { unwanted, bound } = holds(made)
      all.unwanted += unwanted
      all.bound += bound
      all.sent += made.village.written.filter(({ origin }) => made.spammers.includes(origin)).length
    })

  it('and it was tried: much was written, much of the bound was used', () => {
    console.log(`      ${all.sent} written, ${all.unwanted} arrived unwanted, the bound was ${all.bound.toFixed(0)}`)
    expect(all.sent).to.be.above(4 * all.unwanted)
    expect(all.unwanted).to.be.above(all.bound / 4)
  })
})
