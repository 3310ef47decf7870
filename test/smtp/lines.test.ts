import { expect } from 'chai'
import fc from 'fast-check'
import { type LineFlaw, startLineCheck } from '../../gateway/smtp/lines.ts'

const cases: [what: string, text: string, flaw: LineFlaw | undefined][] = [
  ['lines that end in CR LF are right', 'a\r\n\r\nb\r\n', undefined],
  ['so is nothing', '', undefined],
  ['and a last line without an end', 'a\r\nb', undefined],
  ['an LF alone', 'a\r\nb\nc\r\n', { what: 'bare-lf', line: 2 }],
  ['an LF at the beginning', '\nc\r\n', { what: 'bare-lf', line: 1 }],
  ['two LF behind one CR', 'a\r\n\n', { what: 'bare-lf', line: 2 }],
  ['a CR alone', 'a\rb\r\n', { what: 'bare-cr', line: 1 }],
  ['two CR before one LF', 'a\r\r\n', { what: 'bare-cr', line: 1 }],
  ['NUL', 'a\r\n\r\nb\0\r\n', { what: 'nul', line: 3 }],
  ['other control characters are let through', 'a\t\x0b\x0c\x01\x1a\x7f\r\n', undefined],
  ['and all of 8 bit', '\x80\x85\xff\r\n', undefined],
]

const check = (chunks: Buffer[]): LineFlaw | undefined => {
  const flawOf = startLineCheck()
  for (const chunk of chunks) {
    const flaw = flawOf(chunk)
    if (flaw) return flaw
  }
  return undefined
}

describe('smtp line ends', () => {
  for (const [what, text, flaw] of cases) {
    const bytes = Buffer.from(text, 'latin1')
    it(what, () => expect(check([bytes])).to.deep.equal(flaw))
    it(`${what}, byte by byte`, () => expect(check([...bytes].map((byte) => Buffer.from([byte])))).to.deep.equal(flaw))
  }

  it('however a message is cut, the flaw is the same', () =>
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('\r', '\n', '\r\n', '\0', '.', 'x'), { maxLength: 30, size: 'max' }),
        fc.array(fc.nat(40), { maxLength: 5 }),
        (pieces, cuts) => {
          const bytes = Buffer.from(pieces.join(''))
          const at = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
          const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i], end))
          expect(check(chunks)).to.deep.equal(check([bytes]))
        },
      ),
    ))
})
