import { expect } from 'chai'
import fc from 'fast-check'
import { finder } from '../../src/mail/find.ts'

describe('mail/find: a text in another', () => {
  const text = (maxLength: number) =>
    fc.array(fc.constantFrom('a', 'a', 'a', 'ab', 'ж'), { maxLength }).map((letters) => letters.join(''))

  it('is found where it is, be it short or long', () =>
    fc.assert(
      fc.property(text(300), text(90), fc.nat(250), (within, other, from) => {
        expect(finder(other)(within)).to.equal(within.includes(other))
        expect(finder(within.slice(from))(`${other}${within}`)).to.equal(true)
      }),
    ))
  it('a long one is looked for in no time, whatever it is', () => {
    const half = 'a'.repeat(30_000)
    const began = performance.now()
    expect(finder(`${half}b${half}`)('a'.repeat(1 << 20))).to.equal(false)
    expect(performance.now() - began).to.be.below(2000) // comparing it at each place, ten times as long
  })
})
