import { expect } from 'chai'
import { parseGetting, parseSetting } from '../../gateway/imap/mailbox/metadata-args.ts'
import { Malformed, Words } from '../../gateway/imap/wire/words.ts'
import { value } from '../../gateway/imap/wire/writer.ts'

const octets = Buffer.from([97, 0, 255])

describe('IMAP METADATA', () => {
  it('a literal8 may hold NUL, and goes out as one', () => {
    const pieces = [
      { text: ' "" (/Shared/X ' },
      { literal: octets, binary: true } as const,
      { text: ' /private/y nil)' },
    ]
    expect(parseSetting(new Words(pieces))).to.deep.equal({
      mailbox: '',
      entries: new Map([
        ['/shared/x', octets],
        ['/private/y', null],
      ]),
    })
    expect(value(octets)).to.equal('~{3}\r\na\0\xff')
  })

  it('where a name stands no literal8 is taken', () => {
    const pieces = [{ text: ' INBOX ' }, { literal: Buffer.from('/private/x'), binary: true } as const, { text: '' }]
    expect(() => parseGetting(new Words(pieces))).to.throw(Malformed)
  })

  const names: [what: string, name: string, isOne: boolean][] = [
    ['the usual', '/private/comment', true],
    ['with any printable', '/shared/vendor/a&b.c-d_e,f:g', true],
    ['with a space', '/shared/a b', true],
    ['nothing below', '/private', true],
    ['255 octets', `/private/${'x'.repeat(246)}`, true],
    ['one more', `/private/${'x'.repeat(247)}`, false],
    ['another top', '/public/x', false],
    ['no slash', 'private/x', false],
    ['a top that only begins so', '/privatex', false],
    ['a slash at the end', '/private/x/', false],
    ['an empty level', '/private//x', false],
    ['a wildcard', '/private/*', false],
    ['the other', '/private/%', false],
    ['a control', '/private/a\tb', false],
    ['beyond ASCII', '/private/\xe9', false],
  ]
  for (const [what, name, isOne] of names)
    it(`${what}: ${isOne ? 'an entry' : 'none'}`, () => {
      const read = () => parseGetting(new Words([{ text: ` INBOX "${name}"` }])).entries
      if (isOne) expect(read()).to.deep.equal([name])
      else expect(read).to.throw(Malformed)
    })
})
