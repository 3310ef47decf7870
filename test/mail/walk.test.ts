import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { beneath } from '../../src/mail/beneath.ts'
import { type Part, startWalk } from '../../src/mail/walk.ts'
import { corpus } from '../fixture/corpus.ts'
import { growsEvenly } from '../fixture/growth.ts'
import { heldBytes } from '../fixture/memory.ts'
import { readBack } from './imap-list.ts'
import { letter, parse } from './parse.ts'

type Dovecot = Record<string, { envelope: string; bodyStructure: string }>
const dovecot: Dovecot = JSON.parse(readFileSync(new URL('../fixture/dovecot-2.3.json', import.meta.url), 'utf8'))

/** Where we differ from Dovecot 2.3.19, and why. */
const differences: Record<string, string> = {
  'empty field values': 'an empty Content-Type is none: text/plain (RFC 2045 §5.2), where Dovecot shows ("" "")',
  'quoted names': 'quotes are escaped in a quoted string (RFC 3501 §9); Dovecot takes a literal',
  'quotes and backslashes in the subject': 'the same',
  'broken addresses': 'an address list without addresses is none, so Reply-To defaults to From',
  'rfc 2231 continued file name':
    'a piece that was not encoded is encoded when joined to those that were (RFC 2231 §4.1)',
  'broken content type': 'a Content-Type without a subtype is not valid: text/plain (RFC 2045 §5.2)',
  'broken content type parameters': 'a name without end quote or quotes is kept whole, as its sender meant it',
  'multipart without boundary': 'its text is shown as text/plain instead of as no part at all',
  'some bare LF': 'sizes count the bytes as they are; Dovecot counts, and sends, CRLF',
  'NUL in the header': 'a NUL does not end an address',
}

describe('mail/walk', () => {
  describe('tells the structure as Dovecot does', () => {
    for (const { name, bytes } of corpus) {
      const theirs = dovecot[name]
      if (!theirs) continue
      const { envelope, bodyStructure } = parse(bytes)
      const reason = differences[name]
      if (reason === undefined) {
        it(name, () => expect({ envelope, bodyStructure }).to.deep.equal(theirs))
      } else {
        it(`${name}, but: ${reason}`, () => expect({ envelope, bodyStructure }).not.to.deep.equal(theirs))
      }
    }
  })

  describe('does not care how the bytes are cut', () => {
    for (const { name, bytes } of corpus.filter((sample) => sample.bytes.length < 20_000)) {
      it(name, () => {
        const whole = parse(bytes)
        for (const size of [1, 2, 3, 7, 64]) expect(parse(...cutEvery(bytes, size)), `by ${size}`).to.deep.equal(whole)
      })
    }

    it('any message of awkward pieces, cut anywhere', () => {
      fc.assert(
        fc.property(awkward, fc.array(fc.nat(400), { maxLength: 12, size: 'max' }), (bytes, cuts) => {
          expect(parse(...cutAt(bytes, cuts))).to.deep.equal(parse(bytes))
        }),
        { numRuns: 500 },
      )
    })

    it('nor what fields stand above it, as long as it has no flaw', () => {
      const head = Buffer.from('Return-Path: <a@b>\r\nReceived: by b\r\n for <c@b>; now\r\n')
      const check = (bytes: Buffer): boolean => {
        const found = beneath(head, parse(bytes))
        if (found) expect(found).to.deep.equal(parse(head, bytes))
        return found !== undefined
      }
      expect(corpus.filter(({ bytes }) => check(bytes))).to.have.length.above(corpus.length / 4)
      const clean = awkward.map((bytes) =>
        bytes
          .toString('latin1')
          .replace(/\r?\n|\r/g, '\r\n')
          .replaceAll('\0', ''),
      )
      let known = 0
      fc.assert(
        fc.property(fc.constantFrom('Subject: a\r\n', ' a fold\r\n', '\r\n', ''), clean, (first, rest) => {
          known += Number(check(Buffer.from(first + rest, 'latin1')))
        }),
        { numRuns: 1000 },
      )
      expect(known).to.be.above(50)
    })

    it('even if the memory of a chunk is used again for the next', () => {
      for (const { bytes } of corpus.slice(0, 40)) {
        const whole = parse(bytes)
        const shared = Buffer.alloc(48)
        const walk = startWalk()
        for (const chunk of cutEvery(bytes, shared.length)) {
          shared.set(chunk)
          walk.push(shared.subarray(0, chunk.length))
        }
        expect(walk.end()).to.deep.equal(whole)
      }
    })
  })

  describe('reads of the content', () => {
    const cases: [what: string, text: string, told: string][] = [
      [
        'a boundary that begins with a blank',
        letter('Content-Type: multipart/x; boundary=" a "', '', '-- a', '', 'one', '-- a', '', 'two', '-- a--'),
        '"7bit" 3 0 NIL NIL NIL NIL)("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 0 NIL NIL NIL NIL) "x"',
      ],
      [
        'parameters whose first semicolon was forgotten',
        letter('Content-Type: text/html charset=utf-8; format=flowed', '', ''),
        '("text" "html" ("charset" "utf-8" "format" "flowed") NIL',
      ],
      [
        'no type with a blank inside, but text/plain (RFC 2045 §5.2)',
        letter('Content-Type: text/x y; charset=utf-8', '', ''),
        '("text" "plain" ("charset" "us-ascii") NIL',
      ],
      [
        'a type with blanks around its slash',
        letter('Content-Type: text / html', '', ''),
        '("text" "html" ("charset" "us-ascii") NIL',
      ],
      ['languages, without comments', letter('Content-Language: en (English, I hope), de', '', ''), '("en" "de")'],
      [
        'a type and an encoding whose comments stand close to them',
        letter('Content-Type: text(a)/html(b; c)', 'Content-Transfer-Encoding: base64(d)', '', ''),
        '("text" "html" ("charset" "us-ascii") NIL NIL "base64"',
      ],
      [
        'brackets of a file name that nobody quoted',
        letter('Content-Type: text/html; name=(a)report(1).pdf', '', ''),
        '("name" "(a)report(1).pdf"',
      ],
      [
        'a message/global that is encoded, not what is inside',
        letter('Content-Type: message/global', 'Content-Transfer-Encoding: Base64', '', 'YQ=='),
        '("message" "global" NIL NIL NIL "Base64" 6 NIL NIL NIL NIL)',
      ],
      [
        'all lines of a message inside whose empty line is that of the delimiter',
        letter(
          'Content-Type: multipart/x; boundary=b',
          '',
          '--b',
          'Content-Type: message/rfc822',
          '',
          'To: x',
          '',
          '--b--',
        ),
        '"7bit" 9 (NIL NIL NIL NIL NIL ((NIL NIL "x" "MISSING_DOMAIN")) NIL NIL NIL NIL) ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL) 2 ',
      ],
      [
        'and what is inside one that is not',
        letter('Content-Type: message/global', 'Content-Transfer-Encoding: 8BIT', '', 'Subject: inside', ''),
        '"inside"',
      ],
      ['a message in capitals', letter('Content-Type: MESSAGE/RFC822', '', 'Subject: inside', ''), '"inside"'],
      [
        'a digest in capitals',
        letter('Content-Type: MULTIPART/DIGEST; boundary=a', '', '--a', '', 'Subject: inside', '', '--a--'),
        '"inside"',
      ],
      [
        'of two types the first',
        letter('Content-Type: text/html', 'Content-Type: image/png', '', ''),
        '("text" "html" ',
      ],
      ['no half of a type', letter('Content-Type: image/', '', ''), '("text" "plain" ("charset" "us-ascii") '],
      ['nor the other', letter('Content-Type: /png', '', ''), '("text" "plain" ("charset" "us-ascii") '],
      [
        'no end in a single dash',
        letter('Content-Type: multipart/mixed; boundary=a', '', '--a', '', 'one', '--a-', '', 'two', '--a--'),
        '"7bit" 3 0 NIL NIL NIL NIL)("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 0 NIL NIL NIL NIL) "mixed"',
      ],
      [
        'a header that a delimiter ends',
        letter('Content-Type: multipart/mixed; boundary=a', '', '--a', 'Content-Type: image/png', '--a--'),
        '(("image" "png" NIL NIL NIL "7bit" 0 NIL NIL NIL NIL) "mixed"',
      ],
      [
        'no boundary of what is over',
        letter(
          'Content-Type: multipart/mixed; boundary=a',
          '',
          '--a',
          'Content-Type: multipart/x; boundary=b',
          '',
          '--a',
          '',
          'one',
          '--b',
          'two',
          '--a--',
        ),
        '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 13 2 NIL NIL NIL NIL) "mixed"',
      ],
    ]
    for (const [what, text, told] of cases) it(what, () => expect(parse(text).bodyStructure).to.include(told))
  })

  describe('reads whatever it is given', () => {
    it('random bytes give a tree within the message, and texts a client can read', () => {
      fc.assert(
        fc.property(fc.oneof(fc.uint8Array({ maxLength: 600, size: 'max' }), awkward), (input) => {
          const bytes = Buffer.from(input)
          checkSane(bytes)
        }),
        { numRuns: 1000 },
      )
    })

    it('a message in a digest that ends with its header ends no later than what holds it', () => {
      const type = 'Content-Type: multipart/digest; boundary=ab\r\n\r\n'
      checkSane(Buffer.from(`${type}--ab\r\n\r\n\r\n--ab`))
    })

    it('so does everything in the corpus', () => {
      for (const { bytes } of corpus) checkSane(bytes)
    })

    const hostile: [what: string, size: number, bytes: (size: number) => string][] = [
      ['a header line without end', 3 << 20, (size) => `Subject: ${'x'.repeat(size)}`],
      ['a megabyte of blanks in a field', 1 << 20, (size) => `Subject: a${' '.repeat(size)}b\r\n\r\n`],
      ['a field of folds', 300_000, (count) => `To: ${'\r\n '.repeat(count)}\r\n\r\n`],
      ['commas for addresses', 1 << 20, (count) => `To: ${','.repeat(count)}\r\n\r\n`],
      ['a great many recipients', 500_000, (count) => `To: ${'a,'.repeat(count)}\r\n\r\n`],
      [
        'a great many senders of messages within messages',
        20_000,
        (count) => `Content-Type: message/rfc822\r\n${`From: ${'a,'.repeat(count)}\r\n`.repeat(25)}\r\n`.repeat(15),
      ],
      ['open brackets', 500_000, (count) => `To: ${'<@'.repeat(count)}\r\n\r\n`],
      ['open domain literals', 300_000, (count) => `To: ${'a@['.repeat(count)}\r\n\r\n`],
      ['open comments in addresses', 1 << 20, (count) => `To: ${'('.repeat(count)}\r\n\r\n`],
      [
        'open comments elsewhere',
        100_000,
        (count) => `Date: ${'('.repeat(count)}\r\nContent-Type: ${'('.repeat(count)}\r\n\r\n`,
      ],
      ['open quotes', 1 << 20, (count) => `To: ${'"'.repeat(count + 1)}\r\n\r\n`],
      ['open encoded words', 100_000, (count) => `Subject: ${'=?utf-8?q?'.repeat(count)}\r\n\r\n`],
      ['parameters', 200_000, (count) => `Content-Type: text/plain${'; a=b'.repeat(count)}\r\n\r\n`],
      [
        'parameter continuations',
        50_000,
        (length) => `Content-Type: text/plain${Array.from({ length }, (_, i) => `; a*${i}*=x`).join('')}\r\n\r\n`,
      ],
      ['quoted ids', 250_000, (count) => `References: ${'<"\\"'.repeat(count)}\r\n\r\n`],
      ['an id without end', 1_000_000, (size) => `References: <${'a'.repeat(size)}\r\n\r\n`],
      ['references', 150_000, (count) => `References: ${'<a@b> <'.repeat(count)}\r\n\r\n`],
      [
        'a multipart that holds itself',
        5000,
        (count) =>
          letter(
            'Content-Type: multipart/mixed; boundary=b',
            '',
            '--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n'.repeat(count),
          ),
      ],
      ['messages within messages', 5000, (count) => 'Content-Type: message/rfc822\r\n\r\n'.repeat(count)],
      [
        'a hundred thousand parts',
        100_000,
        (count) => letter('Content-Type: multipart/mixed; boundary=b', '', '--b\r\n\r\n\r\n'.repeat(count)),
      ],
      [
        'dashes in a hundred nested multiparts',
        300_000,
        (count) =>
          Array.from({ length: 99 }, (_, i) => `--b${i}\r\nContent-Type: multipart/mixed; boundary=b${i + 1}\r\n\r\n`)
            .join('')
            .replace('--b0\r\n', '') + '-\n--b\n--bzz\n'.repeat(count),
      ],
      ['dashes', 200_000, (count) => letter('Content-Type: multipart/mixed; boundary=b', '', '--\r\n'.repeat(count))],
    ]
    for (const [what, size, text] of hostile)
      it(`${what}: in linear time and bounded memory`, () =>
        growsEvenly(size, (some) => {
          const bytes = Buffer.from(text(some), 'latin1')
          const parsed = parse(...cutEvery(bytes, 65_536))
          expect(parsed.size).to.equal(bytes.length)
          expect(parsed.header.length).to.be.at.most(65_536)
          expect(parsed.bodyStructure.length).to.be.below(16 << 20)
        }))
  })

  it('a header in chunks of a byte takes no more memory than it has bytes, by far', () => {
    const walk = startWalk()
    const byte = Buffer.from('x')
    const before = heldBytes()
    for (let i = 0; i < 1_000_000; i++) walk.push(byte)
    expect(heldBytes() - before).to.be.below(4 << 20)
    expect(walk.end().headerSize).to.equal(1_000_000)
  })

  describe('names what is odd', () => {
    const plain = letter('Subject: x', '', 'text')
    const multipart = 'Content-Type: multipart/mixed; boundary=b'
    const flaws: [what: string, text: string, flaw: string | undefined][] = [
      ['nothing in a sane message', plain, undefined],
      ['nor in a preamble', letter(multipart, '', 'Get a better program.', '--b', '', 'text', '--b--'), undefined],
      ['NUL', plain.replace('text', 'te\0xt'), 'nul'],
      ['a bare CR', plain.replace('text', 'te\rxt'), 'bare-cr'],
      ['a bare CR at the very end', `${plain}x\r`, 'bare-cr'],
      ['a bare LF', plain.replace('text', 'te\nxt'), 'bare-lf'],
      ['a message without header', letter('', 'text'), 'no-header'],
      ['a header without end', letter('Subject: x'), 'header-unended'],
      ['a line in the header that is no field', letter('Subject: x', 'rubbish', '', 'text'), 'header-line-odd'],
      [
        'more than a megabyte of header',
        `${`X-Filler: ${'f'.repeat(60)}\r\n`.repeat(20_000)}\r\ntext`,
        'header-too-long',
      ],
      ['a multipart without boundary', letter('Content-Type: multipart/mixed', '', 'text'), 'boundary-missing'],
      ['a multipart that is not closed', letter(multipart, '', '--b', '', 'text'), 'multipart-open'],
      [
        'parts beyond ten thousand',
        letter(multipart, '', '--b\r\n\r\nx\r\n'.repeat(10_001), '--b--'),
        'too-many-parts',
      ],
      [
        'headers of more than four megabytes in all',
        letter(multipart, '', `--b\r\nX: ${'x'.repeat(1_000_000)}\r\n\r\n\r\n`.repeat(6), '--b--'),
        'too-many-parts',
      ],
      [
        'parts deeper than a hundred',
        `${'Content-Type: message/rfc822\r\n\r\n'.repeat(101)}Subject: x\r\n\r\ny`,
        'too-deep',
      ],
    ]
    for (const [what, text, flaw] of flaws) {
      it(what, () => {
        expect(parse(text).malformed).to.equal(flaw)
        expect(parse(...cutEvery(Buffer.from(text, 'latin1'), 1000)).malformed, 'in pieces').to.equal(flaw)
      })
    }

    it('all of it, in one order', () => {
      expect(parse('a: b\n\rx\0').malformed).to.equal('nul bare-cr bare-lf header-unended header-line-odd')
    })
  })

  describe('keeps for lists and search', () => {
    const parsed = parse(
      letter(
        'From: =?utf-8?Q?J=C3=BCrgen?= <j@a.test>, "B. C." <b@b.test>',
        'Subject: =?utf-8?B?R3LDvMOfZQ==?= again',
        'Date: Tue, 1 Jul 2003 10:52:37 +0200',
        'Message-ID:  <one@a.test> (comment)',
        'In-Reply-To: Your letter <zero@b.test> of Monday',
        'References: <minus@b.test>\r\n\t<zero@b.test>',
        '',
        'text',
      ),
    )
    it('the subject, decoded', () => expect(parsed.subject).to.equal('Grüße again'))
    it('who it is from, decoded', () => expect(parsed.from).to.equal('Jürgen <j@a.test>, B. C. <b@b.test>'))
    it('when, as epoch ms', () => expect(parsed.date).to.equal(Date.UTC(2003, 6, 1, 8, 52, 37)))
    it('its id alone', () => expect(parsed.messageId).to.equal('<one@a.test>'))
    it('what it answers', () => expect(parsed.inReplyTo).to.equal('<zero@b.test>'))
    it('its whole thread', () => expect(parsed.references).to.deep.equal(['<minus@b.test>', '<zero@b.test>']))
    it('of a thread that nobody has written, its first and the nearest', () => {
      const ids = Array.from({ length: 5000 }, (_, n) => `<${n}@b.test>`)
      const { references } = parse(letter(`References: ${ids.join('\r\n ')}`, '', 'text'))
      expect(references).to.deep.equal(['<0@b.test>', ...ids.slice(4001)])
    })
    it('nothing where there is nothing', () => {
      const { messageId, inReplyTo, references, subject, from, date } = parse(letter('X: y', ''))
      expect([messageId, inReplyTo, references, subject, from, date]).to.deep.equal([null, null, [], '', '', null])
    })
    it('of a message inside, nothing', () => {
      const inside = letter('Content-Type: message/rfc822', '', 'From: a@a.test', 'Subject: inside', '', 'text')
      expect(parse(`Subject: own\r\n${inside}`)).to.deep.include({ subject: 'own', from: '' })
    })
    it('ids as they may be written', () =>
      expect(parse(letter('References: <"a b"@c> < d@e > <f\\@g@h> x@y <"i', '')).references).to.deep.equal([
        '<"a b"@c>',
        '< d@e >',
        '<f\\@g@h>',
      ]))
    it('an id that is none, as it stands', () =>
      expect(parse(letter('Message-ID: odd id', '')).messageId).to.equal('odd id'))
    it('the header whole up to 64 KiB, and no more', () => {
      const text = letter(...Array(1000).fill(`X-Filler: ${'f'.repeat(90)}`), '', 'body')
      const { header, headerSize } = parse(text)
      expect(header.toString('latin1')).to.equal(text.slice(0, 65_536))
      expect(headerSize).to.equal(text.length - 'body\r\n'.length)
    })
  })

  it('a part is the same after a journey through JSON', () => {
    for (const { bytes } of corpus) {
      const { root } = parse(bytes)
      expect(JSON.parse(JSON.stringify(root))).to.deep.equal(root)
    }
  })
})

const cutEvery = (bytes: Buffer, size: number): Buffer[] => {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
  return chunks
}

const cutAt = (bytes: Buffer, cuts: number[]): Buffer[] => {
  const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((to, i) => bytes.subarray(at[i], to))
}

/** Bytes made of what decides: line ends, delimiters, fields of few types, noise. */
const awkward = fc
  .array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom(
          '\r\n',
          '\r\n\r\n',
          '\n',
          '\r',
          '--',
          '-',
          '--a',
          '--ab',
          '--a--',
          '--b',
          '--ab--',
          ' ',
          '\t',
          'x',
          ':',
          '\0',
          '\xe4',
        ),
      },
      {
        weight: 2,
        arbitrary: fc.constantFrom(
          'Content-Type: multipart/mixed; boundary=a\r\n',
          'Content-Type: multipart/digest;\r\n boundary="ab"\r\n\r\n',
          'Content-Type: multipart/x; boundary=b\n\n',
          'Content-Type: message/rfc822\r\n\r\n',
          'Content-Type: text/plain; charset*0*=x; charset*1=y\r\n',
          'Subject: =?utf-8?q?a?= "b\\\r\n c"\r\n',
          'From: "a" <b@c>, d: e@f, (g) h;\r\n',
        ),
      },
      { weight: 1, arbitrary: fc.string({ maxLength: 12, size: 'max' }) },
    ),
    { maxLength: 40, size: 'max' },
  )
  .map((pieces) => Buffer.from(pieces.join(''), 'latin1'))

const checkSane = (bytes: Buffer): void => {
  const parsed = parse(bytes)
  expect(parsed.size).to.equal(bytes.length)
  const envelope = readBack(parsed.envelope)
  expect(envelope).to.be.an('array').with.length(10)
  readBack(parsed.body)
  readBack(parsed.bodyStructure)
  checkWithin(parsed.root, 0, bytes.length)
  expect(parsed.root.end).to.equal(bytes.length)
}

/** Parts lie in order inside the body of what holds them. */
const checkWithin = (part: Part, from: number, to: number): void => {
  expect(part.start).to.be.at.least(from)
  expect(part.bodyStart).to.be.at.least(part.start)
  expect(part.end).to.be.at.least(part.bodyStart)
  expect(part.end).to.be.at.most(to)
  expect(part.lines).to.be.at.least(0)
  let at = part.bodyStart
  for (const child of part.children) {
    checkWithin(child, at, part.end)
    at = child.end
  }
  if (part.message) checkWithin(part.message, part.bodyStart, part.end)
}
