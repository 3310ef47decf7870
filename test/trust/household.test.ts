import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import type { Household } from '../../src/state.ts'
import { emptyState, type State } from '../../src/state.ts'
import { forgetHouseholds, welcomed } from '../../src/trust/household.ts'

const now = 1_700_000_000_000
const MONTH = 30 * 86_400_000
const names = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `s${from + i}`)
const home = (strangers: string[], known: string[] = [], at = now): Household => ({
  agent: 'x',
  strangers: strangers.map((entity) => ({ entity, at })),
  known,
})
const holding = (row?: Household): State => {
  const state = emptyState('me', 'a.test')
  if (row) apply(state, { put: 'household', row })
  return state
}

describe('the people of another gateway', () => {
  const cases: [
    what: string,
    was: Household | undefined,
    entity: string,
    isKnown: boolean,
    is: Household | 'full' | 'same',
  ][] = [
    ['the first stranger is heard', undefined, 's0', false, home(['s0'])],
    ['and again', home(['s0']), 's0', false, 'same'],
    ['so is the eighth', home(names(7)), 's7', false, home(names(8))],
    ['the ninth is not', home(names(8)), 's8', false, 'full'],
    ['one of the eight is', home(names(8)), 's7', false, 'same'],
    ['nor is a stranger beside sixteen and one who is known', home(names(16), ['k']), 's16', false, 'full'],
    ['beside fifteen he is', home(names(15), ['k']), 's15', false, home(names(16), ['k'])],
    ['whom somebody trusts is known', home(names(8)), 'k', true, home(names(8), ['k'])],
    ['and no stranger any more', home(['s0', 's1']), 's0', true, home(['s1'], ['s0'])],
    ['nor to others here who do not trust them', home(names(8), ['k']), 'k', false, 'same'],
    ['who is known already changes nothing', home([], ['k']), 'k', true, 'same'],
    ['of known ones no more are counted than make a difference', home([], names(64)), 'k', true, 'same'],
    ['after a month a stranger makes room', home(names(8), [], now - MONTH), 's8', false, home(['s8'])],
    ['and not before', home(names(8), [], now - MONTH + 1), 's8', false, 'full'],
  ]
  for (const [what, was, entity, isKnown, is] of cases)
    it(what, () => {
      const state = holding(was)
      const changes = welcomed(state, { agent: 'x', entity, isKnown }, now)
      if (is === 'full' || is === 'same') return expect(changes).to.deep.equal(is === 'full' ? undefined : [])
      for (const change of changes ?? []) apply(state, change)
      expect(state.households.get('x')).to.deep.equal(is)
      return expect(welcomed(state, { agent: 'x', entity, isKnown }, now), 'a second time').to.deep.equal([])
    })

  it('are forgotten when the last stranger is, unless one is known', () => {
    expect(forgetHouseholds(holding(home(['s0'])), now + MONTH - 1)).to.deep.equal([])
    expect(forgetHouseholds(holding(home(['s0'])), now + MONTH)).to.deep.equal([{ drop: 'household', agent: 'x' }])
    expect(forgetHouseholds(holding(home(['s0'], ['k'])), now + MONTH)).to.deep.equal([])
    const [old, late] = [home(['s0']), home(['s1'], [], now + 1)]
    const both = { ...old, strangers: [...old.strangers, ...late.strangers] }
    expect(forgetHouseholds(holding(both), now + MONTH), 'nor while one is remembered').to.deep.equal([])
  })
})
