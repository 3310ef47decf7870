import { expect } from 'chai'
import { recipientsWithOwner, withOwner } from '../../gateway/postmaster.ts'
import { admitLocal, emptyState } from '../../src/state.ts'

describe('postmaster@', () => {
  const stateOf = (...addresses: string[]) => {
    const state = emptyState('me', 'a.test')
    for (const [i, address] of addresses.entries()) admitLocal(state, { entity: `e${i}`, account: i + 1, address })
    return state
  }

  it('is the owner, unless somebody has the address', () => {
    expect(withOwner(stateOf('olga@a.test', 'ann@a.test'), 'postmaster@a.test')).to.equal('olga@a.test')
    expect(withOwner(stateOf('olga@a.test', 'postmaster@a.test'), 'postmaster@a.test')).to.equal('postmaster@a.test')
  })

  it('is nobody of ours elsewhere, and no other name is the owner', () => {
    const state = stateOf('olga@a.test')
    for (const address of ['postmaster@b.test', 'nobody@a.test', 'ann@a.test'])
      expect(withOwner(state, address)).to.equal(address)
  })

  it('is no second copy for an owner who is named, and the wish beside the own address counts', () => {
    const notify = (address: string, word: 'NEVER' | 'SUCCESS') => ({ address, notify: [word] })
    const [owner, postmaster] = [notify('olga@a.test', 'NEVER'), notify('postmaster@a.test', 'SUCCESS')]
    for (const recipients of [
      [owner, postmaster],
      [postmaster, owner],
    ])
      expect(recipientsWithOwner(stateOf('olga@a.test'), recipients)).to.deep.equal([owner])
    expect(recipientsWithOwner(stateOf('olga@a.test'), [postmaster])).to.deep.equal([notify('olga@a.test', 'SUCCESS')])
  })
})
