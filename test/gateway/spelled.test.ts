import { expect } from 'chai'
import { isNamed } from '../../gateway/spelled.ts'
import { growsEvenly } from '../fixture/growth.ts'

describe('whether a letter names who signed it', () => {
  const cases: [author: string, address: string, is: boolean][] = [
    ['Ann@A.test', 'ann@a.test', true],
    ['bob@a.test', 'ann@a.test', false],
    ['ann@b.test', 'ann@a.test', false],
    ['ann@xn--kln-sna.test', 'ann@köln.test', true],
    ['ann@KÖLN.test', 'ann@köln.test', true],
    ['ann@köln.test', 'ann@xn--kln-sna.test', true],
    ['ann@koln.test', 'ann@köln.test', false],
    ['ann@MISSING_DOMAIN', 'ann@a.test', false],
    ['ann@xn--a', 'ann@xn--b', false], // neither is a form of anything
  ]
  for (const [author, address, is] of cases)
    it(`${author} is ${is ? '' : 'not '}${address}`, () => expect(isNamed(['x@y.test', author], address)).to.equal(is))

  it('a domain that fills a header takes no time', () =>
    growsEvenly(80_000, (length) => {
      const domain = String.fromCodePoint(...Array.from({ length }, (_, i) => 0x4e00 + (i % (length / 4))))
      expect(isNamed([`ann@${domain}`], 'ann@a.test')).to.equal(false)
    }))
})
