import { expect } from 'chai'
import { collated, firstAddress } from '../../src/mail/sort-key.ts'
import { decodeText } from '../../src/mail/words.ts'
import { corpus } from '../fixture/corpus.ts'
import { readBack } from './imap-list.ts'
import { letter, parse } from './parse.ts'

describe('mail/sort-key: what messages are compared by', () => {
  const firsts: [what: string, list: string, mailbox: string, shown: string][] = [
    ['by its name', 'Bob <bob@b.test>', 'bob', 'Bob'],
    ['by its address where it has none', 'bob@b.test', 'bob', 'bob@b.test'],
    ['or a blank one', '" " <bob@b.test>', 'bob', 'bob@b.test'],
    ['decoded', '=?utf-8?Q?J=C3=B6rg?= <j@c.test>', 'j', 'Jörg'],
    ['also as it must not be written', 'J\xc3\xb6rg <j@c.test>', 'j', 'Jörg'],
    ['without quotes and backslashes', '"Lee \\"L\\" \\\\ Ann" <lee@c.test>', 'lee', 'Lee "L" \\ Ann'],
    ['with brackets in it', '"Ann (at home)" <ann@a.test>', 'ann', 'Ann (at home)'],
    ['the first alone', 'bob@b.test, Ann <ann@a.test>', 'bob', 'bob@b.test'],
    ['a group by its name', 'team: mia@c.test, bob@b.test;', 'team', 'team'],
    ['nobody', '', '', ''],
  ]
  for (const [what, list, mailbox, shown] of firsts)
    it(`the first address, ${what}`, () => {
      for (const field of ['From', 'To', 'Cc'] as const) {
        const others = ['From', 'Reply-To', 'To', 'Cc'].filter((each) => each !== field)
        const around = others.map((each) => `${each}: "\\"(" <x@x.test>, \xfc <y@y.test>`)
        const { envelope } = parse(letter('Subject: a "b" \\(c\xe4', ...around, `${field}: ${list}`, '', 'text'))
        const name = field.toLowerCase() as 'from' | 'to' | 'cc'
        expect(firstAddress(envelope, name), field).to.deep.equal({ mailbox, shown })
      }
    })

  it('of whatever message, what its ENVELOPE has there', () => {
    for (const { name, bytes } of corpus) {
      const { envelope } = parse(bytes)
      const items = readBack(envelope) as unknown[]
      for (const [field, place] of [
        ['from', 2],
        ['to', 5],
        ['cc', 6],
      ] as const) {
        const [first] = (items[place] ?? []) as unknown[][]
        expect(firstAddress(envelope, field).mailbox, `${name}: ${field}`).to.equal(decodeText(`${first?.[2] ?? ''}`))
      }
    }
  })

  it('texts: in capitals, with their marks apart', () => {
    expect(collated('straße')).to.equal(collated('STRASSE'))
    expect(collated('Äpfel')).to.equal(collated('A\u0308PFEL'))
    expect(collated('ﬁn')).to.equal(collated('FIN'))
    expect(collated('a') < collated('B')).to.equal(true)
  })
})
