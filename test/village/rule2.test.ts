/**
 * R2 in villages from seeds, where it is for: limits were raised to thirty, and nothing has gone over the links before
 * that would speak for anybody. Somebody writes to all, and all complain. So relays that have carried nothing but
 * that spam are suspended, too; each cuts its own neighbour for it in its turn, says so, and is back.
 * `RULE2_SEED=<seed>` runs one, `RULE2_SEEDS=<how many>` more than usual.
 */
import { expect } from 'chai'
import type { Link } from '../../src/state.ts'
import type { Agent } from './agent.ts'
import { holdsInTheBooks } from './claims.ts'
import { addressOf, DAY } from './mail.ts'
import { shapeOf } from './plan.ts'
import { seeded } from './random.ts'
import { pass } from './scene.ts'
import { FOUNDED, found, HOUR, judge, MINUTE, terms, type Village, write } from './village.ts'

const LIMIT = 30
const DAYS = 3
const one = process.env.RULE2_SEED
const many = Number(process.env.RULE2_SEEDS ?? 12)

const town = (seed: number) => {
  const random = seeded(seed)
  const { count, links } = shapeOf(random)
  const village = found(seed, count, links, { ...terms, knownLifeMs: 2 * HOUR })
  for (const { state } of village.agents)
    for (const [agent, link] of state.links) state.links.set(agent, { ...link, limit: LIMIT })
  pass(village, 1000)
  const spammer = random.pick(village.agents)
  return { village, spammer, honest: village.agents.filter((agent) => agent !== spammer) }
}
type Town = ReturnType<typeof town>

/** The clocks of all gateways look at their links. */
const live = (village: Village, hours: number): void => {
  for (let hour = 0; hour < hours; hour += 2) {
    for (const agent of village.agents) for (const on of ['sweep', 'assess'] as const) agent.raise({ on })
    pass(village, 2 * HOUR)
  }
}

/** Two letters to everybody, and whoever gets one complains. @returns how many came */
const spam = ({ village, spammer, honest }: Town): number => {
  const before = village.written.length
  for (let i = 0; i < 2; i++)
    for (const victim of honest) write(village, spammer, [{ address: addressOf(village, victim) }])
  pass(village, HOUR)
  const came = village.written
    .slice(before)
    .filter(({ key, to }) => to?.mail.some(({ provenance }) => provenance?.key === key))
  for (const { key, to } of came) if (to) judge(village, to, key, 'abuse')
  pass(village, MINUTE)
  return came.length
}

type Kept = { by: Agent; link: Link }
const linksOf = (agents: readonly Agent[]): Kept[] =>
  agents.flatMap((by) => [...by.state.links.values()].map((link) => ({ by, link })))

/** Over how many neighbours, or from how many people here, complaints about what came over this link have come. */
const sourcesOf = ({ by, link }: Kept): number =>
  new Set(by.state.credits.get(link.agent)?.conduct?.marks.map(({ via }) => via)).size

const marksOf = ({ by, link }: Kept): number => by.state.credits.get(link.agent)?.conduct?.marks.length ?? 0

describe('village: R2, with limits raised and nothing that speaks for anybody', function () {
  this.timeout(60_000)
  const all = { came: 0, bound: 0, cut: 0, back: 0 }
  const seeds = one ? [Number(one)] : Array.from({ length: many }, (_, i) => i + 1)
  for (const seed of seeds)
    it(`seed ${seed}`, () => {
      const made = town(seed)
      const { village, spammer, honest } = made
      for (let day = 0; day < DAYS; day++) {
        all.came += spam(made)
        live(village, 22)
      }
      const ofSpammer = () => linksOf(honest).filter(({ link }) => link.agent === spammer.id)
      for (const kept of ofSpammer())
        if (kept.link.ruling) all.cut += 1
        else expect(sourcesOf(kept) < 3 || marksOf(kept) < 5, 'over three links, and not cut').to.equal(true)
      live(village, 8 * 24)
      for (const { link } of linksOf(honest)) {
        if (link.agent === spammer.id || link.ruling === undefined) continue
        all.back += 1
        expect(link, 'an honest neighbour').to.include({ state: 'probation' })
        expect(link.ruling.ended).to.include({ how: 'punished' })
        expect((link.ruling.ended?.at ?? 0) - link.ruling.at).to.be.at.most(DAY)
      }
      const days = (village.clock.now - FOUNDED) / DAY
      for (const { by } of ofSpammer()) {
        const charged = [...by.complaints.values()].filter((given) => given.charged === spammer.id)
        expect(charged.length, 'the bound').to.be.at.most(LIMIT * (1 + 0.1054 * days))
        all.bound += LIMIT
      }
      holdsInTheBooks(village)
    })

  it('and it was tried: spammers were cut, and honest relays suspended that came back', () => {
    console.log(`      ${all.came} unwanted, limits of ${all.bound}; ${all.cut} cut, ${all.back} back`)
    expect(all.cut).to.be.at.least(seeds.length - 2)
    expect(all.back).to.be.at.least(seeds.length / 4)
    expect(all.came, 'far from what the limits alone would let through').to.be.below(all.bound / 2)
  })
})
