import { expect } from 'chai'
import { isActive, isSettled, limitOf, mayKnow, sinceOf, whyNot } from '../../src/link/standing.ts'
import type { Link } from '../../src/state.ts'
import { link, now, r } from '../custody/rows.ts'

describe('link: what it may carry', () => {
  const frozen = { since: now, why: 'clock' } as const
  const cases: [what: string, row: Partial<Link> | undefined, carries: boolean, whyNot: string, is: string][] = [
    ['an active one', {}, true, '', 'settled, may know'],
    ['one on probation', { state: 'probation' }, true, '', 'settled, may know'],
    ['one that rests', { frozen }, false, 'link-frozen', 'may know'],
    ['a suspended one', { state: 'suspended' }, false, 'link-suspended', 'settled'],
    ['one that was ended', { state: 'revoked' }, false, 'link-revoked', ''],
    ['one that rested when it was ended', { state: 'revoked', frozen }, false, 'link-revoked', ''],
    ['none', undefined, false, 'link-unknown', ''],
  ]
  for (const [what, row, carries, why, is] of cases)
    it(what, () => {
      const one = row && link(r, row)
      const said = [...(isSettled(one) ? ['settled'] : []), ...(one && mayKnow(one) ? ['may know'] : [])].join(', ')
      expect([isActive(one), carries ? '' : whyNot(one), said]).to.deep.equal([carries, why, is])
    })

  it('costs us one on probation, else three, or what its owner says', () =>
    expect([{ state: 'probation' as const }, {}, { limit: 7 }].map((row) => limitOf(link(r, row)))).to.deep.equal([
      1, 3, 7,
    ]))

  it('is in its state since it came into it, or since it was made anew', () => {
    expect(sinceOf({ since: 1 })).to.equal(1)
    expect(sinceOf({ since: 1, stateSince: 5 })).to.equal(5)
    expect(sinceOf({ since: 9, stateSince: 5 })).to.equal(9)
  })
})
