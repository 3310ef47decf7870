/**
 * Links that are suspended by a rule, and honest ones that are not:  A – R – B, with C, D and X as
 * neighbours of R alone, and S behind X. A new web's limits, calm weather.
 */
import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import { repented } from '../../src/link/sentence.ts'
import type { Link } from '../../src/state.ts'
import type { Agent } from './agent.ts'
import { holdsInTheBooks } from './claims.ts'
import { complains, DAY, debt, writes } from './mail.ts'
import { pass, withoutLimits } from './scene.ts'
import { at, found, HOUR, judge, terms, type Village } from './village.ts'

type Scene = { village: Village; a: Agent; r: Agent; b: Agent; c: Agent; d: Agent; x: Agent; s: Agent }

const scene = (): Scene => {
  const village = found(
    1,
    7,
    [
      [0, 1],
      [1, 2],
      [1, 3],
      [1, 4],
      [1, 5],
      [5, 6],
    ],
    { ...terms, knownLifeMs: 2 * HOUR },
  )
  withoutLimits(village)
  pass(village, 1000)
  const [a, r, b, c, d, x, s] = [0, 1, 2, 3, 4, 5, 6].map((i) => at(village, i)) as [
    Agent,
    Agent,
    Agent,
    Agent,
    Agent,
    Agent,
    Agent,
  ]
  return { village, a, r, b, c, d, x, s }
}

/** A day ends: every clock has looked at its links every two hours. */
const night = (village: Village): void => {
  for (let hour = 0; hour < 23; hour += 2) {
    for (const agent of village.agents) for (const on of ['sweep', 'assess'] as const) agent.raise({ on })
    pass(village, 2 * HOUR)
  }
}
const nights = (village: Village, count: number): void => {
  for (let i = 0; i < count; i++) night(village)
}

const linkTo = (agent: Agent, other: Agent): Link => {
  const link = agent.state.links.get(other.id)
  if (link === undefined) throw new Error('they are no neighbours')
  return link
}

/** `from` writes to each of them once a day, and each complains about all that has come. @returns how many came */
const spam = (village: Village, from: Agent, victims: readonly Agent[], days: number): number => {
  const seen = new Set<string>()
  for (let day = 0; day < days; day++) {
    for (const victim of victims) writes(village, from, victim)
    for (const victim of victims)
      for (const { provenance } of victim.mail)
        if (provenance?.key.startsWith(from.id) && !seen.has(provenance.key)) {
          seen.add(provenance.key)
          judge(village, victim, provenance.key, 'abuse')
        }
    night(village)
  }
  return seen.size
}

describe('village: a link that costs too much is suspended', () => {
  it('by R2 within ten days, where three complain, with the reasons kept and told', () => {
    const { village, r, b, c, d, x } = scene()
    spam(village, x, [b, c, d], 9)
    const { state, ruling } = linkTo(r, x)
    expect(state).to.equal('suspended')
    expect(ruling).to.include({ rule: 'R2', agent: x.id, limit: 3, was: 'active' })
    expect(ruling?.at).to.be.at.most(1_700_000_000_000 + 10 * DAY)
    expect(ruling?.load ?? 0).to.be.above(0.5)
    expect(ruling?.keys.every((key) => key.startsWith(x.id))).to.equal(true)
    expect(linkTo(x, r).accused).to.include({ rule: ruling?.rule, until: ruling?.until })
    for (const other of [b, c, d]) expect(linkTo(r, other).state).to.equal('active')
    expect(writes(village, x, b), 'nothing is relayed in').to.deep.equal([])
  })

  it('by R1 once it has been near its limit for eighteen days, though only two complain', () => {
    const { village, r, b, c, x } = scene()
    spam(village, x, [b, c], 17)
    expect(linkTo(r, x).state, 'two are too few for R2').to.equal('active')
    spam(village, x, [b, c], 2)
    const { state, ruling } = linkTo(r, x)
    expect(state).to.equal('suspended')
    expect(ruling).to.include({ rule: 'R1', sources: 2 })
    expect(ruling?.loads).to.have.length(18)
    expect(linkTo(r, b).state).to.equal('active')
  })

  it('and revoked after a week in which its neighbour cut nobody', () => {
    const { village, r, b, c, d, x } = scene()
    spam(village, x, [b, c, d], 9)
    nights(village, 8)
    expect(linkTo(r, x)).to.include({ state: 'revoked' })
    expect(linkTo(r, x).ruling?.ended?.how).to.equal('expired')
  })

  it('a neighbour that cuts whoever did it is back on probation, once in 39 days', () => {
    const { village, r, b, c, d, x, s } = scene()
    spam(village, s, [b, c, d], 9)
    expect(linkTo(r, x).ruling?.befores).to.deep.equal([s.id])
    expect(linkTo(x, s).state, 'by its own rules').to.equal('suspended')
    pass(village, HOUR)
    expect(linkTo(r, x)).to.include({ state: 'probation' })
    expect(linkTo(r, x).ruling?.ended).to.include({ how: 'punished', cut: s.id })
    nights(village, 3)
    expect(linkTo(r, x).state, 'what is past does not count again').to.equal('probation')
    nights(village, 13)
    expect(linkTo(r, x).state, 'and after two weeks all is well').to.equal('active')
  })

  it('one that would say so a second time is not believed', () => {
    const { village, r, b, c, d, x, s } = scene()
    spam(village, s, [b, c, d], 9)
    pass(village, HOUR)
    expect(linkTo(r, x).state).to.equal('probation')
    apply(r.state, { put: 'link', row: { ...linkTo(r, x), state: 'active', limit: 30 } })
    for (const other of [b, c, d])
      for (const [mine, theirs] of [
        [r, other],
        [other, r],
      ] as const)
        apply(mine.state, { put: 'link', row: { ...linkTo(mine, theirs), limit: 30 } })
    apply(x.state, { put: 'link', row: { ...linkTo(x, r), limit: 30 } })
    spam(village, x, [b, c, d], 4)
    expect(linkTo(r, x).state).to.equal('suspended')
    r.raise({ on: 'punished', from: x.id, cut: x.id })
    expect(linkTo(r, x).ruling?.befores).to.include(x.id)
    expect(linkTo(r, x).state).to.equal('suspended')
  })

  it('but not one that names somebody who had nothing to do with it', () => {
    const { village, r, b, c, d, x, a } = scene()
    spam(village, x, [b, c, d], 9)
    r.raise({ on: 'punished', from: x.id, cut: a.id })
    expect(linkTo(r, x).state).to.equal('suspended')
  })

  it('the origin that stops its own user is back, too', () => {
    const { village, r, b, c, d, x } = scene()
    spam(village, x, [b, c, d], 9)
    const { keys = [] } = linkTo(x, r).accused ?? {}
    for (const change of repented(x.state, x.id, keys, village.clock.now).changes) apply(x.state, change)
    x.raise({ on: 'owing', agent: r.id })
    pass(village, HOUR)
    expect(linkTo(r, x).ruling?.ended).to.include({ how: 'punished', cut: x.id })
  })

  it('the owner overrules it, and the same complaints do not suspend it again', () => {
    const { village, r, b, c, d, x } = scene()
    spam(village, x, [b, c, d], 9)
    r.raise({ on: 'overruled', agent: x.id })
    expect(linkTo(r, x)).to.include({ state: 'active' })
    nights(village, 6)
    expect(linkTo(r, x).state).to.equal('active')
  })
})

describe('village: a link that is framed stands', () => {
  it('whatever one neighbour complains about', () => {
    const { village, a, r, b } = scene()
    const framed = spam(village, a, [b], 25)
    expect(framed).to.be.at.least(5)
    const { conduct } = r.state.credits.get(a.id) ?? {}
    expect(debt(village, r, a)).to.be.above(1.5)
    expect(conduct?.loads).to.have.length(18)
    expect(Math.max(...(conduct?.loads ?? []))).to.be.at.most(0.5)
    expect(linkTo(r, a).state).to.equal('active')
  })

  it('by two who complain ten times a day, though R is ready to take much', () => {
    const { village, a, r, b, c } = scene()
    for (const [one, other] of [
      [a, r],
      [r, b],
      [r, c],
    ] as const)
      for (const [mine, theirs] of [
        [one, other],
        [other, one],
      ] as const)
        apply(mine.state, { put: 'link', row: { ...linkTo(mine, theirs), limit: 100 } })
    const framed = spam(village, a, [b, b, b, b, b, c, c, c, c, c], 3)
    expect(framed).to.equal(30)
    expect(linkTo(r, a).state).to.equal('active')
  })

  it('by one who complains twenty times in one day about a hundred letters that others want', () => {
    const { village, a, r, b, c, d } = scene()
    for (const agent of village.agents)
      for (const link of agent.state.links.values()) apply(agent.state, { put: 'link', row: { ...link, limit: 200 } })
    for (const victim of [c, d]) {
      const [unwanted = '', ...fine] = writes(village, a, victim, 40)
      for (const key of fine) judge(village, victim, key, 'wanted')
      complains(village, victim, [unwanted])
    }
    complains(village, b, writes(village, a, b, 20))
    expect(Math.round(debt(village, r, a))).to.equal(22)
    night(village)
    expect(linkTo(r, a).state).to.equal('active')
  })

  it('by one among three who complains about all that strangers send, whoever they are', () => {
    const { village, a, r, b, c, d, x, s } = scene()
    for (const agent of village.agents)
      for (const link of agent.state.links.values()) apply(agent.state, { put: 'link', row: { ...link, limit: 100 } })
    // B has complained about ten letters of five gateways: its word about A says nothing of A.
    for (const from of [a, c, d, x, s, c, d, x, s, c]) complains(village, b, writes(village, from, b))
    for (const victim of [c, c, d]) complains(village, victim, writes(village, a, victim))
    complains(village, b, writes(village, a, b, 3))
    night(village)
    const found = r.state.credits.get(a.id)?.conduct?.marks ?? []
    expect(found.filter(({ counts }) => !counts).length).to.be.at.least(3)
    expect(new Set(found.map(({ via }) => via)).size).to.equal(3)
    expect(linkTo(r, a).state).to.equal('active')
  })

  it('with complaints among much mail that is wanted', () => {
    const { village, a, r, b, c, d } = scene()
    for (const [i, j] of [
      [0, 1],
      [1, 2],
      [1, 3],
      [1, 4],
    ] as const) {
      const [one, other] = [at(village, i), at(village, j)]
      for (const [mine, theirs] of [
        [one, other],
        [other, one],
      ] as const)
        apply(mine.state, { put: 'link', row: { ...linkTo(mine, theirs), limit: 10 } })
    }
    for (let day = 0; day < 14; day++) {
      for (const victim of [b, c, d])
        for (const key of writes(village, a, victim, 2)) judge(village, victim, key, 'wanted')
      if (day % 3 === 0) complains(village, b, writes(village, a, b))
      night(village)
    }
    expect(linkTo(r, a).state).to.equal('active')
  })
})

describe('village: books that differ', () => {
  it('for a day suspend the link; a complaint that is long under way does not', () => {
    const { village, a, r, b, x } = scene()
    complains(village, b, writes(village, a, b))
    nights(village, 2)
    const cooked = x.state.credits.get(r.id) ?? r.state.credits.get(x.id)
    expect(cooked, 'they have said what they owe').to.be.an('object')
    if (cooked) x.state.credits.set(r.id, { ...cooked, debt: 1.5, at: village.clock.now })
    nights(village, 3)
    expect([linkTo(r, x).state, linkTo(r, x).ruling?.rule]).to.deep.equal(['suspended', 'statements'])
    expect([linkTo(r, a).state, linkTo(b, r).state]).to.deep.equal(['active', 'active'])
  })

  it('agree again once one of the owners has overruled it', () => {
    const { village, r, x } = scene()
    nights(village, 1)
    const cooked = x.state.credits.get(r.id)
    if (cooked) x.state.credits.set(r.id, { ...cooked, debt: 1.5, at: village.clock.now })
    nights(village, 3)
    r.raise({ on: 'overruled', agent: x.id })
    nights(village, 3)
    expect([linkTo(r, x).state, linkTo(x, r).state]).to.deep.equal(['active', 'active'])
  })

  it('are the same for all who are honest', () => {
    const { village, r, b, c, d, x } = scene()
    spam(village, x, [b, c, d], 5)
    holdsInTheBooks(village)
    for (const { books } of r.state.credits.values()) {
      expect(books?.seq).to.be.above(3)
      expect(books?.disputedSince).to.equal(undefined)
    }
  })
})

describe('village: a gateway with one link', () => {
  const raised = (village: Village): void => {
    for (const { state } of village.agents)
      for (const [agent, link] of state.links) state.links.set(agent, { ...link, limit: 30 })
  }

  it('does not part from the web by five gestures in a mail program; the one near the spammer cuts', () => {
    const { village, r, b, c, d, x, s } = scene()
    raised(village)
    spam(village, s, [b, b, b, b, b, b, c, d], 1)
    expect(b.state.links.size, 'b has one link').to.equal(1)
    expect(linkTo(b, r).state).to.equal('active')
    const conduct = b.state.credits.get(r.id)?.conduct
    expect(conduct?.marks.length ?? 0, 'and complained often enough').to.be.at.least(5)
    for (const other of [b, c, d]) expect(linkTo(r, other).state).to.equal('active')
    expect(linkTo(x, s).state, 'who has one other link cuts the spammer').to.equal('suspended')
  })
})
