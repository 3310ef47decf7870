import { expect } from 'chai'
import fc from 'fast-check'
import { matchedUpTo, parseRemembered, type Remembered } from '../../gateway/imap/view/resync.ts'
import { View } from '../../gateway/imap/view/view.ts'
import { formatRanges, intersect, parseSet, resolveSet, without } from '../../gateway/imap/wire/sequence.ts'
import { Malformed, Words } from '../../gateway/imap/wire/words.ts'
import type { Range } from '../../store/range.ts'

const numbers = (ranges: readonly Range[]) =>
  ranges.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i))
const set = (text: string) => resolveSet(parseSet(text) ?? [], 0)

describe('IMAP ranges', () => {
  const uids = fc.uniqueArray(fc.integer({ min: 1, max: 40 })).map((all) => all.sort((a, b) => a - b))
  const ranges = uids.map((all) =>
    resolveSet(
      all.map((n) => ({ from: n, to: n })),
      0,
    ),
  )
  it('intersect as sets do', () =>
    fc.assert(
      fc.property(ranges, ranges, (a, b) => {
        const others = new Set(numbers(b))
        expect(numbers(intersect(a, b))).to.deep.equal(numbers(a).filter((n) => others.has(n)))
      }),
    ))
  it('lose numbers as sets do', () =>
    fc.assert(
      fc.property(ranges, uids, (a, gone) => {
        expect(numbers(without(a, gone))).to.deep.equal(numbers(a).filter((n) => !gone.includes(n)))
      }),
    ))
  it('are written so that they read the same', () =>
    fc.assert(
      fc.property(
        ranges.filter((a) => a.length > 0),
        (a) => {
          expect(parseSet(formatRanges(a))).to.deep.equal(a)
        },
      ),
    ))
  it('are never spelled out', () => {
    expect(without(set('1:4294967295'), [5])).to.deep.equal([
      { from: 1, to: 4 },
      { from: 6, to: 4294967295 },
    ])
  })
})

describe('IMAP: what a client remembers', () => {
  const all = [{ from: 1, to: 4294967295 }]
  const cases: [text: string, means: Remembered | 'malformed'][] = [
    [
      '(67890007 20050715194045000)',
      { uidValidity: 67890007, modseq: 20050715194045000, known: all, match: undefined },
    ],
    ['(7 0 1:3,5)', { uidValidity: 7, modseq: 0, known: set('1:3,5'), match: undefined }],
    [
      '(7 9 5,1:3 (1:2 1,3))',
      { uidValidity: 7, modseq: 9, known: set('1:3,5'), match: { seqs: set('1:2'), uids: set('1,3') } },
    ],
    ['(7 9 (1 1))', { uidValidity: 7, modseq: 9, known: all, match: { seqs: set('1'), uids: set('1') } }],
    ['(7)', 'malformed'],
    ['(7 9 )', 'malformed'],
    ['(7 9 1:*)', 'malformed'],
    ['(7 9 $)', 'malformed'],
    ['(7 9 1:3 (1:2))', 'malformed'],
    ['(7 9 1:3 ())', 'malformed'],
    ['(7 9 1:3 (1 1)', 'malformed'],
    ['7 9', 'malformed'],
    ['(7 9223372036854775808)', 'malformed'],
  ]
  for (const [text, means] of cases)
    it(text, () => {
      const words = new Words([{ text }])
      if (means === 'malformed') expect(() => parseRemembered(words)).to.throw(Malformed)
      else {
        expect(parseRemembered(words)).to.deep.equal(means)
        expect(words.isAtEnd()).to.equal(true)
      }
    })
  it('whatever comes is read or malformed', () =>
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('(', ')', ' ', '1', '9', ':', ',', '*', 'a') }), (text) => {
        try {
          parseRemembered(new Words([{ text }]))
        } catch (error) {
          expect(error).to.be.instanceOf(Malformed)
        }
      }),
    ))

  const open = (uids: number[]) =>
    new View(
      uids.map((uid) => ({ id: uid, uid, modseq: 1, flags: 0, keywords: '', internalDate: 0, size: 1 })),
      1,
    )
  const matches: [what: string, view: number[], seqs: string, uids: string, upTo: number][] = [
    ['all as it was', [1, 3, 5, 7], '1:4', '1,3,5,7', 7],
    ['up to the first that moved', [1, 3, 7], '1:4', '1,3,5,7', 3],
    ['a few suffice', [1, 3, 7, 9], '2,4', '3,9', 9],
    ['nothing fits', [3, 5], '1:2', '1,3', 0],
    ['more numbers than there are', [1], '1:4000000000', '1:4000000000', 1],
    ['fewer uids than numbers', [1, 2, 3], '1:3', '1', 1],
  ]
  for (const [what, view, seqs, uids, upTo] of matches)
    it(`numbers that match: ${what}`, () =>
      expect(matchedUpTo(open(view), { seqs: set(seqs), uids: set(uids) })).to.equal(upTo))
  it('nothing up to a match has vanished', () =>
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(60), { minLength: 1 }), fc.func(fc.boolean()), (some, stays) => {
        const before = some.map((uid) => uid + 1).sort((a, b) => a - b)
        const now = before.filter((uid) => stays(uid))
        const match = { seqs: set(`1:${before.length}`), uids: set(before.join(',')) }
        const upTo = matchedUpTo(open(now), match)
        expect(now.filter((uid) => uid <= upTo)).to.deep.equal(before.filter((uid) => uid <= upTo))
      }),
    ))
})
