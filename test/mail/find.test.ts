import { expect } from 'chai'
import fc from 'fast-check'
import { finder } from '../../src/mail/find.ts'
import { growsEvenly } from '../fixture/growth.ts'

describe('mail/find: a text in another', () => {
  const text = (maxLength: number) =>
    fc.array(fc.constantFrom('a', 'a', 'a', 'ab', 'ж'), { maxLength, size: 'max' }).map((letters) => letters.join(''))

  it('is found where it is, be it short or long', () =>
    fc.assert(
      fc.property(text(300), text(90), fc.nat(250), (within, other, from) => {
        expect(finder(other)(within)).to.equal(within.includes(other))
        expect(finder(within.slice(from))(`${other}${within}`)).to.equal(true)
      }),
    ))
  it('a long one is looked for in time that grows with the text alone, whatever it is', () =>
    growsEvenly(1 << 20, (size) => {
      const half = 'a'.repeat(size / 32)
      expect(finder(`${half}b${half}`)('a'.repeat(size))).to.equal(false)
    }))
})
