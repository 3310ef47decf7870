import { expect } from 'chai'
import { fold } from '../../src/mail/fold.ts'
import { collated } from '../../src/mail/sort-key.ts'
import { growsEvenly } from '../fixture/growth.ts'

describe('mail/fold: texts made ready to be compared', () => {
  it('composed and in small letters', () => expect(fold('GRU\u0308ßE ﬁn')).to.equal('grüße fin'))
  it('a sigma at the end of a word is one, and so is what was looked for in capitals', () => {
    expect(fold('ΚΩΝΣΤΑΝΤΙΝΟΣ')).to.equal('κωνσταντινοσ')
    expect(fold('κωνσταντίνος')).to.contain(fold('ΝΣ'))
  })
  it('a letter whose capital has no composed form is composed, too', () => expect(fold('J\u030c')).to.equal('\u01f0'))
  it('up to thirty marks on a letter stay', () => {
    const marks = '\u0323\u0301'.repeat(15)
    expect(fold(`A${marks}b`)).to.equal(`A${marks}b`.normalize('NFKC').toLowerCase())
    expect(fold(`x${marks}\u0301\u0301b`)).to.equal(fold(`x${marks}b`))
  })
  for (const [what, make] of [
    ['for search', fold],
    ['for putting in order', collated],
  ] as const)
    for (const [marks, pair] of [
      ['a mark above and one below', '\u0301\u0316'],
      ['sound marks', '\u0301\uff9e'],
    ] as const)
      it(`${what}, a letter with a hundred thousand of ${marks} takes time by their number`, () =>
        growsEvenly(50_000, (count) => make(`a${pair.repeat(count)}`)))
})
