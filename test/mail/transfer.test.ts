import { expect } from 'chai'
import fc from 'fast-check'
import { decodeTransfer, startDecoder } from '../../src/mail/transfer.ts'

const inPieces = (encoding: string, bytes: Buffer, cuts: readonly number[]): Buffer => {
  const decoder = startDecoder(encoding)
  if (!decoder) throw new Error(`no decoder for ${encoding}`)
  const out: Buffer[] = []
  let from = 0
  for (const cut of [...cuts.map((each) => each % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    out.push(Buffer.from(decoder.push(bytes.subarray(from, cut))))
    from = cut
  }
  return Buffer.concat([...out, decoder.end()])
}
const cuts = fc.array(fc.nat(10_000), { maxLength: 5 })

describe('transfer encodings, undone piece by piece', () => {
  it('base64 comes back, however it was folded and cut', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 80 }), cuts, (bytes, width, at) => {
        const folded = Buffer.from(bytes)
          .toString('base64')
          .replace(new RegExp(`.{${width}}`, 'g'), '$&\r\n')
        expect(inPieces('base64', Buffer.from(folded), at)).to.deep.equal(Buffer.from(bytes))
      }),
    )
  })
  it('base64 ends at its padding, wherever it is cut', () => {
    for (const at of [1, 3, 4, 5])
      expect(inPieces('base64', Buffer.from('YQ==YQ=='), [at]).toString(), `${at}`).to.equal('a')
  })
  it('quoted-printable is what it is in one piece', () => {
    const texts = fc.string({ unit: fc.constantFrom('=', '3D', '0', 'a', ' ', '\t', '\r\n', '\n', '\r', 'ü') })
    fc.assert(
      fc.property(texts, cuts, (text, at) => {
        const bytes = Buffer.from(text)
        expect(inPieces('quoted-printable', bytes, at)).to.deep.equal(decodeTransfer(bytes, 'quoted-printable'))
      }),
    )
  })
  it('what a soft line break leaves behind is not read as an escape', () => {
    const bytes = Buffer.from('==\n3D')
    expect(decodeTransfer(bytes, 'quoted-printable').toString()).to.equal('=3D')
    expect(inPieces('quoted-printable', bytes, [2]).toString()).to.equal('=3D')
  })
  it('a line without end is not gathered, and an escape in it not cut', () => {
    const bytes = Buffer.from('=3D'.repeat(50_000))
    const at = Array.from({ length: 180 }, (_, i) => i * 800) // the eleventh is more than may wait, and within an escape
    expect(inPieces('quoted-printable', bytes, at).equals(Buffer.from('='.repeat(50_000)))).to.equal(true)
    const beforeItsEnd = startDecoder('quoted-printable')?.push(bytes)
    expect(beforeItsEnd?.length).to.be.above(49_000)
  })
  it('a very long line is cut where that does not show', () => {
    const units = fc.array(fc.constantFrom('=', '3D', '0', ' ', '\t', '\r'), { maxLength: 10 })
    fc.assert(
      fc.property(units, fc.integer({ min: 8193, max: 9000 }), (some, at) => {
        const line = [...some, 'xx'].join('').repeat(5000).slice(0, 9000)
        const bytes = Buffer.from(`${line}\n`)
        expect(inPieces('quoted-printable', bytes, [at]).equals(decodeTransfer(bytes, 'quoted-printable'))).to.equal(
          true,
        )
      }),
      { numRuns: 300 },
    )
  })
  it('what is not encoded stays', () => {
    for (const encoding of ['', '7bit', '8bit', 'binary'])
      expect(inPieces(encoding, Buffer.from('=3D\0'), [1])).to.deep.equal(Buffer.from('=3D\0'))
  })
  it('what nobody registered is not guessed at', () => expect(startDecoder('x-uuencode')).to.equal(undefined))
})
