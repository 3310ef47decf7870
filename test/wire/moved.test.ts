import { expect } from 'chai'
import fc from 'fast-check'
import { isRefusalCode, Refusal } from '../../src/refusal.ts'
import { MAX_REKEY } from '../../src/wire/link1.ts'
import { movedRequest } from '../../src/wire/moved.ts'

const was = 'a'.repeat(52)
const moved = { v: 1, t: 'MOVED', name: 'A', addresses: ['a.test:2740'], rekey: 'statement', revoked: 'jws' }
const outcome = (value: unknown): unknown => {
  try {
    return movedRequest(value)
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}
const { v: _v, ...read } = moved
const { revoked: _r, ...unrevoked } = read

describe('what a gateway says whose key was stolen', () => {
  const cases: [what: string, value: unknown, read: unknown][] = [
    ['who it is now', moved, read],
    ['the same without the old key’s word', { v: 1, ...unrevoked }, unrevoked],
    ['a question', { v: 1, t: 'FORMER', was }, { t: 'FORMER', was }],
    ['a field of a later version', { v: 1, t: 'FORMER', was, later: 1 }, { t: 'FORMER', was }],
    ['another version', { ...moved, v: 2 }, 'record-version'],
    ['another kind', { ...moved, t: 'KNOCK' }, 'record-type'],
    ['a kind that objects inherit', { ...moved, t: 'toString' }, 'record-type'],
    ['no REKEY', { ...moved, rekey: undefined }, 'record-malformed'],
    ['a REKEY that is too long', { ...moved, rekey: 'x'.repeat(MAX_REKEY + 1) }, 'record-malformed'],
    ['no agent', { v: 1, t: 'FORMER', was: 'anna' }, 'record-malformed'],
  ]
  for (const [what, value, expected] of cases) it(what, () => expect(outcome(value)).to.deep.equal(expected))

  it('whatever comes is read or refused by name', () =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue(),
          fc
            .dictionary(fc.constantFrom(...Object.keys(moved), 'was'), fc.jsonValue())
            .map((some) => ({ ...moved, ...some })),
        ),
        (value) => {
          const got = outcome(value)
          expect(typeof got === 'object' || isRefusalCode(got)).to.equal(true)
        },
      ),
    ))
})
