import { expect } from 'chai'
import { toFlags } from '../../gateway/imap/flags.ts'

describe('IMAP flags', () => {
  const words = Array.from({ length: 50 }, (_, i) => `w${i}`)

  it('fifty keywords are taken, however often and in whatever case they are named', () =>
    expect(toFlags([...words, 'W0', 'w1']).keywords.split(' ')).to.have.length(50))

  it('one more is too many', () => expect(() => toFlags([...words, 'more'])).to.throw('at most 50'))
})
