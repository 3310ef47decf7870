import { expect } from 'chai'
import fc from 'fast-check'
import { areListed, listedFields } from '../../src/mail/listed.ts'
import { headerFields, type SectionPart, section } from '../../src/mail/section.ts'
import { headerText, partText, pieceText, textParts, textPieces } from '../../src/mail/text.ts'
import { decodeTransfer } from '../../src/mail/transfer.ts'
import { corpus } from '../fixture/corpus.ts'
import { letter, parse } from './parse.ts'

const inner = letter(
  'Subject: inner',
  'Content-Type: multipart/alternative; boundary=i',
  '',
  '--i',
  '',
  'plain',
  '--i',
  'Content-Type: text/html; charset=iso-8859-1',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  '<b>Gr=FC=DFe</b>',
  '--i--',
).slice(0, -2)
const message = letter(
  'Subject: outer',
  'Content-Type: multipart/mixed; boundary=o',
  '',
  'preamble',
  '--o',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: base64',
  '',
  Buffer.from('Grüße').toString('base64'),
  '--o',
  'Content-Type: message/rfc822',
  '',
  inner,
  '--o',
  'Content-Type: application/zip',
  '',
  'zip',
  '--o--',
  'epilogue',
)

const ask = (text: string, spec: string): string | undefined => {
  const words = spec.split('.').filter((word) => word !== '')
  const path = words.map(Number).filter((number) => !Number.isNaN(number))
  const range = section(parse(text).root, path, (words[path.length] ?? '') as SectionPart)
  return range && text.slice(range.start, range.end)
}

describe('mail/section', () => {
  const body = message.slice(message.indexOf('\r\n\r\n') + 4)
  const cases: [what: string, spec: string, bytes: string | undefined][] = [
    ['all of it', '', message],
    ['its header with the empty line', 'HEADER', message.slice(0, message.length - body.length)],
    ['its text, preamble and epilogue included', 'TEXT', body],
    ['the content of a part', '1', Buffer.from('Grüße').toString('base64')],
    [
      'the MIME header of a part',
      '1.MIME',
      'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n',
    ],
    ['a message inside', '2', inner],
    ['the header of a message inside', '2.HEADER', inner.slice(0, inner.indexOf('--i'))],
    ['the text of a message inside', '2.TEXT', inner.slice(inner.indexOf('--i'))],
    ['the MIME header above a message inside', '2.MIME', 'Content-Type: message/rfc822\r\n\r\n'],
    ['a part of a message inside', '2.1', 'plain'],
    ['its MIME header, empty but for the empty line', '2.1.MIME', '\r\n'],
    ['the line end before a delimiter is not of the part', '2.2', '<b>Gr=FC=DFe</b>'],
    ['the last part', '3', 'zip'],
    ['no part beyond the last', '4', undefined],
    ['no part 0', '0', undefined],
    ['no HEADER of what is no message', '1.HEADER', undefined],
    ['no TEXT of what is no message', '3.TEXT', undefined],
    ['no part inside a leaf', '1.1', undefined],
    ['no MIME of the message itself', 'MIME', undefined],
  ]
  for (const [what, spec, bytes] of cases)
    it(`${what}: BODY[${spec}]`, () => expect(ask(message, spec)).to.equal(bytes))

  const plain = letter('Subject: x', '', 'text')
  it('the body of a message without parts is its part 1', () => expect(ask(plain, '1')).to.equal('text\r\n'))
  it('whose MIME header is the header', () => expect(ask(plain, '1.MIME')).to.equal('Subject: x\r\n\r\n'))
  it('and it has no other', () =>
    expect([ask(plain, '2'), ask(plain, '1.1'), ask(plain, '1.TEXT')]).to.deep.equal([undefined, undefined, undefined]))

  const wrapped = letter('Content-Type: message/rfc822', '', 'Subject: core', '', 'text')
  it('a message that is itself a message/rfc822 has that as part 1', () => {
    expect(ask(wrapped, '1')).to.equal('Subject: core\r\n\r\ntext\r\n')
    expect(ask(wrapped, '1.HEADER')).to.equal('Subject: core\r\n\r\n')
    expect(ask(wrapped, '1.1')).to.equal('text\r\n')
  })

  it('what is signed is found to the byte', () => {
    const sample = corpus.find(({ name }) => name === 'pgp/mime signed')
    const text = sample?.bytes.toString('latin1') ?? ''
    const signed = `${ask(text, '1.MIME')}${ask(text, '1')}`
    expect(text).to.include(`--pgp=_1\r\n${signed}\r\n--pgp=_1\r\n`)
  })
})

describe('mail/listed', () => {
  const ends = ['\r\n', '\n', '\r\n\r\n', '\r\n ', ' \r\n\t', '']
  const line = fc.tuple(
    fc.constantFrom('From', 'TO', 'Subject ', 'x-priority', 'Received', 'X-Odd', 'no field', ''),
    fc.constantFrom(':', ': ', '', ':\u00e4 b:'),
    fc.string({ maxLength: 20, size: 'max' }),
    fc.constantFrom(...ends),
  )
  it('listed fields are the same, read from what is kept of a header or from all of it', () => {
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 12, size: 'max' }),
        fc.subarray(['from', 'to', 'subject', 'x-priority', 'date']),
        (lines, names) => {
          const header = Buffer.from(lines.map((parts) => parts.join('')).join(''), 'latin1')
          expect(areListed(names)).to.equal(true)
          const kept = listedFields(header, header.length)
          expect(headerFields(kept, names, false)).to.deep.equal(headerFields(header, names, false))
        },
      ),
    )
  })
  it('of a header that is not all here nothing is kept', () => {
    expect(listedFields(Buffer.from('From: a\r\n'), 100_000).length).to.equal(0)
    expect(listedFields(Buffer.from('X: a\r\n\r\n'), 8).toString()).to.equal('\r\n')
  })
  it('others are not listed', () => expect(areListed(['from', 'received'])).to.equal(false))
})

describe('mail/section HEADER.FIELDS', () => {
  const header = Buffer.from('From: a\r\nsubject: one\r\n two\r\nX: y\r\nSubject: three\r\n\r\n')
  const cases: [what: string, names: string[], not: boolean, bytes: string][] = [
    [
      'the named ones in any case, folds and repeats included',
      ['subject'],
      false,
      'subject: one\r\n two\r\nSubject: three\r\n\r\n',
    ],
    ['all but the named', ['subject', 'x'], true, 'From: a\r\n\r\n'],
    ['none: the empty line alone', ['to'], false, '\r\n'],
  ]
  for (const [what, names, not, bytes] of cases)
    it(what, () => expect(headerFields(header, names, not).toString()).to.equal(bytes))
  it('a header cut short gets its line end', () =>
    expect(headerFields(Buffer.from('From: a\r\nSubject: x'), ['subject'], false).toString()).to.equal(
      'Subject: x\r\n\r\n',
    ))
})

describe('mail/text', () => {
  const { root } = parse(message)
  const bytes = Buffer.from(message, 'latin1')

  it('finds the parts that hold text, in messages inside as well', () =>
    expect(textParts(root).map(({ subtype }) => subtype)).to.deep.equal(['plain', 'plain', 'html']))
  it('decodes all of them, and the headers inside', () => {
    const text = textPieces(root)
      .filter(({ isMime }) => !isMime)
      .map((piece) => pieceText(piece, bytes.subarray(piece.start, piece.end)))
      .join('\n')
    expect(text).to.include('Grüße').and.include('Subject: inner').and.include('<b>Grüße</b>')
    expect(text).not.to.include('outer').and.not.to.include('zip')
  })
  it('reads a header as a person does', () =>
    expect(headerText(Buffer.from('Subject: =?utf-8?q?=C3=A4?=\r\n b\r\nTo: x\r\n\r\nbody'))).to.equal(
      'Subject: ä b\nTo: x',
    ))

  const texts: [what: string, type: string, content: string, text: string][] = [
    ['text without charset that is UTF-8', 'text/plain', Buffer.from('ä').toString('latin1'), 'ä'],
    ['text that only claims to be ASCII', 'text/plain; charset=us-ascii', Buffer.from('ä').toString('latin1'), 'ä'],
    ['text in neither', 'text/plain', 'Gr\xfc\xdfe', 'Grüße'],
    ['text of a charset nobody knows', 'text/plain; charset=x-y', 'abc', 'abc'],
    ['Japanese', 'text/plain; charset=iso-2022-jp', '\x1b$B$3$s\x1b(B', 'こん'],
  ]
  for (const [what, type, content, text] of texts)
    it(what, () => {
      const { root } = parse(letter(`Content-Type: ${type}`, '', content))
      expect(partText(root, Buffer.from(content, 'latin1'))).to.equal(text)
    })

  const transfers: [what: string, encoding: string, content: string, decoded: string][] = [
    ['soft line breaks vanish', 'quoted-printable', 'a=\r\nb=  \r\nc', 'abc'],
    ['blanks at a line end were added on the way', 'quoted-printable', 'a \t\r\nb =20\r\n', 'a\r\nb  \r\n'],
    ['broken escapes stay', 'quoted-printable', '=ZZ=4', '=ZZ=4'],
    ['also at the end of all', 'quoted-printable', 'a \t', 'a'],
    ['what is no base64 is passed over', 'base64', 'Y-W_J!j', 'abc'],
    ['base64 ends with its padding', 'base64', 'YQ==Yg==', 'a'],
    ['base64 over many lines', 'base64', 'YW\r\nJj\r\n', 'abc'],
    ['anything else is as it is', '8bit', 'a=\r\nb', 'a=\r\nb'],
  ]
  for (const [what, encoding, content, decoded] of transfers)
    it(what, () => expect(decodeTransfer(Buffer.from(content), encoding).toString()).to.equal(decoded))
})
