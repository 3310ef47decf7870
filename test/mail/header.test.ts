import { expect } from 'chai'
import { parseAddresses } from '../../src/mail/address-list.ts'
import { formatDate, parseDate } from '../../src/mail/date.ts'
import { type Field, headerEnd, parseHeader, unfold } from '../../src/mail/header.ts'
import { headerFacts } from '../../src/mail/header-facts.ts'
import { type Param, parseParams } from '../../src/mail/param.ts'
import { headerText } from '../../src/mail/text.ts'
import { decodeBytes, decodeText, encodeText } from '../../src/mail/words.ts'
import { growsEvenly } from '../fixture/growth.ts'
import { parse } from './parse.ts'

const latin1 = (text: string): string => Buffer.from(text).toString('latin1')

describe('mail/header', () => {
  const cases: [what: string, header: string, fields: Field[], skipped: number][] = [
    [
      'fields come in order, as spelled',
      'b: 1\r\nA: 2\r\n',
      [
        ['b', ' 1'],
        ['A', ' 2'],
      ],
      0,
    ],
    [
      'a fold belongs to its field',
      'a: 1\r\n\t2\r\nb:\r\n',
      [
        ['a', ' 1\r\n\t2'],
        ['b', ''],
      ],
      0,
    ],
    ['an empty line ends the header', 'a: 1\r\n\r\nb: 2\r\n', [['a', ' 1']], 0],
    ['so does a bare empty line', 'a: 1\n\nb: 2\n', [['a', ' 1']], 0],
    ['a blank before the colon is obsolete, no more', 'a : 1\r\n', [['a', ' 1']], 0],
    ['a line that is no field is skipped with its folds', 'From x y\r\n z\r\na: 1\r\n', [['a', ' 1']], 1],
    ['and be it one octet long', 'x\n y\na: 1\n', [['a', ' 1']], 1],
    ['or begin with CR', '\rx\r\n y\r\na: 1\r\n', [['a', ' 1']], 1],
    ['a first line that begins with a blank, too', ' a: 1\r\nb: 2\r\n', [['b', ' 2']], 1],
    ['or with a tab', '\ta: 1\r\nb: 2\r\n', [['b', ' 2']], 1],
    ['a value may hold colons', 'a: b: c\r\n', [['a', ' b: c']], 0],
    ['the last line may lack its end', 'a: 1', [['a', ' 1']], 0],
    ['an empty header has none', '', [], 0],
    ['a body line below the empty one is no fold of it', '\r\n a: 1\r\n', [], 0],
    ['nor a field', '\na: 1\n', [], 0],
  ]
  for (const [what, header, fields, skipped] of cases)
    it(what, () => expect(parseHeader(Buffer.from(header, 'latin1'))).to.deep.equal({ fields, skipped }))

  it('lines without a colon, however many, are read in time that grows with their number', () =>
    growsEvenly(800_000, (count) => expect(parseHeader(Buffer.from('a\n'.repeat(count))).skipped).to.equal(count)))

  it('unfolding takes out line ends and nothing else', () =>
    expect(unfold(' one\r\n  two\r\n\tthree \r\n')).to.equal('one  two\tthree'))
  it('outer blanks are no part of a value', () => expect(unfold('\t one\ttwo \t\r')).to.equal('one\ttwo'))
  it('the last byte of à is no blank', () => expect(unfold(` ${latin1('voilà')} `)).to.equal(latin1('voilà')))
})

describe('mail/header: its end', () => {
  for (const header of ['a: 1\r\n\r\n', 'a: 1\n\n', 'a: 1\n\r\n', 'a: 1\r\n b\r\n\r\n', '\r\n', '\n'])
    it(`${JSON.stringify(header)} ends where the walk ends it`, () => {
      const message = Buffer.from(`${header}x\r\n\r\ny`)
      expect([headerEnd(message), parse(message).headerSize]).to.deep.equal([header.length, header.length])
    })
  for (const start of ['', 'a: 1\r\n', 'a: 1\r\n\r', 'a: 1\r\n \r\n'])
    it(`${JSON.stringify(start)} has not ended`, () => expect(headerEnd(Buffer.from(start))).to.equal(undefined))
})

describe('mail/address-list', () => {
  type Item = [name: string | null, route: string | null, local: string | null, host: string | null]
  const cases: [what: string, value: string, ...items: Item[]][] = [
    ['an address alone', 'anna@a.test', [null, null, 'anna', 'a.test']],
    ['a name before it', 'Anna B. Example <anna@a.test>', ['Anna B. Example', null, 'anna', 'a.test']],
    [
      'a quoted name loses its quotes',
      '"Example, Anna \\"A\\"" <anna@a.test>',
      ['Example, Anna "A"', null, 'anna', 'a.test'],
    ],
    ['a comment stands in for the name', 'anna@a.test (Anna (A))', ['Anna (A)', null, 'anna', 'a.test']],
    ['but not where there is one', 'Anna <anna@a.test> (work)', ['Anna', null, 'anna', 'a.test']],
    [
      'a comment belongs to its own item',
      'a@a.test (A), b@b.test',
      ['A', null, 'a', 'a.test'],
      [null, null, 'b', 'b.test'],
    ],
    ['an encoded word stays encoded', '=?utf-8?q?=C3=84?= <a@a.test>', ['=?utf-8?q?=C3=84?=', null, 'a', 'a.test']],
    ['a quoted local part loses its quotes', '"a b"@a.test', [null, null, 'a b', 'a.test']],
    ['a route is kept apart', '<@r.test, @s.test:a@a.test>', [null, '@r.test,@s.test', 'a', 'a.test']],
    ['which alone is nobody’s address', '<@a.test>', [null, null, 'MISSING_MAILBOX', 'a.test']],
    ['a bracket may be missing', '<a@a.test, b@b.test', [null, null, 'a', 'a.test'], [null, null, 'b', 'b.test']],
    [
      'a comma in what follows an address ends nothing',
      'a@a.test "x, y", Bea <b@b.test> (x, y), c@c.test',
      [null, null, 'a', 'a.test'],
      ['Bea', null, 'b', 'b.test'],
      [null, null, 'c', 'c.test'],
    ],
    [
      'nor is what follows the bracket, or the host in it, another',
      'Anna <a@a.test> x y, <b@b.test x y>, c@c.test',
      ['Anna', null, 'a', 'a.test'],
      [null, null, 'b', 'b.test'],
      [null, null, 'c', 'c.test'],
    ],
    ['a blank may stand behind the bracket', '< a@a.test >', [null, null, 'a', 'a.test']],
    [
      'a bracket in a comment may be escaped',
      'a@a.test (x \\) y), b@b.test',
      ['x ) y', null, 'a', 'a.test'],
      [null, null, 'b', 'b.test'],
    ],
    ['words that touch are one', '"a".b@a.test', [null, null, 'a.b', 'a.test']],
    [
      'a semicolon outside of groups is a comma',
      'a@a.test; b@b.test',
      [null, null, 'a', 'a.test'],
      [null, null, 'b', 'b.test'],
    ],
    ['a stray bracket is nobody', 'a@a.test, )', [null, null, 'a', 'a.test']],
    ['an IPv6 literal keeps its colons', 'a@[IPv6:2001:db8::1]', [null, null, 'a', '[IPv6:2001:db8::1]']],
    ['a domain literal keeps its brackets', 'a@[192.0.2.1]', [null, null, 'a', '[192.0.2.1]']],
    [
      'a group has a beginning and an end',
      'G: a@a.test, b@b.test;, c@c.test',
      [null, null, 'G', null],
      [null, null, 'a', 'a.test'],
      [null, null, 'b', 'b.test'],
      [null, null, null, null],
      [null, null, 'c', 'c.test'],
    ],
    [
      'an empty group, too',
      'undisclosed-recipients:;',
      [null, null, 'undisclosed-recipients', null],
      [null, null, null, null],
    ],
    [
      'a group left open ends with the field',
      'G: a@a.test',
      [null, null, 'G', null],
      [null, null, 'a', 'a.test'],
      [null, null, null, null],
    ],
    [
      'what is missing is named',
      'anna, @a.test, <>',
      [null, null, 'anna', 'MISSING_DOMAIN'],
      [null, null, 'MISSING_MAILBOX', 'a.test'],
      [null, null, 'MISSING_MAILBOX', 'MISSING_DOMAIN'],
    ],
    ['a comment alone is nobody', 'a@a.test, (x) ', [null, null, 'a', 'a.test']],
    ['empty items are none', ' , ,a@a.test,, ', [null, null, 'a', 'a.test']],
    ['blanks around dots and at are obsolete, no more', 'a . b @ a . test', [null, null, 'a . b', 'a.test']],
    ['a comma was forgotten: no domain is made of two words', 'a@a.test b@b.test', [null, null, 'a', 'a.test']],
    ['an empty value has none', ''],
  ]
  for (const [what, value, ...items] of cases)
    it(what, () =>
      expect(parseAddresses(value)).to.deep.equal(
        items.map(([name, route, local, host]) => ({ name, route, local, host })),
      ),
    )
})

describe('mail/param', () => {
  const cases: [what: string, text: string, value: string, ...params: Param[]][] = [
    ['a value alone', 'text/plain', 'text/plain'],
    ['tokens and quoted strings', 'a/b; x=1; y="2; \\"3\\""', 'a/b', ['x', '1'], ['y', '2; "3"']],
    ['comments are passed over', 'a/b (see (here)); x=1 (one)', 'a/b', ['x', '1']],
    ['a bracket that is escaped closes none', 'a/b (see \\) here); x=1', 'a/b', ['x', '1']],
    ['one that is never closed opens none', 'a/b; x=1 (one; y=2', 'a/b', ['x', '1 (one'], ['y', '2']],
    ['brackets in a word or in quotes are text', 'a/b; n=x(1).c; m="\\" (2)"', 'a/b', ['n', 'x(1).c'], ['m', '" (2)']],
    ['continuations are joined in their order', 'a/b; n*1=b; n*0="a "; n*2=c', 'a/b', ['n', 'a bc']],
    [
      'beyond ten of them',
      `a/b${Array.from({ length: 12 }, (_, i) => `; n*${i}=${i}`).join('')}`,
      'a/b',
      ['n', '01234567891011'],
    ],
    ['encoded pieces keep the star', 'a/b; n*0*=utf-8\'\'%C3%A4; n*1=" b"', 'a/b', ['n*', "utf-8''%C3%A4%20b"]],
    ['a single encoded one stays as it is', "a/b; n*=utf-8''%C3%A4", 'a/b', ['n*', "utf-8''%C3%A4"]],
    ['quotes left open end with the field', 'a/b; n="x y', 'a/b', ['n', 'x y']],
    ['blanks without quotes are kept', 'a/b; n=x y; m=1', 'a/b', ['n', 'x y'], ['m', '1']],
    ['rubbish between semicolons is left out', 'a/b; ;=; x; ; y=1;', 'a/b', ['y', '1']],
  ]
  for (const [what, text, value, ...params] of cases)
    it(what, () => expect(parseParams(text)).to.deep.equal({ value, params }))
})

describe('mail/words', () => {
  const cases: [what: string, value: string, text: string][] = [
    ['plain text is itself', 'Hello', 'Hello'],
    ['Q', '=?iso-8859-1?Q?Gr=FC=DFe_an?= alle', 'Grüße an alle'],
    ['B', '=?UTF-8?B?R3LDvMOfZQ==?=', 'Grüße'],
    ['blanks between two words are not shown', '=?utf-8?q?a?= \t =?utf-8?q?b?= c', 'ab c'],
    ['what else stands between them is', '=?utf-8?q?a?= and =?utf-8?q?b?=', 'a and b'],
    ['a character cut in two is mended', '=?utf-8?q?=C3?= =?utf-8?q?=A4?=', 'ä'],
    ['two charsets side by side', '=?utf-8?q?=C3=A4?= =?iso-8859-1?q?=E4?=', 'ää'],
    ['a language is passed over', '=?utf-8*de?q?=C3=A4?=', 'ä'],
    ['Japanese', '=?iso-2022-jp?B?GyRCJDMkcyRLJEEkTxsoQg==?=', 'こんにちは'],
    ['Cyrillic', '=?koi8-r?Q?=F0=D2=C9?=', 'При'],
    ['raw UTF-8', latin1('Grüße'), 'Grüße'],
    ['raw bytes that are not UTF-8', 'Gr\xfc\xdfe', 'Grüße'],
    ['an unknown charset whose bytes are UTF-8', '=?x-none?q?=C3=A4?=', 'ä'],
    ['an unknown encoding is shown as it is', '=?utf-8?z?a?=', '=?utf-8?z?a?='],
    ['a word without end is shown as it is', '=?utf-8?q?a', '=?utf-8?q?a'],
  ]
  for (const [what, value, text] of cases) it(what, () => expect(decodeText(value)).to.equal(text))

  it('what is encoded is decoded the same, in words of 75 characters at most', () => {
    for (const text of ['plain', 'Grüße', '😀'.repeat(60), '=?utf-8?q?tricky?=', `x${'ä'.repeat(100)}`, '']) {
      const encoded = encodeText(text)
      expect(decodeText(unfold(encoded))).to.equal(text)
      if (encoded !== text) for (const word of encoded.split('\r\n ')) expect(word.length).to.be.at.most(75)
    }
  })
  it('bytes of any charset become text', () => expect(decodeBytes(Buffer.from([0xa4]), 'iso-8859-15')).to.equal('€'))
})

describe('mail/date', () => {
  const at = Date.UTC(2003, 6, 1, 8, 52, 37)
  const cases: [what: string, value: string, at: number | null][] = [
    ['as RFC 5322 has it', 'Tue, 1 Jul 2003 10:52:37 +0200', at],
    ['without weekday', '1 Jul 2003 08:52:37 +0000', at],
    ['with comments', 'Tue (day), 1 Jul 2003 10:52:37 +0200 (CEST)', at],
    ['without seconds', 'Tue, 1 Jul 2003 08:52 GMT', at - 37_000],
    ['an obsolete zone', 'Tue, 1 Jul 03 04:52:37 EDT', at],
    ['a military zone says nothing', 'Tue, 1 Jul 2003 08:52:37 Z', at],
    ['two digits of the last century', '1 Jul 99 00:00 +0000', Date.UTC(1999, 6, 1)],
    ['from 50 on', '1 Jul 50 00:00 +0000', Date.UTC(1950, 6, 1)],
    ['and of this one below', '1 Jul 49 00:00 +0000', Date.UTC(2049, 6, 1)],
    ['three digits since 1900', '1 Jul 103 08:52:37 +0000', at],
    ['west of Greenwich by half an hour', '1 Jul 2003 05:22:37 -0330', at],
    ['without a time', '1 Jul 2003', Date.UTC(2003, 6, 1)],
    ['no year, but a time', '1 Jul 10:52', null],
    ['behind comments in comments', '(not (yet) 1 Jan 2001 00:00 (b)) 1 Jul 2003 08:52:37 Z', at],
    ['a month that is none', '1 Foo 2003 08:52:37 +0000', null],
    ['no date', 'yesterday', null],
    ['nothing', '', null],
  ]
  for (const [what, value, expected] of cases) it(what, () => expect(parseDate(value)).to.equal(expected))
  const days: [value: string, day: number | undefined][] = [
    ['Tue, 1 Jul 2003 23:52:37 -0800', Date.UTC(2003, 6, 1)],
    ['1 Jul 03 00:10 +0200', Date.UTC(2003, 6, 1)],
    ['1 (c) Jul 2003 10:00 GMT', Date.UTC(2003, 6, 1)],
    ['(1 Feb 2001 00:00) 1 Jul 2003 10:00 GMT', Date.UTC(2003, 6, 1)],
    ['1 Jul 2003', Date.UTC(2003, 6, 1)],
    ['yesterday', undefined],
  ]
  for (const [value, day] of days)
    it(`the day that ${value} names in its own zone`, () =>
      expect(headerFacts(Buffer.from(`Date: ${value}\r\n\r\n`)).sentDay).to.equal(day))
  it('a fold is a blank to SEARCH, whatever it was made of', () => {
    const header = 'Subject: lunch\r\n\tat  one\r\n  =?utf-8?q?=C3=A0?=\r\n\t=?utf-8?q?_deux?=\r\n\r\n'
    expect(headerFacts(Buffer.from(header)).fields[0]?.value).to.equal('lunch at one à deux')
  })

  const names: [written: string, read: string][] = [
    ["attachment; filename*=utf-8''na%C3%AFve.txt", '; filename=naïve.txt'],
    ["attachment; filename*=iso-8859-1'en'na%EFve.txt", '; filename=naïve.txt'],
    [
      "attachment;\r\n filename*0*=utf-8''Gr%C3%BC;\r\n filename*1*=%C3%9Fe;\r\n filename*2=.pdf",
      '; filename=grüße.pdf',
    ],
    ['attachment; size=1; filename*0="yearly "; filename*1="report.pdf"', '; filename=yearly report.pdf'],
    ['attachment; filename*=nonsense%zz', '; filename*=nonsense%zz'],
    ['attachment; filename=plain.txt', 'attachment; filename=plain.txt'],
  ]
  for (const [written, read] of names)
    it(`a search looks into ${JSON.stringify(read)}`, () => {
      const header = Buffer.from(`Content-Disposition: ${written}\r\n\r\n`)
      const [field] = headerFacts(header).fields
      expect(field?.value).to.satisfy((value: string) => value.startsWith('attachment') && value.endsWith(read))
      expect(headerText(header).toLowerCase()).to.include(read)
    })
  it('of two dates SEARCH reads the one that SORT and ENVELOPE do', () => {
    const header = 'Date: 1 Jul 2003 10:00:00 +0000\r\nDate: 2 Jul 2003 10:00:00 +0000\r\n\r\n'
    expect(headerFacts(Buffer.from(header)).sentDay).to.equal(Date.UTC(2003, 6, 2))
    expect(parse(header).date).to.equal(Date.UTC(2003, 6, 2, 10))
  })
  it('what is written is read the same, and is UTC', () => {
    expect(formatDate(at)).to.equal('Tue, 01 Jul 2003 08:52:37 +0000')
    expect(parseDate(formatDate(at))).to.equal(at)
  })
})
