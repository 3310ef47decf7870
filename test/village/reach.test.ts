/**
 * Somebody moves, and others lie about where. A – C – X are linked with each other, and so is M with each of them.
 */
import { expect } from 'chai'
import { addressesOf } from '../../src/reach/announce.ts'
import { encodeMessage, type Message } from '../../src/wire/record.ts'
import type { Agent } from './agent.ts'
import type { Reply } from './carrier.ts'
import { pass } from './scene.ts'
import { at, found, HOUR, heal, MINUTE, type Village } from './village.ts'

const scene = (seed: number) => {
  const village = found(seed, 4, [
    [0, 1],
    [1, 2],
    [0, 2],
    [3, 0],
    [3, 1],
    [3, 2],
  ])
  const [a, c, x, m] = [at(village, 0), at(village, 1), at(village, 2), at(village, 3)]
  pass(village, 1000)
  for (const one of [a, c, m]) one.raise({ on: 'announce', addresses: [] })
  x.raise({ on: 'announce', addresses: ['192.0.2.1:2740'] })
  pass(village, 1000)
  return { village, a, c, x, m }
}
const dialled = (village: Village, by: Agent, whom: Agent) => addressesOf(by.state, whom.id, village.clock.now)

/** X and A lose each other, and X is somewhere else from then on. */
const move = ({ village, a, x }: ReturnType<typeof scene>, to: string): void => {
  village.carrier.turn(a.id, x.id, false)
  pass(village, 1000)
  x.raise({ on: 'announce', addresses: [to] })
  pass(village, 1000)
}
const look = ({ village, a, x }: ReturnType<typeof scene>): void => {
  for (const address of dialled(village, a, x)) a.raise({ on: 'missed', agent: x.id, address, why: 'silent' })
  pass(village, 1000)
}
const said = (village: Village, agent: Agent, from: Agent, message: Message): Reply | undefined => {
  let reply: Reply | undefined
  agent.take(from.id, { records: [encodeMessage(message)] }, ([given]) => {
    reply = given
  })
  pass(village, 1)
  return reply
}
const recordOf = (agent: Agent, by: Agent): string => by && (agent.state.reaches.get(by.id)?.record ?? '')

describe('village: somebody moves', () => {
  for (const seed of [1, 2, 3]) {
    it(`and is found through a neighbour of both (seed ${seed})`, () => {
      const all = scene(seed)
      move(all, '192.0.2.2:2740')
      expect(dialled(all.village, all.a, all.x)).to.deep.equal(['192.0.2.1:2740'])
      look(all)
      expect(dialled(all.village, all.a, all.x)).to.deep.equal(['192.0.2.2:2740'])
    })

    it(`a replayed announcement leads nobody back (seed ${seed})`, () => {
      const all = scene(seed)
      const { village, a, x, m } = all
      const [old, oldForM] = [recordOf(a, x), recordOf(m, x)]
      move(all, '192.0.2.2:2740')
      look(all)
      for (const record of [old, oldForM])
        expect(said(village, a, m, { t: 'REACH', record })).to.deep.equal({ refused: 'reach-outdated' })
      expect(dialled(village, a, x)).to.deep.equal(['192.0.2.2:2740'])
    })

    it(`nor one whose time is over, shown to who has missed all since (seed ${seed})`, () => {
      const { village, a, c, x, m } = scene(seed)
      for (const other of [a, c]) village.carrier.turn(a.id, other.id, false)
      village.carrier.turn(a.id, x.id, false)
      x.raise({ on: 'announce', addresses: ['192.0.2.2:2740'] })
      pass(village, 1000)
      const kept = recordOf(m, x)
      x.raise({ on: 'announce', addresses: ['192.0.2.3:2740'] })
      pass(village, 49 * HOUR)
      expect(said(village, a, m, { t: 'REACH', record: kept })).to.deep.equal({ refused: 'expired' })
      expect(dialled(village, a, x)).to.deep.equal(['192.0.2.1:2740'])
    })

    it(`an announcement for another does not count as one for us, whoever sends it (seed ${seed})`, () => {
      const { village, a, x, m } = scene(seed)
      x.raise({ on: 'announce', addresses: ['192.0.2.2:2740'] })
      const forM = village.notary.sign(x.id, 'REACH', {
        for: m.id,
        addresses: ['192.0.2.9:2740'],
        via: [],
        seq: village.clock.now + HOUR,
        expires: village.clock.now + HOUR,
      })
      expect(said(village, a, x, { t: 'REACH', record: forM })).to.deep.equal({ refused: 'agent-mismatch' })
      pass(village, 1000)
      expect(dialled(village, a, x)).to.deep.equal(['192.0.2.2:2740'])
    })

    it(`nor after the agent itself came back from a crash with a clock behind (seed ${seed})`, () => {
      const all = scene(seed)
      const { a, x } = all
      const before = x.state.reaches.get(x.id)?.seq ?? 0
      x.state.reaches.set(x.id, { ...x.state.reaches.get(x.id), seq: before + HOUR } as never) // it was ahead when it spoke last
      move(all, '192.0.2.3:2740')
      look(all)
      expect(a.state.reaches.get(x.id)?.seq).to.equal(before + HOUR + 1)
    })

    it(`what somebody invents in another’s name is refused (seed ${seed})`, () => {
      const { village, a, x, m } = scene(seed)
      const invented = JSON.stringify({ by: x.id, type: 'REACH', for: a.id, addresses: ['203.0.113.9:1'] })
      expect(said(village, a, m, { t: 'REACH', record: invented })).to.deep.equal({ refused: 'signature-wrong' })
      expect(dialled(village, a, x)).to.deep.equal(['192.0.2.1:2740'])
    })

    it(`nobody learns where X is by an announcement that was made for another (seed ${seed})`, () => {
      const all = scene(seed)
      const { village, a, c, x, m } = all
      const stolen = a.state.reaches.get(x.id)?.pass ?? ''
      m.state.reaches.delete(x.id)
      move(all, '192.0.2.2:2740')
      m.state.reaches.delete(x.id)
      expect(said(village, c, m, { t: 'WHERE', pass: stolen })).to.deep.equal({ refused: 'agent-mismatch' })
      pass(village, MINUTE)
      expect(m.state.reaches.get(x.id)).to.equal(undefined)
    })

    it(`nor by one that X made for a neighbour of long ago (seed ${seed})`, () => {
      const all = scene(seed)
      const { village, c, x, m } = all
      const kept = recordOf(m, x)
      m.state.reaches.delete(x.id)
      village.carrier.turn(m.id, x.id, false)
      move(all, '192.0.2.2:2740')
      pass(village, 31 * 24 * HOUR)
      x.raise({ on: 'announce', addresses: ['192.0.2.4:2740'] })
      pass(village, 1000)
      expect(dialled(village, c, x)).to.deep.equal(['192.0.2.4:2740'])
      expect(said(village, c, m, { t: 'WHERE', pass: kept })).to.deep.equal({ refused: 'expired' })
      pass(village, MINUTE)
      expect(m.state.reaches.get(x.id)).to.equal(undefined)
    })
  }
})

describe('village: all move about, and everything goes wrong', function () {
  this.timeout(60_000)
  for (let seed = 1; seed <= 20; seed++)
    it(`nobody is led back, and in the end all know where each is (seed ${seed})`, () => {
      const links = Array.from({ length: 8 }, (_, i) => [[i, (i + 1) % 8] as const, [i, (i + 3) % 8] as const]).flat()
      const village = found(seed, 8, links)
      const { agents, carrier, random, trouble } = village
      pass(village, 1000)
      carrier.weather = { loss: 0.2, repeat: 0.2, slow: 0.1 }
      Object.assign(trouble, { crash: 0.01, echo: 0.1 })
      const seen = new Map<string, number>()
      for (let moves = 0; moves < 120; moves++) {
        const mover = at(village, random.between(0, 7))
        mover.raise({ on: 'announce', addresses: [`192.0.2.${moves + 1}:2740`] })
        const [a = '', b = ''] = carrier.links[random.between(0, carrier.links.length - 1)] ?? []
        carrier.turn(a, b, random.chance(0.7))
        pass(village, random.between(1, 20_000))
        neverBack(agents, seen)
      }
      heal(village)
      pass(village, 10 * MINUTE)
      for (const agent of agents) {
        const addresses = agent.state.reaches.get(agent.id)?.addresses ?? []
        agent.raise({ on: 'announce', addresses }) // the clock's half hour
      }
      pass(village, MINUTE)
      neverBack(agents, seen)
      for (const agent of agents)
        for (const other of agent.state.links.keys()) {
          const own = agents.find(({ id }) => id === other)?.state.reaches.get(other)
          expect(agent.state.reaches.get(other)?.addresses).to.deep.equal(own?.addresses)
          expect(agent.state.reaches.get(other)?.seq).to.equal(own?.seq)
        }
    })
})

/** What is known of somebody only gets newer, and never newer than what they said. */
const neverBack = (agents: Agent[], seen: Map<string, number>): void => {
  for (const agent of agents)
    for (const { agent: other, seq } of agent.state.reaches.values()) {
      const key = `${agent.id} ${other}`
      expect(seq, 'what is known got older').to.be.at.least(seen.get(key) ?? 0)
      seen.set(key, seq)
      const own = agents.find(({ id }) => id === other)?.state.reaches.get(other)?.seq ?? 0
      expect(seq, 'known before it was said').to.be.at.most(own)
    }
}
