/**
 * The key of V was stolen. Thief and owner race: the thief goes on as V, with all V had; the owner is O now and
 * reaches V's neighbours one after the other, in an order and at times of the seed.
 *
 *   F – N1 – V(thief), O(owner)      N1, N2, N3 are neighbours of V; N3 is away while it happens
 *    \  N2 /                         F is a neighbour of N1 and N2, and hears of it from them alone
 *       N3
 */
import { expect } from 'chai'
import { base32 } from '../../src/address.ts'
import { admitLocal } from '../../src/state.ts'
import { encodeMessage } from '../../src/wire/record.ts'
import { type Agent, openAgent } from './agent.ts'
import { hashOf } from './papers.ts'
import { dropCalls, pass } from './scene.ts'
import { at, entityOf, found, HOUR, MINUTE, type Village, write } from './village.ts'

const V = 0
const neighbours = [1, 2, 3]
const F = 4

const scene = (seed: number) => {
  const village = found(seed, 5, [
    [V, 1],
    [V, 2],
    [V, 3],
    [1, F],
    [2, F],
  ])
  pass(village, 1000)
  write(village, at(village, V), [{ address: 'p@4.test' }])
  write(village, at(village, 3), [{ address: 'p@0.test' }])
  pass(village, MINUTE)
  return village
}

/** The owner of V on a machine of their own, with a new key: the same people and neighbours, and what is owed. */
const ownerOf = (village: Village, v: Agent): Agent => {
  const id = base32(Buffer.from(hashOf(`owner ${v.id}`), 'hex'))
  const o = openAgent(village, id, '0.test', village.terms)
  const address = 'p@0.test'
  const entity = entityOf(address)
  admitLocal(o.state, { entity, account: 1, address })
  o.cards.set(entity, village.notary.sign(entity, 'CARD', { entity, address, agent: id }))
  for (const [agent, link] of v.state.links) o.state.links.set(agent, { ...link, up: false })
  for (const [agent, account] of v.state.credits) o.state.credits.set(agent, account)
  village.agents.push(o)
  village.carrier.join(id, o)
  o.start()
  return o
}

/** O shows N its operator's word: as gateway/neighbour/moving.ts raises it. */
const reach = (village: Village, o: Agent, n: Agent, v: string): void => {
  const jws = village.notary.sign(v, 'REVOKED', { at: village.clock.now })
  n.raise({ on: 'revoked', from: undefined, word: { agent: v, at: village.clock.now, jws } })
  const custody = [...n.state.custody.values()].filter((row) => JSON.stringify(row).includes(v)).map(({ key }) => key)
  const owed = [...n.state.owed.values()].filter(({ to }) => to === v).map(({ key }) => key)
  const move = { was: v, agent: o.id, epoch: village.clock.now, name: '0.test', addresses: [], custody, owed }
  n.raise({ on: 'moved', move })
  n.raise({ on: 'moved', move })
  village.carrier.link(o.id, n.id)
  village.carrier.turn(o.id, n.id, true)
}

const deliveredFrom = (agent: Agent, origin: string) =>
  agent.mail.filter(({ provenance }) => provenance?.key.startsWith(`${origin}/`))

describe('the village where a key was stolen', () => {
  for (let seed = 1; seed <= 5; seed++)
    it(`thief and owner race, seed ${seed}: the links, what is owed and the mail are the owner's in the end`, () => {
      const village = scene(seed)
      const { random, clock, carrier } = village
      const v = at(village, V)
      const all = neighbours.map((i) => at(village, i))
      const [far, away] = [at(village, F), at(village, 3)]
      carrier.turn(v.id, away.id, false)
      pass(village, 1000)
      const o = ownerOf(village, v)
      const debts = new Map(all.map((n) => [n.id, n.state.credits.get(v.id)]))
      let words = 0
      dropCalls(village, (_from, _to, call) => {
        if ('records' in call) words += call.records.filter((line) => line.includes('"REVOKED"')).length
        return false
      })

      for (let i = 0; i < 12; i++)
        clock.in(random.between(0, HOUR), () => write(village, v, [{ address: `p@${random.between(1, 4)}.test` }]))
      for (const n of all.slice(0, 2))
        clock.in(random.between(0, HOUR), () => {
          debts.set(n.id, n.state.credits.get(v.id))
          reach(village, o, n, v.id)
          expect(n.state.credits.get(o.id), 'the debt goes with the link').to.deep.equal(debts.get(n.id))
        })
      pass(village, HOUR + MINUTE)
      debts.set(away.id, away.state.credits.get(v.id))
      reach(village, o, away, v.id)
      pass(village, MINUTE)

      for (const n of [...all, far]) {
        expect(n.state.links.has(v.id), 'nobody is linked with the old key').to.equal(false)
        expect(n.state.revoked.has(v.id), 'everybody has heard').to.equal(true)
      }
      for (const n of all) expect(n.state.links.get(o.id)?.formerly).to.deep.equal([v.id])
      expect(words, 'each link carries the word a few times, not for ever').to.be.below(4 * carrier.links.length)

      // The thief tries on, over the lines that still stand; the owner writes, and is written to.
      const before = all.map((n) => deliveredFrom(n, v.id).length)
      for (let i = 1; i <= 4; i++) write(village, v, [{ address: `p@${i}.test` }])
      const first = village.written.length
      for (let i = 1; i <= 4; i++) write(village, o, [{ address: `p@${i}.test` }])
      write(village, far, [{ address: 'p@0.test' }])
      pass(village, HOUR)
      expect(all.map((n) => deliveredFrom(n, v.id).length)).to.deep.equal(before)
      for (const { key, to, text } of village.written.slice(first, first + 4))
        expect(to?.mail.filter((one) => one.provenance?.key === key).map((one) => one.text)).to.deep.equal([text])
      expect(
        deliveredFrom(o, far.id).map(({ text }) => text),
        'who was told from afar finds the new key',
      ).to.include(village.written.at(-1)?.text)
    })

  it('a flood of made-up keys is sixteen a day over any link, and the true word still gets through', () => {
    const village = scene(9)
    const [liar, honest, far, v] = [at(village, 1), at(village, 2), at(village, F), at(village, V)]
    let passed = 0
    dropCalls(village, (from, _to, call) => {
      if (from === far.id && 'records' in call) passed += call.records.filter((one) => one.includes('"REVOKED"')).length
      return false
    })
    for (let i = 0; i < 100; i++) {
      const made = base32(Buffer.from(hashOf(`made up ${i}`), 'hex'))
      const revoked = village.notary.sign(made, 'REVOKED', { at: village.clock.now })
      village.carrier.call(liar.id, far.id, { records: [encodeMessage({ t: 'REVOKED', revoked })] }, () => {})
    }
    pass(village, MINUTE)
    expect(far.state.revoked.size).to.equal(16)
    expect(passed).to.equal(16)
    const jws = village.notary.sign(v.id, 'REVOKED', { at: village.clock.now })
    honest.raise({ on: 'revoked', from: undefined, word: { agent: v.id, at: village.clock.now, jws } })
    pass(village, MINUTE)
    expect(far.state.revoked.has(v.id)).to.equal(true)
  })

  it('nobody ends a key that is not theirs', () => {
    const village = scene(10)
    const [liar, far, v] = [at(village, 1), at(village, F), at(village, V)]
    let refused = ''
    const revoked = JSON.stringify({ by: v.id, type: 'REVOKED', at: village.clock.now })
    village.carrier.call(liar.id, far.id, { records: [encodeMessage({ t: 'REVOKED', revoked })] }, (replies) => {
      const [reply] = replies ?? []
      refused = reply && 'refused' in reply ? reply.refused : 'taken'
    })
    pass(village, MINUTE)
    expect(refused).to.equal('signature-wrong')
    expect(far.state.revoked.size).to.equal(0)
  })
})
