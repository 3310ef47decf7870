import { expect } from 'chai'
import fc from 'fast-check'
import { parseItems } from '../../gateway/imap/fetch/item.ts'
import { toFlags } from '../../gateway/imap/flags.ts'
import { matching } from '../../gateway/imap/mailbox/listing.ts'
import { matcher } from '../../gateway/imap/mailbox/pattern.ts'
import { charsetDecoder } from '../../gateway/imap/search/charset.ts'
import { parseKeys } from '../../gateway/imap/search/key.ts'
import { formatSet, parseSet, resolveSet } from '../../gateway/imap/wire/sequence.ts'
import { decodeName, encodeName } from '../../gateway/imap/wire/utf7.ts'
import { Malformed, Words } from '../../gateway/imap/wire/words.ts'
import { dateTime, flagList, humanText, string } from '../../gateway/imap/wire/writer.ts'
import { growsEvenly } from '../fixture/growth.ts'

const words = (text: string) => new Words([{ text }])

describe('IMAP names in modified UTF-7', () => {
  const names: [name: string, spelled: string][] = [
    ['INBOX', 'INBOX'],
    ['Tom & Jerry', 'Tom &- Jerry'],
    ['~peter/mail/台北/日本語', '~peter/mail/&U,BTFw-/&ZeVnLIqe-'], // RFC 3501 §5.1.3
    ['Entwürfe', 'Entw&APw-rfe'],
    ['👻', '&2D3cew-'],
    ['', ''],
  ]
  for (const [name, spelled] of names)
    it(`${JSON.stringify(name)} is ${spelled}, and back`, () => {
      expect(encodeName(name)).to.equal(spelled)
      expect(decodeName(spelled)).to.equal(name)
    })

  for (const wrong of [
    '&',
    '&&',
    '&AGE-',
    '&Jjo',
    '&Jjo!',
    '&U,BTFw-&ZeVnLIqe-',
    '&APx-',
    'ü',
    '&2D0-',
    'a\tb',
    '&AP=-',
  ])
    it(`${JSON.stringify(wrong)} is no name`, () => expect(decodeName(wrong)).to.equal(undefined))

  it('every name comes back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => void expect(decodeName(encodeName(name))).to.equal(name)),
    )
  })
  it('every text is no name, or the one spelling of it', () => {
    const texts = fc.string({ unit: fc.constantFrom('&', '-', 'A', 'P', 'w', ',', 'b', '+') })
    fc.assert(
      fc.property(texts, (text) => {
        const name = decodeName(text)
        if (name !== undefined) expect(encodeName(name)).to.equal(text)
      }),
    )
  })
})

describe('IMAP sequence sets', () => {
  const sets: [text: string, largest: number, resolved: [number, number][]][] = [
    ['1', 9, [[1, 1]]],
    [
      '2,4:7,9,12:*',
      15,
      [
        [2, 2],
        [4, 7],
        [9, 9],
        [12, 15],
      ],
    ],
    ['*:4,5:7', 10, [[4, 10]]],
    ['559:*', 100, [[100, 559]]],
    ['*', 0, [[0, 0]]],
    ['3,2,1', 9, [[1, 3]]],
    ['1:4294967295', 9, [[1, 4294967295]]],
  ]
  for (const [text, largest, resolved] of sets)
    it(`${text} with ${largest} the largest`, () =>
      expect(resolveSet(parseSet(text) ?? [], largest).map(({ from, to }) => [from, to])).to.deep.equal(resolved))

  for (const wrong of ['', '0', '1,', ',1', '1:2:3', '01', '4294967296', 'a', '1:', '-1'])
    it(`${JSON.stringify(wrong)} is none`, () => expect(parseSet(wrong)).to.equal(undefined))

  it('numbers are written as runs, in their order', () => expect(formatSet([3, 4, 5, 9, 7, 8])).to.equal('3:5,9,7:8'))
  it('what is written is read again', () => {
    const numbers = fc
      .uniqueArray(fc.integer({ min: 1, max: 200 }), { minLength: 1 })
      .map((all) => all.sort((a, b) => a - b))
    fc.assert(
      fc.property(numbers, (all) => {
        const ranges = resolveSet(parseSet(formatSet(all)) ?? [], 200)
        const again = ranges.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i))
        expect(again).to.deep.equal(all)
      }),
    )
  })
})

describe('IMAP words', () => {
  const reads: [what: string, text: string, read: (from: Words) => unknown, value: unknown][] = [
    ['an atom', 'abc$+-[', (from) => from.atom(), 'abc$+-['],
    ['a quoted string with its escapes', '"a \\"b\\" \\\\"', (from) => from.string(), 'a "b" \\'],
    ['an astring with a bracket', 'a]b', (from) => from.astring(), 'a]b'],
    ['INBOX in any case', 'inBox', (from) => from.mailbox(), 'INBOX'],
    ['a list', '(\\Seen $x)', (from) => from.list(() => from.flag()), ['\\Seen', '$x']],
    ['an empty list', '()', (from) => from.list(() => from.flag()), []],
    ['a date', '1-Feb-1994', (from) => from.date(), Date.UTC(1994, 1, 1)],
    ['a quoted date', '"01-feb-1994"', (from) => from.date(), Date.UTC(1994, 1, 1)],
    ['a date-time', '"17-Jul-1996 02:44:25 -0700"', (from) => from.dateTime(), Date.UTC(1996, 6, 17, 9, 44, 25)],
    ['a date-time before the year 100', '" 1-Jan-0099 00:00:00 +0000"', (from) => from.dateTime(), -59042995200000],
    ['the first date-time', '"01-Jan-0000 01:00:00 +0100"', (from) => from.dateTime(), -62167219200000],
    ['a number', '4294967295', (from) => from.number(), 4294967295],
    ['a number of 63 bits', '9223372036854775807', (from) => from.number64(), 9223372036854775807n],
  ]
  for (const [what, text, read, value] of reads)
    it(`${what}: ${text}`, () => {
      const from = words(text)
      expect(read(from)).to.deep.equal(value)
      expect(from.isAtEnd()).to.equal(true)
    })

  const refuses: [text: string, read: (from: Words) => unknown][] = [
    ['', (from) => from.tag()],
    ['+', (from) => from.tag()],
    ['"open', (from) => from.string()],
    ['"a\\b"', (from) => from.string()],
    ['4294967296', (from) => from.number()],
    ['29-Feb-2026', (from) => from.date()],
    ['1-Foo-2026', (from) => from.date()],
    ['"17-Jul-1996 24:00:00 +0000"', (from) => from.dateTime()],
    ['"01-Jan-0000 00:00:00 +0100"', (from) => from.dateTime()],
    ['"31-Dec-9999 23:30:00 -0100"', (from) => from.dateTime()],
    ['9223372036854775808', (from) => from.number64()],
    ['(a  b)', (from) => from.list(() => from.atom())],
    ['(a', (from) => from.list(() => from.atom())],
    ['&ugh', (from) => from.mailbox()],
    [' x', (from) => from.end()],
  ]
  for (const [text, read] of refuses)
    it(`${JSON.stringify(text)} is malformed`, () => expect(() => read(words(text))).to.throw(Malformed))

  it('a literal is a string wherever one may stand', () => {
    const from = new Words([{ text: '(' }, { literal: Buffer.from('a b') }, { text: ' c)' }])
    expect(from.list(() => from.astring())).to.deep.equal(['a b', 'c'])
  })
  it('a literal at the end is not the end', () => {
    const from = new Words([{ text: '' }, { literal: Buffer.from('x') }, { text: '' }])
    expect(from.isAtEnd()).to.equal(false)
    expect(from.string()).to.equal('x')
    expect(from.isAtEnd()).to.equal(true)
  })

  it('rubbish is malformed or read, and never anything else', () => {
    const text = fc.string({ unit: fc.constantFrom(...'()[]<>{}"\\*%:., 0129abBODYPEK.HRNTUSOF\x00\xff') })
    const readers = [
      (from: Words) => parseItems(from),
      (from: Words) => parseKeys(from, (octets) => octets),
      (from: Words) => from.list(() => from.flag()),
      (from: Words) => from.dateTime(),
    ]
    fc.assert(
      fc.property(text, fc.constantFrom(...readers), (rubbish, read) => {
        try {
          read(words(rubbish))
        } catch (error) {
          expect(error).to.be.instanceOf(Malformed)
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('IMAP writer', () => {
  it('quotes what may be quoted', () => expect(string('a "b" \\')).to.equal('"a \\"b\\" \\\\"'))
  it('counts octets of what may not', () => expect(string('a\r\nb\xff')).to.equal('{5}\r\na\r\nb\xff'))
  it('a string comes back whatever it holds', () => {
    const octets = fc.uint8Array().map((all) => Buffer.from(all).toString('latin1'))
    fc.assert(
      fc.property(octets, (text) => {
        const spelled = string(text)
        const [head = '', ...rest] = spelled.split('\r\n')
        const pieces = spelled.startsWith('{')
          ? [{ text: '' }, { literal: Buffer.from(rest.join('\r\n'), 'latin1') }, { text: '' }]
          : [{ text: head }]
        expect(new Words(pieces).string()).to.equal(text)
      }),
    )
  })
  it('a moment comes back', () => {
    const moments = fc.integer({ min: -62167219200, max: 253402300799 }).map((seconds) => seconds * 1000)
    fc.assert(fc.property(moments, (ms) => void expect(words(dateTime(ms)).dateTime()).to.equal(ms)))
  })
  it('flags, keywords and \\Recent', () =>
    expect(flagList(1 | 16, '$a b', true)).to.equal('(\\Seen \\Draft $a b \\Recent)'))
  it('text for people is one printable line', () => expect(humanText('a\r\n* BYE \x00é')).to.equal('a * BYE  '))
})

describe('IMAP patterns', () => {
  const cases: [pattern: string, name: string, matches: boolean][] = [
    ['*', 'a/b', true],
    ['%', 'a', true],
    ['%', 'a/b', false],
    ['a/%', 'a/b', true],
    ['a/%', 'a/b/c', false],
    ['a*c', 'a/b/c', true],
    ['%/%', 'a/b', true],
    ['inbox', 'INBOX', true],
    ['Inbox/*', 'INBOX/x', true],
    ['inbox*', 'INBOX', true],
    ['iNBO%', 'INBOX', true],
    ['%bOx/%', 'INBOX/x', true],
    ['inbox/X*', 'INBOX/x', false],
    ['inbox*', 'INBOXES', false],
    ['*box', 'a/BOX', false],
    ['sent', 'Sent', false],
    ['*%*', '', true],
    ['', 'a', false],
    ['a.c', 'abc', false],
  ]
  for (const [pattern, name, matches] of cases)
    it(`${JSON.stringify(pattern)} ${matches ? 'matches' : 'does not match'} ${JSON.stringify(name)}`, () =>
      expect(matcher(pattern)(name)).to.equal(matches))
  it('the worst pattern takes time by its length', () =>
    growsEvenly(500, (count) => expect(matcher(`${'%a*a'.repeat(count)}b`)('a'.repeat(255))).to.equal(false)))
  it('one longer than any name is not looked into, and means none', () =>
    growsEvenly(32_000, (count) => {
      for (const pattern of [`a${'\u0301\u0316'.repeat(count)}%`, `%${'a'.repeat(1021)}`])
        expect(matcher(pattern)('INBOX')).to.equal(false)
    }))
  it('LIST pauses between one name, or pattern, and the next', () => {
    const names = Array.from({ length: 10 }, (_, i) => `${'a'.repeat(250)}${i}`)
    const work = matching(names, new Array(100).fill('%a*a'.repeat(60)))
    let pauses = 0
    while (!work.next().done) pauses++
    expect(pauses).to.equal(10 * 100)
  })
})

describe('IMAP flags and search keys', () => {
  it('system flags in any case, keywords as spelled', () =>
    expect(toFlags(['\\sEEN', 'Work', '\\Deleted'])).to.deep.equal({ bits: 9, keywords: 'Work' }))
  it('\\Recent and the unknown can not be set', () => {
    expect(() => toFlags(['\\Recent'])).to.throw(Malformed)
    expect(() => toFlags(['\\Foo'])).to.throw(Malformed)
  })
  it('texts are read in the charset named', () => {
    const decode = charsetDecoder('iso-8859-15')
    if (!decode) throw new Error('every WHATWG charset is known')
    const pieces = [{ text: 'SUBJECT ' }, { literal: Buffer.from('CAF\xc9 \xa4', 'latin1') }, { text: '' }]
    expect(parseKeys(new Words(pieces), decode)).to.deep.equal({ is: 'header', name: 'subject', text: 'café €' })
  })
  it('of many alternatives each OR is within the one before it, however many', () => {
    const keys = (text: string) => parseKeys(new Words([{ text }]), (octets) => octets)
    expect(keys(`${'OR 1 '.repeat(1000)}2`))
      .to.have.property('keys')
      .with.length(1001)
    expect(keys('OR (OR 1 2) OR NOT 3 4')).to.deep.equal({
      is: 'or',
      keys: [keys('OR 1 2'), keys('NOT 3'), keys('4')],
    })
    expect(() => keys(`${'NOT '.repeat(60)}1`)).to.throw(Malformed, 'too complicated')
    expect(() => keys('OR 1 OR 2')).to.throw(Malformed)
  })
  it('a charset nobody knows is told so', () => expect(charsetDecoder('klingon')).to.equal(undefined))
})
