/**
 * A thousand identities at one gateway, in a calm village:  X – R – B. The owner of X draws as many as he likes, and
 * his links have all the credit there can be: what stops him here is that nobody knows his people.
 */
import { expect } from 'chai'
import type { Agent } from './agent.ts'
import { DAY } from './mail.ts'
import { moveIn, pass } from './scene.ts'
import { at, entityOf, found, HOUR, type Village, write } from './village.ts'

const bob = 'p@2.test'

const scene = () => {
  const village = found(1, 3, [
    [0, 1],
    [1, 2],
  ])
  const [x, r, b] = [at(village, 0), at(village, 1), at(village, 2)]
  pass(village, 1000)
  return { village, x, r, b }
}

/** Each of so many new people writes once. */
const crowd = (village: Village, agent: Agent, count: number, name = 'sybil'): string[] =>
  Array.from({ length: count }, (_, i) => {
    const address = `${name}${i}@${village.agents.indexOf(agent)}.test`
    const entity = entityOf(address)
    moveIn(village, agent, address)
    write(village, agent, [{ address: bob }], entity)
    return entity
  })

const requests = (agent: Agent) => agent.mail.filter((one) => one.folder === 'Requests' && one.provenance)
const trusts = (village: Village, b: Agent, other: string) =>
  b.raise({
    on: 'trusted',
    contact: { entity: entityOf(bob), other, trust: 'implicit', address: 'x@0.test', at: village.clock.now },
  })

describe('village: strangers of one gateway', () => {
  it('of a thousand whom nobody knows a handful is heard, and the others’ senders are told why', () => {
    const { village, x, b } = scene()
    crowd(village, x, 1000)
    pass(village, HOUR)
    expect(requests(b)).to.have.length(8)
    const codes = [...x.ends.values()].map(({ outcome }) => outcome?.code ?? outcome?.event)
    expect(codes.filter((code) => code === 'strangers-full')).to.have.length(992)
  })

  it('one of them may write as often as he likes: that is for credit to meter', () => {
    const { village, x, b } = scene()
    for (let i = 0; i < 20; i++) write(village, x, [{ address: bob }])
    pass(village, HOUR)
    expect(requests(b)).to.have.length(20)
  })

  it('a person here who trusts one of them makes room for as many again', () => {
    const { village, x, b } = scene()
    crowd(village, x, 20)
    pass(village, HOUR)
    const first = requests(b)[0]?.provenance?.from ?? ''
    trusts(village, b, first)
    write(village, x, [{ address: bob }], first)
    pass(village, HOUR)
    crowd(village, x, 100, 'other')
    pass(village, HOUR)
    // Eight, of whom one is a stranger no more; then sixteen in all are.
    expect(new Set(requests(b).map(({ provenance }) => provenance?.from)).size).to.equal(1 + 16)
  })

  it('those of another gateway are counted apart, and a relay counts nobody', () => {
    const { village, x, r, b } = scene()
    crowd(village, x, 20)
    crowd(village, r, 5, 'honest')
    pass(village, HOUR)
    expect(requests(b)).to.have.length(8 + 5)
    expect(r.state.households.size).to.equal(0)
  })

  it('after a month without an answer they make room', () => {
    const { village, x, b } = scene()
    crowd(village, x, 8)
    pass(village, HOUR)
    pass(village, 30 * DAY)
    b.raise({ on: 'sweep' })
    expect(b.state.households.size).to.equal(0)
    crowd(village, x, 8, 'later')
    pass(village, HOUR)
    expect(requests(b)).to.have.length(16)
  })
})
