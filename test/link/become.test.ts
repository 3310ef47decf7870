import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import { generateAgent } from '../../src/identity/agent.ts'
import { linked } from '../../src/link/become.ts'
import type { Knock } from '../../src/link/knock.ts'
import type { Ruling } from '../../src/link/ruling.ts'
import { emptyState, type Link } from '../../src/state.ts'
import { step } from '../../src/web.ts'

const now = 1_700_000_000_000
const agent = generateAgent().id
const link = (state: Link['state'], more: Partial<Link> = {}): Link => ({
  agent,
  name: 'B',
  addresses: [],
  state,
  since: now - 1000,
  up: false,
  ...more,
})
const ruling: Ruling = {
  id: `${agent} 1`,
  agent,
  rule: 'R1',
  at: 1,
  until: 2,
  was: 'active',
  keys: [],
  befores: [],
  debt: 3,
  limit: 3,
  loads: [],
  load: 1,
  complaints: 0,
  sources: 0,
  messages: 0,
  rate: 0,
}
const expired: Ruling = { ...ruling, ended: { at: 2, how: 'expired' } }
const overruled: Ruling = { ...ruling, ended: { at: now, how: 'overruled' } }
const made = link('active', { since: now })

describe('a neighbour that a person takes (back)', () => {
  const cases: [what: string, was: Link | undefined, is: Link][] = [
    ['is active', undefined, made],
    ['is as new, if the owner had parted with it', link('revoked'), made],
    ['keeps the limit that the owner set', link('revoked', { limit: 9 }), { ...made, limit: 9 }],
    [
      'takes no REKEY a second time, and its alerts can be looked up',
      link('revoked', { rekeyed: 7, alerts: [{ at: 1, what: 'owner', text: 'x' }] }),
      { ...made, rekeyed: 7, alerts: [{ at: 1, what: 'owner', text: 'x' }] },
    ],
    [
      'begins on probation, if a rule had cut it, and its history is kept',
      link('revoked', { ruling: expired, punishedAt: 7 }),
      { ...made, state: 'probation', ruling: expired, punishedAt: 7 },
    ],
    [
      'begins on probation, if it was suspended: its owner has overruled that',
      link('suspended', { ruling }),
      { ...made, state: 'probation', ruling: overruled },
    ],
    [
      'is as new, if a ruling had ended well before the owner parted with it',
      link('revoked', { ruling: { ...ruling, ended: { at: 2, how: 'punished' } } }),
      made,
    ],
  ]
  for (const [what, was, is] of cases)
    it(what, () => {
      const state = emptyState('me', 'a.test')
      if (was) apply(state, { put: 'link', row: was })
      for (const change of linked(state, made).changes) apply(state, change)
      expect(state.links.get(agent)).to.deep.equal(is)
    })
})

describe('a new neighbour', () => {
  const effects = (row: Link, before?: Link) => {
    const state = emptyState('me', 'a.test')
    if (before) apply(state, { put: 'link', row: before })
    return linked(state, row).effects.map((effect) => (effect.do === 'log' ? effect.event : effect.do))
  }
  it('that is connected is given what waits for it', () => {
    expect(effects({ ...made, up: true })).to.deep.equal(['linked', 'wake', 'settle', 'announce', 'wake'])
    expect(effects(made)).to.deep.equal(['linked', 'wake'])
  })
  it('is told of once', () => expect(effects(made, link('active'))).to.deep.equal(['wake']))
})

describe('a limit that the owner sets', () => {
  const cases: [what: string, is: boolean, link: Link, event: 'limited' | 'vouched'][] = [
    ['is told at once to a neighbour that is there', true, link('active', { up: true }), 'limited'],
    ['waits for one that is not', false, link('active'), 'limited'],
    ['is told when probation ends, too', true, link('probation', { up: true }), 'vouched'],
  ]
  for (const [what, is, row, on] of cases)
    it(what, () => {
      const state = emptyState('me', 'a.test')
      apply(state, { put: 'link', row })
      const { effects } = step(state, on === 'limited' ? { on, agent, limit: 9 } : { on, agent }, now)
      const said = effects.find((effect) => effect.do === 'state')
      expect(said?.stated.limit).to.equal(is ? (on === 'limited' ? 9 : 3) : undefined)
    })
})

describe('a gateway whose key was stolen', () => {
  const state = emptyState('me', 'a.test')
  apply(state, { put: 'revocation', row: { agent, at: now, heardAt: now, isKnown: true } })
  const wish: Knock = { who: agent, at: 'asked', way: 'knock', name: 'B', addresses: [], since: now, until: now + 1000 }
  apply(state, { put: 'knock', row: wish })
  const reply = { agent, said: 'linked' as const, name: 'B', addresses: [] }
  for (const [way, event] of [
    ['an invitation made with it', { on: 'linked', link: made }],
    ['its yes to a knock', { on: 'replied', reply }],
  ] as const)
    it(`becomes no neighbour by ${way}`, () => {
      const refused = step(state, event, now)
      expect([refused.answer, refused.changes, refused.effects]).to.deep.equal([
        { say: 'refused', code: 'agent-revoked', detail: 'the key of that gateway was stolen from its owner' },
        [],
        [],
      ])
    })
})
