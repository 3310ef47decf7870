import { expect } from 'chai'
import { idIn, idsIn, normalId } from '../../src/mail/message-id.ts'
import { growsEvenly } from '../fixture/growth.ts'

describe('Message-IDs', () => {
  const cases: [field: string, ids: string[]][] = [
    ['<a@x> <b@y>', ['<a@x>', '<b@y>']],
    ['(a comment) <a@x>', ['<a@x>']],
    ['<"a b"@x>', ['<"a b"@x>']],
    ['< a@x >', ['< a@x >']],
    ['<x"y@z> <q@r>', ['<x"y@z>', '<q@r>']],
    ['<a@x', []],
    ['none', []],
  ]
  for (const [field, ids] of cases) it(`${field} has ${ids.length}`, () => expect(idsIn(field)).to.deep.equal(ids))

  it('are no longer than a line, and neither is what else stands there', () => {
    const long = 'x'.repeat(100_000)
    expect(idsIn(`<${long}> <a@x>`).map(({ length }) => length)).to.deep.equal([998, 5])
    expect([idIn(`<${long}>`), idIn(long)].map((id) => id?.length)).to.deep.equal([998, 998])
  })

  it('are compared without quotes that say nothing, and without blanks around them', () =>
    expect(['<"abc"@x>', '< abc@x >', '<"a\\bc"@x>', '<abc@x>'].map(normalId)).to.deep.equal(
      new Array(4).fill('<abc@x>'),
    ))

  for (const end of ['', '\\', '>'])
    it(`are compared in time that grows with their length, though a quote is never closed: "${end}" at the end`, () =>
      growsEvenly(100_000, (count) => normalId(`<${'"\\'.repeat(count)}${end}`)))
})
