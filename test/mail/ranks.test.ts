import { expect } from 'chai'
import fc from 'fast-check'
import { countTo, noRanks, orderedBy, ranked } from '../../src/mail/ranks.ts'
import { done } from './done.ts'

describe('mail/ranks: values as ranks', () => {
  it('compare as the values do, in however many goes they came', () =>
    fc.assert(
      fc.property(fc.array(fc.array(fc.string({ maxLength: 2 }))), (goes) => {
        const all = goes.flat()
        const { distinct, ranks } = goes.reduce((known, more) => done(ranked(known, more)), noRanks)
        expect([...ranks].map((rank) => distinct[rank])).to.deep.equal(all)
        expect(distinct).to.deep.equal([...new Set(all)].sort())
      }),
    ))

  it('put what was found in order, in either direction; equals stay as they were', () =>
    fc.assert(
      fc.property(fc.array(fc.nat(5)), fc.infiniteStream(fc.boolean()), fc.boolean(), (values, coin, isReverse) => {
        const by = done(ranked(noRanks, values))
        const slots = countTo(values.length).filter(() => coin.next().value)
        const valueAt = (place: number) => values[slots[place] ?? 0] ?? 0
        const plainly = [...countTo(slots.length)].sort((a, b) => (valueAt(a) - valueAt(b)) * (isReverse ? -1 : 1))
        expect([...orderedBy(countTo(slots.length), slots, by, isReverse)]).to.deep.equal(plainly)
      }),
    ))

  it('many are put in order in short runs', () => {
    const values = Array.from({ length: 25_000 }, (_, i) => (i * 7919) % 10_007)
    const { distinct, ranks } = done(ranked(noRanks, values))
    expect(distinct).to.have.length(10_007)
    expect(values.every((value, i) => distinct[ranks[i] ?? 0] === value)).to.equal(true)
  })
})
