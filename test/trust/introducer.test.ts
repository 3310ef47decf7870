import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import { generateAgent } from '../../src/identity/agent.ts'
import { fingerprintWords } from '../../src/identity/words.ts'
import { emptyState, type Link } from '../../src/state.ts'
import { introducers } from '../../src/trust/introducer.ts'

describe('who brought a letter', () => {
  const [origin, relay, neighbour] = [generateAgent().id, generateAgent().id, generateAgent().id]
  const stateWith = (agent: string, standing: Link['state']) => {
    const state = emptyState('me', 'b.test')
    const row: Link = { agent, name: 'R', addresses: [], state: standing, since: 1, up: false }
    apply(state, { put: 'link', row })
    return state
  }

  it('is told by what is known of each: the sender’s, words, a neighbour’s name', () =>
    expect(introducers(stateWith(neighbour, 'active'), 'anna@a.test', [origin, relay, neighbour])).to.deep.equal([
      `the gateway of anna@a.test: words: ${fingerprintWords(origin)}`,
      `words: ${fingerprintWords(relay)}`,
      '"R", a neighbour of this gateway',
    ]))

  it('a neighbour may be the sender’s own gateway', () =>
    expect(introducers(stateWith(origin, 'probation'), 'anna@a.test', [origin])).to.deep.equal([
      'the gateway of anna@a.test: "R", a neighbour of this gateway',
    ]))

  it('one parted with is a neighbour no more', () =>
    expect(introducers(stateWith(relay, 'revoked'), 'anna@a.test', [origin, relay])[1]).to.equal(
      `words: ${fingerprintWords(relay)}`,
    ))
})
