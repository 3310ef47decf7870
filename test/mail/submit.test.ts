import { expect } from 'chai'
import fc from 'fast-check'
import { editSubmission } from '../../src/mail/submit.ts'
import { corpus } from '../fixture/corpus.ts'
import { letter, parse } from './parse.ts'

const now = Date.UTC(2025, 6, 1, 8, 52)
const edit = (header: string) => {
  const edited = editSubmission(Buffer.from(header, 'latin1'), { now, messageIdDomain: 'a.test', makeId: () => 'made' })
  return { ...edited, header: edited.header.toString('latin1') }
}

const DATE = 'Date: Tue, 01 Jul 2025 08:52:00 +0000'
const ID = 'Message-ID: <made@a.test>'
const OWN = ['From: Anna <anna@a.test>', 'Date: Mon, 30 Jun 2025 12:00:00 +0200', 'Message-ID: <own@a.test>']

describe('mail/submit', () => {
  const cases: [what: string, before: string[], after: string[]][] = [
    [
      'a complete header is left as it is',
      [...OWN, 'Subject:  odd  spacing ', ' folded', 'X-y:z', ''],
      [...OWN, 'Subject:  odd  spacing ', ' folded', 'X-y:z', ''],
    ],
    ['Date and Message-ID are added above all else', ['From: a@a.test', ''], [DATE, ID, 'From: a@a.test', '']],
    ['and stand in for empty ones', ['Date: ', 'From: a@a.test', 'message-id:', ''], [DATE, ID, 'From: a@a.test', '']],
    [
      'Bcc goes with its folds, however often and however spelled',
      ['Bcc: x@x.test,', '\ty@y.test', ...OWN, 'BCC : z@z.test', 'resent-bcc: r@r.test', 'To: b@b.test', ''],
      [...OWN, 'To: b@b.test', ''],
    ],
    [
      'forged trace fields go',
      ['Return-Path: <x@x.test>', 'Authentication-Results: a.test;', ' dkim=pass', 'Vouchsafe-Path: x', ...OWN, ''],
      [...OWN, ''],
    ],
    [
      'fields that only look like them stay',
      ['X-Bcc: x', 'Return-Path-Not: y', ...OWN, ''],
      ['X-Bcc: x', 'Return-Path-Not: y', ...OWN, ''],
    ],
    [
      'signatures and lists stay',
      ['DKIM-Signature: v=1;', ' b=abc', ...OWN, 'List-Id: <l.a.test>', ''],
      ['DKIM-Signature: v=1;', ' b=abc', ...OWN, 'List-Id: <l.a.test>', ''],
    ],
    [
      'Received fields become one that counts them',
      ['Received: from [192.0.2.1] by x;', ' Tue, 1 Jul 2025 00:00:00 +0000', 'Received: by y; x', ...OWN, ''],
      ['Received: by a.test (2 earlier hops left out); Tue, 01 Jul 2025 08:52:00 +0000', ...OWN, ''],
    ],
    [
      'which counts on when it comes round again',
      ['Received: by a.test (2 earlier hops left out); Tue, 01 Jul 2025 08:52:00 +0000', 'Received: by z', ...OWN, ''],
      ['Received: by a.test (4 earlier hops left out); Tue, 01 Jul 2025 08:52:00 +0000', ...OWN, ''],
    ],
    ['a line that is no field stays', ['rubbish', ...OWN, ''], ['rubbish', ...OWN, '']],
    [
      'nothing is added above a stray fold',
      [' stray', 'From: a@a.test', 'Bcc: x', ''],
      [' stray', DATE, ID, 'From: a@a.test', ''],
    ],
    ['what looks like a field below the empty line is body', [...OWN, '', 'Bcc: x'], [...OWN, '', 'Bcc: x']],
    ['no header at all gains one', [''], [DATE, ID, '']],
  ]
  for (const [what, before, after] of cases)
    it(what, () => expect(edit(letter(...before)).header).to.equal(letter(...after)))

  it('bare line ends stay bare', () =>
    expect(edit(`${OWN.join('\n')}\nBcc: x\nTo: y\n\n`).header).to.equal(`${OWN.join('\n')}\nTo: y\n\n`))
  it('a header without end gains no end', () =>
    expect(edit('From: a@a.test').header).to.equal(`${DATE}\r\n${ID}\r\nFrom: a@a.test`))

  it('tells id, subject and authors', () => {
    const { messageId, subject, authors } = edit(
      letter(
        ...OWN,
        'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=',
        'From: G: b@b.test, "C" <c@c.test>;',
        'Sender: d@d.test',
        '',
      ),
    )
    expect({ messageId, subject, authors }).to.deep.equal({
      messageId: '<own@a.test>',
      subject: 'Grüße',
      authors: ['anna@a.test', 'b@b.test', 'c@c.test', 'd@d.test'],
    })
  })
  it('a sender address may be in UTF-8', () =>
    expect(edit(Buffer.from('From: Jürgen <jürgen@bücher.test>\r\n\r\n').toString('latin1')).authors).to.deep.equal([
      'jürgen@bücher.test',
    ]))

  it('so may a Message-ID, and it is the one of a notice about the letter', () => {
    const header = Buffer.from('Message-ID: <grüße@bücher.test>\r\n\r\n')
    const { messageId } = edit(header.toString('latin1'))
    expect(messageId).to.equal('<grüße@bücher.test>')
    const bytes = Buffer.from(`In-Reply-To: ${messageId}\r\nReferences: ${messageId}\r\n\r\n`)
    const { inReplyTo, references } = parse(bytes)
    expect([inReplyTo, references, parse(header).messageId]).to.deep.equal([messageId, [messageId], messageId])
  })

  it('of a Message-ID that fills a header no more is told than a line holds', () => {
    const { header, messageId } = edit(letter(`Message-ID: <${'ü'.repeat(100_000)}@a.test>`, ''))
    expect([messageId.length, header.length > 100_000]).to.deep.equal([998, true])
  })

  const received = (count: number): string[] => Array<string>(count).fill('Received: by x; y')
  it('50 gateways are a long way', () => expect(edit(letter(...received(50), ...OWN, '')).loops).to.equal(false))
  it('51 are a circle', () => expect(edit(letter(...received(51), ...OWN, '')).loops).to.equal(true))
  it('so are 40 left out and 11 more', () =>
    expect(edit(letter('Received: by x (40 earlier hops left out); y', ...received(10), ...OWN, '')).loops).to.equal(
      true,
    ))

  it('editing twice is editing once', () => {
    for (const { bytes } of corpus) {
      const { headerSize } = parse(bytes)
      const once = edit(bytes.subarray(0, headerSize).toString('latin1'))
      const twice = edit(once.header)
      if (!once.header.includes('earlier hops')) expect(twice).to.deep.equal({ ...once, loops: false })
    }
  })

  it('takes out whole lines and puts in lines above, nothing else', () => {
    const line = fc.constantFrom(
      'Bcc: x',
      ' fold',
      'From: a@a.test',
      'Received: by x',
      'rubbish',
      'X:',
      'Subject: \xe4',
      'Return-Path:',
      'Date: x',
    )
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12, size: 'max' }), fc.constantFrom('\r\n', '\n'), (lines, end) => {
        const before = lines.map((each) => each + end)
        const after = edit(before.join('') + end).header.split(/(?<=\n)/)
        const kept = after.filter((each) => !/^(Date: Tue|Message-ID: <made|Received: by a\.test)/.test(each))
        let at = 0
        for (const each of kept.slice(0, -1)) {
          at = before.indexOf(each, at) + 1
          expect(at, each).to.be.above(0)
        }
        expect(kept.at(-1)).to.equal(end)
        expect(kept.some((each) => /^(bcc|received|return-path)/i.test(each))).to.equal(false)
      }),
    )
  })
})
