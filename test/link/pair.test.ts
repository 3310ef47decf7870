import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import { generateAgent } from '../../src/identity/agent.ts'
import { fingerprintWords } from '../../src/identity/words.ts'
import { vouched } from '../../src/link/become.ts'
import type { Knock } from '../../src/link/knock.ts'
import { type Paired, paired, unpaired } from '../../src/link/pair.ts'
import { admitLocal, type Contact, emptyState, type Link, type State } from '../../src/state.ts'

const now = 1_700_000_000_000
const WEEK = 7 * 86_400_000
const agent = generateAgent().id
const asking: Paired = {
  agent,
  from: 'bob',
  address: 'bob@b.test',
  to: 'ann',
  name: 'B',
  addresses: ['b.test:2740'],
  answer: false,
}
const answering: Paired = { ...asking, answer: true }
const link = (state: Link['state']): Link => ({
  agent,
  name: 'B',
  addresses: ['b.test:2740'],
  state,
  since: now,
  up: false,
})
const wish = (more: Partial<Knock> = {}): Knock => ({
  who: agent,
  at: 'asked',
  way: 'web',
  name: '',
  addresses: [],
  letter: { as: 'ann', to: 'bob@b.test' },
  since: now,
  until: now + WEEK,
  ...more,
})
const contact = (trust: Contact['trust'], entity = 'ann'): Contact => ({
  entity,
  other: 'bob',
  trust,
  address: 'bob@b.test',
  at: now,
})
type Row = Link | Knock | Contact
const holding = (rows: Row[], pairs: State['pairs'] = 'trusted'): State => {
  const state = { ...emptyState('me', 'a.test'), pairs }
  for (const row of rows)
    apply(state, 'who' in row ? { put: 'knock', row } : 'other' in row ? { put: 'contact', row } : { put: 'link', row })
  return state
}

describe('a PAIR letter', () => {
  type Came = { link?: Link['state']; answers: boolean; code?: string }
  const cases: [what: string, rows: Row[], pair: Paired, came: Came][] = [
    [
      'of somebody whose words were compared makes a link on probation',
      [contact('explicit')],
      asking,
      { link: 'probation', answers: true },
    ],
    ['of somebody only written to makes none', [contact('implicit')], asking, { answers: false, code: 'pair-refused' }],
    ['of a stranger makes none', [], asking, { answers: false, code: 'pair-refused' }],
    [
      'to one whose trust is another’s makes none',
      [contact('explicit', 'eve')],
      asking,
      { answers: false, code: 'pair-refused' },
    ],
    [
      'of a neighbour parted with makes none, whoever trusts it',
      [link('revoked'), contact('explicit')],
      asking,
      { link: 'revoked', answers: false, code: 'pair-refused' },
    ],
    ['of a neighbour is answered again', [link('active')], asking, { link: 'active', answers: true }],
    ['of one that we asked at the same time makes a link', [wish()], asking, { link: 'probation', answers: true }],
    ['that answers ours makes a link, and is not answered', [wish()], answering, { link: 'probation', answers: false }],
    ['that answers what nobody asked makes none', [contact('explicit')], answering, { answers: false }],
    ['that answers too late makes none', [wish({ until: now })], answering, { answers: false }],
    [
      'of one that our owner asked otherwise is a person’s choice',
      [wish({ way: 'open' })],
      asking,
      { link: 'active', answers: true },
    ],
  ]
  for (const [what, rows, pair, came] of cases)
    it(what, () => {
      const state = holding(rows)
      const { changes, effects, answer } = paired(state, pair, now)
      for (const change of changes) apply(state, change)
      const code = answer?.say === 'refused' ? answer.code : undefined
      const made = state.links.get(agent)?.state
      const answers = effects.some((effect) => effect.do === 'pair')
      expect({ ...(made && { link: made }), answers, ...(code && { code }) }).to.deep.equal(came)
      if (made === 'active' || made === 'probation') expect(state.knocks.size).to.equal(0)
      expect(paired(state, pair, now).changes, 'a second time').to.deep.equal([])
    })

  describe('of many agents that one person here trusts', () => {
    const others = (count: number, more: Partial<Link> = {}): Link[] =>
      Array.from({ length: count }, () => ({
        ...link('probation'),
        agent: generateAgent().id,
        voucher: 'ann',
        ...more,
      }))
    const codeOf = (rows: Row[], at = now) => {
      const { answer } = paired(holding([contact('explicit'), ...rows]), asking, at)
      return answer?.say === 'refused' ? answer.code : undefined
    }

    it('three make links in four weeks', () => {
      expect(codeOf(others(2))).to.equal(undefined)
      expect(codeOf(others(3))).to.equal('pair-refused')
      expect(codeOf(others(3), now + 28 * 86_400_000)).to.equal(undefined)
    })
    it('parting with one makes no room', () => expect(codeOf(others(3, { state: 'revoked' }))).to.equal('pair-refused'))
    it('links of others’ trust and of the owner’s choice do not count', () => {
      const many = others(9, { voucher: 'eve' })
      expect(codeOf([...many, { ...link('active'), agent: generateAgent().id }])).to.equal(undefined)
    })
    it('whom our own operator asked is none of these', () => {
      const rows = [contact('explicit'), wish(), ...others(3)]
      expect(paired(holding(rows), asking, now).answer).to.equal(undefined)
    })
    it('whoever runs this gateway hears of each, unless he asked for it', () => {
      const told = (rows: Row[]) => {
        const state = holding([contact('explicit'), ...rows])
        admitLocal(state, { entity: 'ann', account: 1, address: 'ann@a.test' })
        return paired(state, asking, now).changes.flatMap((one) => ('deliver' in one ? [one.deliver] : []))
      }
      const [letter] = told([])
      const text = typeof letter?.body === 'object' ? letter.body.letter.toString().replace(/\s+/g, ' ') : ''
      expect(text).to.include('ann@a.test has compared words with bob@b.test').and.include(fingerprintWords(agent))
      expect(told([wish()])).to.deep.equal([])
    })
    it('the link remembers whose trust made it', () => {
      const state = holding([contact('explicit')])
      for (const change of paired(state, asking, now).changes) apply(state, change)
      expect(state.links.get(agent)?.voucher).to.equal('ann')
    })
  })

  it('makes none where the owner wants no links through the web', () =>
    expect(paired(holding([contact('explicit')], 'never'), asking, now).answer).to.include({ code: 'pair-refused' }))

  it('makes none with a key that was stolen, asked for or not', () => {
    for (const [rows, pair] of [
      [[contact('explicit')], asking],
      [[wish()], answering],
    ] as const) {
      const state = holding([...rows])
      apply(state, { put: 'revocation', row: { agent, at: now, heardAt: now, isKnown: true } })
      const { answer, changes, effects } = paired(state, pair, now)
      expect([answer?.say === 'refused' && answer.code, changes, effects]).to.deep.equal(['pair-refused', [], []])
    }
  })

  it('is answered to where it came from, as whom it was for', () =>
    expect(paired(holding([contact('explicit')]), asking, now).effects).to.deep.include({
      do: 'pair',
      as: 'ann',
      to: 'bob@b.test',
      agent,
    }))

  it('’s link is active at once when a person has compared words, and no other is changed', () => {
    const state = holding([link('probation')])
    for (const change of vouched(state, agent, now).changes) apply(state, change)
    expect(state.links.get(agent)).to.deep.equal({ ...link('active'), stateSince: now })
    for (const standing of ['active', 'suspended', 'revoked'] as const)
      expect(vouched(holding([link(standing)]), agent, now).changes).to.deep.equal([])
    expect(vouched(holding([]), agent, now).changes).to.deep.equal([])
  })

  it('that comes back with a no is told to whoever asked; any other no says nothing', () => {
    expect(unpaired(holding([wish()]), agent, 'pair-refused')).to.deep.equal([
      { put: 'knock', row: wish({ at: 'denied' }) },
    ])
    expect(unpaired(holding([wish()]), agent, 'expired')).to.deep.equal([])
    expect(unpaired(holding([wish({ way: 'open' })]), agent, 'pair-refused')).to.deep.equal([])
    expect(unpaired(holding([]), undefined, 'pair-refused')).to.deep.equal([])
  })
})
