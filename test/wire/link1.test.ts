import { expect } from 'chai'
import fc from 'fast-check'
import { Refusal } from '../../src/refusal.ts'
import {
  arplMessage,
  arslMessage,
  aurqMessage,
  commitMessage,
  divergedMessage,
  MAX_REKEY,
  proceedMessage,
} from '../../src/wire/link1.ts'
import type { Shape } from '../../src/wire/shape.ts'

const agent = 'a'.repeat(52)
const bytes32 = 'A'.repeat(43)
const resume = { name: 'n', software: 's', incarnation: '0'.repeat(16), owner: 'card', rekey: 'rekey' }
const proof = { which: 'key', n: 1, back: 10, q: -5, mac: bytes32 }

const messages: Record<string, [shape: Shape<object>, good: Record<string, unknown>]> = {
  AURQ: [aurqMessage, { v: 1, agent, ...resume, nonce: bytes32, times: 10 }],
  ARPL: [arplMessage, { v: 1, agent, ...resume, clock: 1, proofs: [proof] }],
  PROCEED: [proceedMessage, { v: 1, which: 'key', n: 2, random: bytes32, at: 1, warned: false, mac: bytes32 }],
  COMMIT: [commitMessage, { v: 1, random: bytes32, mac: bytes32 }],
  ARSL: [arslMessage, { v: 1, result: 'known', mac: bytes32 }],
  diverged: [divergedMessage, { v: 1, diverged: { n: 1, incarnation: '0'.repeat(16), at: 1 } }],
}
const optional = ['owner', 'rekey']

const codeOf = (shape: Shape<object>, value: unknown): string => {
  try {
    shape(value, 'it')
    return 'none'
  } catch (error) {
    return error instanceof Refusal ? error.code : String(error)
  }
}

describe('wire: LINK1', () => {
  for (const [name, [shape, good]] of Object.entries(messages)) {
    const { v: _version, ...fields } = good
    it(`${name}: a whole one is read as it is, and what a later version adds is left out`, () => {
      expect(shape(good, name)).to.deep.equal(fields)
      expect(shape({ ...good, later: 1 }, name)).to.deep.equal(fields)
    })

    it(`${name}: of another version is refused as such`, () => {
      for (const v of [0, 2, '1', null, undefined]) expect(codeOf(shape, { ...good, v })).to.equal('record-version')
    })

    it(`${name}: without a field, or with anything else in one, it is refused by name or read whole`, () => {
      for (const field of Object.keys(fields)) {
        const { [field]: _gone, ...rest } = good
        expect(codeOf(shape, rest), field).to.equal(optional.includes(field) ? 'none' : 'record-malformed')
      }
      fc.assert(
        fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(fields)), (value, field) =>
          ['none', 'record-malformed'].includes(codeOf(shape, { ...good, [field]: value })),
        ),
      )
      fc.assert(fc.property(fc.jsonValue(), (value) => /^record-/.test(codeOf(shape, value))))
    })
  }

  const [, arpl] = messages.ARPL ?? expect.fail()
  const limits: [what: string, arpl: Record<string, unknown>, code: string][] = [
    ['three proofs', { proofs: [proof, proof, proof] }, 'none'],
    ['four', { proofs: [proof, proof, proof, proof] }, 'record-malformed'],
    ['none', { proofs: [] }, 'record-malformed'],
    ['a card of 16 KiB', { owner: 'c'.repeat(16_384) }, 'none'],
    ['a longer one', { owner: 'c'.repeat(16_385) }, 'record-malformed'],
    ['a REKEY too long', { rekey: 'r'.repeat(MAX_REKEY + 1) }, 'record-malformed'],
    ['a hundred connections back', { proofs: [{ ...proof, back: 100 }] }, 'none'],
    ['more', { proofs: [{ ...proof, back: 101 }] }, 'record-malformed'],
    ['a MAC in hexadecimal', { proofs: [{ ...proof, mac: '0'.repeat(64) }] }, 'record-malformed'],
  ]
  for (const [what, change, code] of limits)
    it(`ARPL with ${what}: ${code}`, () => expect(codeOf(arplMessage, { ...arpl, ...change })).to.equal(code))
})
