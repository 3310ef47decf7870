/**
 * A direct link through the web, while letters get lost, come twice and agents die:  A – R – B. Then R dies for good,
 * and mail goes on over the link that nobody made by hand.
 */
import { expect } from 'chai'
import type { Agent } from './agent.ts'
import { calm } from './carrier.ts'
import { pairText } from './papers.ts'
import { pass } from './scene.ts'
import { at, entityOf, found, HOUR, heal, MINUTE, type Village, write } from './village.ts'

const [ann, bob] = ['p@0.test', 'p@2.test']
const [anna, bert] = [entityOf(ann), entityOf(bob)]

const scene = (seed: number) => {
  const village = found(seed, 3, [
    [0, 1],
    [1, 2],
  ])
  const [a, r, b] = [at(village, 0), at(village, 1), at(village, 2)]
  b.answersPair = () => letter(village, b, ann, true)
  write(village, a, [{ address: bob }]) // so that they know each other's cards
  pass(village, MINUTE)
  write(village, b, [{ address: ann }])
  pass(village, MINUTE)
  return { village, a, r, b }
}

const letter = (village: Village, from: Agent, to: string, answer: boolean): void =>
  write(village, from, [{ address: to, notify: ['NEVER'] }], undefined, pairText({ name: 'X', addresses: [], answer }))

const trust = (village: Village, b: Agent): void =>
  b.raise({
    on: 'trusted',
    contact: { entity: bert, other: anna, trust: 'explicit', address: ann, at: village.clock.now },
  })

/** A's operator asks; its gateway asks again while there is no answer. */
const asks = (village: Village, a: Agent, b: Agent, times: number): void => {
  const wish = { who: b.id, way: 'web' as const, name: '', addresses: [], letter: { as: anna, to: bob } }
  a.raise({ on: 'wished', wish })
  for (let i = 0; i < times; i++)
    village.clock.in(i * 15 * MINUTE, () => {
      const at = a.state.knocks.get(b.id)?.at
      if (at === undefined && !a.state.links.has(b.id)) a.raise({ on: 'wished', wish }) // a crash took the first
      if (at !== 'denied' && !a.state.links.has(b.id)) letter(village, a, bob, false)
    })
}

const storm = (village: Village): void => {
  village.carrier.weather = { loss: 0.2, repeat: 0.2, slow: 0.1 }
  village.trouble.crash = 0.01
  village.trouble.echo = 0.2
}
const standing = (one: Agent, other: Agent) => one.state.links.get(other.id)?.state
const mailOf = (agent: Agent) => agent.mail.filter(({ provenance }) => provenance !== undefined)
const SEEDS = Array.from({ length: 12 }, (_, i) => i + 1)

describe('village: a link through the web', function () {
  this.timeout(60_000)

  it('is made at both ends on probation, whatever is lost, and its letters are in nobody’s mailbox', () => {
    for (const seed of SEEDS) {
      const { village, a, b } = scene(seed)
      trust(village, b)
      storm(village)
      asks(village, a, b, 12)
      pass(village, HOUR)
      heal(village)
      pass(village, 4 * HOUR)
      expect([standing(a, b), standing(b, a)], `seed ${seed}`).to.deep.equal(['probation', 'probation'])
      for (const agent of village.agents)
        for (const { text } of mailOf(agent)) expect(text, `seed ${seed}`).to.match(/^message /)
    }
  })

  it('then carries mail when the relay is gone', () => {
    const { village, a, r, b } = scene(1)
    trust(village, b)
    asks(village, a, b, 1)
    pass(village, MINUTE)
    expect([standing(a, b), standing(b, a)]).to.deep.equal(['probation', 'probation'])
    r.crash()
    for (const [one, other] of village.carrier.links) village.carrier.turn(one, other, false)
    village.carrier.link(a.id, b.id)
    village.carrier.turn(a.id, b.id, true)
    const before = mailOf(b).length
    write(village, a, [{ address: bob }])
    pass(village, HOUR)
    expect(mailOf(b)).to.have.length(before + 1)
    expect(mailOf(b).at(-1)?.provenance?.path).to.deep.equal([a.id, b.id])
  })

  it('is never made where nobody has compared words, and whoever asked hears it', () => {
    for (const seed of SEEDS) {
      const { village, a, b } = scene(seed)
      storm(village)
      asks(village, a, b, 6)
      pass(village, HOUR)
      heal(village)
      expect(village.carrier.weather).to.equal(calm)
      pass(village, 14 * HOUR)
      expect([standing(a, b), standing(b, a)], `seed ${seed}`).to.deep.equal([undefined, undefined])
      expect(a.state.knocks.get(b.id)?.at, `seed ${seed}`).to.equal('denied')
    }
  })
})
