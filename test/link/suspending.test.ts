import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import { marked, newConduct } from '../../src/credit/conduct.ts'
import { complained, newCredit, reserve } from '../../src/credit/credit.ts'
import type { Step } from '../../src/effect.ts'
import { assess } from '../../src/link/suspending.ts'
import type { Account, Link, State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import { ann, b, bob, HOUR, link, now, r, s, world } from '../custody/rows.ts'

const DAY = 24 * HOUR

/** Six of six messages over `r` were complained about, by three. */
const spammer = (): Account => {
  const credit = newCredit(now)
  let conduct = newConduct()
  for (const [i, via] of [ann, bob, s, ann, bob, s].entries()) {
    reserve(credit, 'theirs', 1)
    complained(credit, 'theirs', 1, now, now)
    conduct = marked(conduct, { at: now, via, key: `${b}/${i}`, before: b, counts: true }, now)
  }
  return { ...credit, conduct }
}
const having = (row: Partial<Link>, account: Account = spammer()): State => {
  const state = world()
  apply(state, { put: 'link', row: link(r, { limit: 100, ...row }) })
  apply(state, { put: 'credit', agent: r, row: account })
  return state
}
const look = (state: State, at: number) => {
  const made = assess(state, at)
  for (const change of made.changes) apply(state, change)
  return made
}

describe('link: what the clock asks of it', () => {
  const states: [what: string, row: Partial<Link>, then: Link['state'], was?: string][] = [
    ['one that brings spam is suspended', {}, 'suspended', 'active'],
    ['so is one on probation, which it would be again', { state: 'probation' }, 'suspended', 'probation'],
    ['not one that a person ended', { state: 'revoked' }, 'revoked'],
    ['nor one that rests', { frozen: { since: now, why: 'clock' } }, 'active'],
    ['nor for what came before it was in its state', { stateSince: now + 1 }, 'active'],
  ]
  for (const [what, row, then, was] of states)
    it(what, () => {
      const state = having(row)
      look(state, now + HOUR)
      expect([state.links.get(r)?.state, state.links.get(r)?.ruling?.was]).to.deep.equal([then, was])
    })

  it('a neighbour that is away is sampled once a day, too', () => {
    const state = having({ up: false, stateSince: now + 1 })
    const samples = [1, 2, 25, 26].map((hours) => {
      look(state, now + hours * HOUR)
      return state.credits.get(r)?.conduct?.loads.length
    })
    expect(samples).to.deep.equal([1, 1, 2, 2])
    expect(look(state, now + 27 * HOUR).changes, 'nothing is written for nothing').to.deep.equal([])
  })

  it('probation ends after fourteen days', () => {
    const state = having({ state: 'probation' }, newCredit(now))
    look(state, now + 14 * DAY - 1)
    expect(state.links.get(r)?.state).to.equal('probation')
    look(state, now + 14 * DAY)
    expect(state.links.get(r)).to.include({ state: 'active', stateSince: now + 14 * DAY })
  })

  it('a suspended one is over after seven days', () => {
    const state = having({ up: false })
    look(state, now)
    look(state, now + 7 * DAY - 1)
    expect(state.links.get(r)?.state).to.equal('suspended')
    look(state, now + 7 * DAY)
    expect(state.links.get(r)).to.include({ state: 'revoked', up: false })
  })

  it('a suspended one hears our number as ever', () => {
    const state = having({})
    look(state, now)
    const isSaid = ({ effects }: Step) => effects.some((effect) => effect.do === 'state' && effect.to === r)
    expect([1, 2, 25].map((hours) => isSaid(look(state, now + hours * HOUR)))).to.deep.equal([true, false, true])
  })

  it('a new neighbour hears our limit at once, and again when a day is over', () => {
    const state = having({ limit: 7 }, newCredit(now))
    state.credits.delete(r)
    const said = [0, 1, 24].map((hours) =>
      look(state, now + hours * HOUR).effects.flatMap((effect) =>
        effect.do === 'state' && effect.to === r ? [effect.stated.limit] : [],
      ),
    )
    expect(said).to.deep.equal([[7], [], [7]])
  })

  it('the owner overrules what stands, and nothing else', () => {
    const state = having({ state: 'probation' })
    const overrule = (agent: string) => {
      const made = step(state, { on: 'overruled', agent }, now + 2 * HOUR)
      for (const change of made.changes) apply(state, change)
      return made.answer?.say === 'refused' ? made.answer.code : state.links.get(agent)?.state
    }
    expect([overrule(r), overrule(b)]).to.deep.equal(['link-unknown', 'link-unknown'])
    look(state, now + HOUR)
    expect([overrule(r), overrule(r)]).to.deep.equal(['probation', 'link-unknown'])
    look(state, now + 3 * HOUR)
    expect(state.links.get(r)?.state, 'the same does not count again').to.equal('probation')
  })
})
