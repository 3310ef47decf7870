import { expect } from 'chai'
import fc from 'fast-check'
import { isRefusalCode, Refusal } from '../../src/refusal.ts'
import { pairAnswer, pairRecord, pairRequest } from '../../src/wire/pair.ts'

const readPairRecord = (value: unknown) => pairRecord(value, 'PAIR')
const token = 'A'.repeat(22)
const about = { v: 1, name: 'B', addresses: ['b.test:2740'] }
const outcome = (read: (value: unknown) => unknown, value: unknown): unknown => {
  try {
    return read(value)
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

describe('what a stranger says', function () {
  this.timeout(60_000)
  const cases: [what: string, value: unknown, read: unknown][] = [
    ['a token', { ...about, t: 'INVITED', token }, { t: 'INVITED', name: 'B', addresses: ['b.test:2740'], token }],
    ['a knock', { ...about, t: 'KNOCK' }, { t: 'KNOCK', name: 'B', addresses: ['b.test:2740'] }],
    [
      'a knock with a word',
      { ...about, t: 'KNOCK', software: 's 1', note: 'from the chess club' },
      { t: 'KNOCK', name: 'B', addresses: ['b.test:2740'], software: 's 1', note: 'from the chess club' },
    ],
    [
      'a field of a later version',
      { ...about, t: 'KNOCK', new: 1 },
      { t: 'KNOCK', name: 'B', addresses: ['b.test:2740'] },
    ],
    [
      'a name that steers',
      { ...about, t: 'KNOCK', name: ' \x1b[2J\u202eB\n\nob' },
      { t: 'KNOCK', name: '[2J B ob', addresses: ['b.test:2740'] },
    ],
    ['another version', { ...about, t: 'KNOCK', v: 2 }, 'record-version'],
    ['another kind', { ...about, t: 'HELLO' }, 'record-type'],
    ['a kind that objects inherit', { ...about, t: 'toString' }, 'record-type'],
    ['no kind', about, 'record-type'],
    ['nothing', null, 'record-type'],
    ['a token too short', { ...about, t: 'INVITED', token: 'A' }, 'record-malformed'],
    ['a name too long', { ...about, t: 'KNOCK', name: 'x'.repeat(81) }, 'record-malformed'],
    ['a note too long', { ...about, t: 'KNOCK', note: 'x'.repeat(201) }, 'record-malformed'],
    ['an address that steers', { ...about, t: 'KNOCK', addresses: ['b\x1b[2J:2740'] }, 'record-malformed'],
    ['nine addresses', { ...about, t: 'KNOCK', addresses: new Array(9).fill('b.test:1') }, 'record-malformed'],
  ]
  for (const [what, value, read] of cases) it(what, () => expect(outcome(pairRequest, value)).to.deep.equal(read))

  it('is answered by LINKED or PENDING', () => {
    expect(outcome(pairAnswer, { ...about, t: 'LINKED' })).to.deep.equal({
      t: 'LINKED',
      name: 'B',
      addresses: ['b.test:2740'],
    })
    expect(outcome(pairAnswer, { ...about, t: 'MAYBE' })).to.equal('record-malformed')
    expect(outcome(pairAnswer, { ...about, v: 7, t: 'LINKED' })).to.equal('record-version')
  })

  it('a name of 80 characters and a note of 200 are taken whole', () => {
    const long = { ...about, t: 'KNOCK', name: 'x'.repeat(80), note: 'y'.repeat(200) }
    expect(outcome(pairRequest, long)).to.deep.include({ name: long.name, note: long.note })
  })

  it('as a PAIR record names the agent it is for, and whether it is an answer', () => {
    const record = { ...about, to: 'a'.repeat(52), answer: true, at: 1 }
    expect(outcome(readPairRecord, { ...record, later: 1 })).to.deep.equal({
      name: 'B',
      addresses: ['b.test:2740'],
      to: 'a'.repeat(52),
      answer: true,
      at: 1,
    })
    expect(outcome(readPairRecord, { ...record, to: 'b' })).to.equal('record-malformed')
    expect(outcome(readPairRecord, { ...record, answer: 1 })).to.equal('record-malformed')
    expect(outcome(readPairRecord, { ...record, v: 2 })).to.equal('record-version')
  })

  it('is read or refused by name, whatever it is; nothing read can steer a terminal', () => {
    const anything = fc.oneof(
      fc.anything(),
      fc.record(
        {
          v: fc.constantFrom(1, 2),
          t: fc.constantFrom('INVITED', 'KNOCK', 'LINKED', 'PENDING'),
          name: fc.oneof(fc.string({ unit: 'binary' }), fc.anything()),
          addresses: fc.oneof(fc.array(fc.string({ unit: 'binary' })), fc.anything()),
          token: fc.oneof(fc.constant(token), fc.anything()),
          to: fc.oneof(fc.constant('a'.repeat(52)), fc.anything()),
          answer: fc.oneof(fc.boolean(), fc.anything()),
          at: fc.oneof(fc.nat(), fc.anything()),
          note: fc.oneof(fc.string({ unit: 'binary' }), fc.anything()),
        },
        { requiredKeys: [] },
      ),
    )
    fc.assert(
      fc.property(anything, (value) => {
        for (const read of [pairRequest, pairAnswer, readPairRecord]) {
          const got = outcome(read, value)
          if (typeof got === 'string') expect(got).to.satisfy(isRefusalCode)
          else
            expect(
              Object.values(got as object)
                .flat()
                .join(''),
            ).not.to.match(/\p{C}/u)
        }
      }),
    )
  })
})
