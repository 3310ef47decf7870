import { expect } from 'chai'
import { cleanArrived } from '../../src/mail/forged.ts'
import { growsEvenly } from '../fixture/growth.ts'

const header = (...lines: string[]): Buffer => Buffer.from(`${[...lines, ''].join('\r\n')}\r\n`)

describe('mail/forged', () => {
  const honest = ['From: Ann <ann@a.test>, bea@a.test', 'Sender: cora@a.test', 'Subject: x']

  it('leaves an honest header as it is, to the byte', () => {
    const bytes = header(...honest, 'Authentication-Results: other.test; dkim=pass', 'X-Odd:   y ')
    expect(cleanArrived(bytes, ['b.test']).header.equals(bytes)).to.equal(true)
  })

  it('says whom the letter claims to be from', () => {
    expect(cleanArrived(header(...honest), ['b.test']).authors).to.deep.equal([
      'ann@a.test',
      'bea@a.test',
      'cora@a.test',
    ])
  })

  it('whom others found to have sent it is not among them', () => {
    const results = 'Authentication-Results: other.test; auth=pass smtp.mailfrom=eve@e.test'
    expect(cleanArrived(header(results, 'From: ann@a.test'), ['b.test']).authors).to.deep.equal(['ann@a.test'])
  })

  const forged = [
    ['results in our own name', 'Authentication-Results: b.test; vouchsafe-key=pass policy.known=verified'],
    ['in whatever case and fold', 'authentication-results:\r\n  B.TEST;\r\n x=pass'],
    ['behind a comment', 'Authentication-Results: (to (you)) b.test; x=pass'],
    ['in front of one', 'Authentication-Results: b.test(from us); x=pass'],
    ['in quotes', 'Authentication-Results: "b.t\\est"; x=pass'],
    ['with a version', 'Authentication-Results: b.test 1; x=pass'],
    ['a path', 'Vouchsafe-Path: id=1; a 2025'],
    ['a return path', 'Return-Path: <boss@b.test>'],
  ] as const
  for (const [what, line] of forged)
    it(`takes out what only we may say: ${what}`, () => {
      const { header: cleaned } = cleanArrived(header('From: <ann@a.test>', line, 'Subject: x'), ['b.test'])
      expect(cleaned.equals(header('From: <ann@a.test>', 'Subject: x'))).to.equal(true)
    })

  const hostile: [what: string, lines: (count: number) => string[]][] = [
    ['lines that are no fields', (count) => new Array(count).fill('a')],
    ['accents in a name', (count) => [`Authentication-Results: a${'\u0301\u0316'.repeat(count)}; x=pass`]],
  ]
  for (const [what, lines] of hostile)
    it(`${what}, however many, are passed over in time that grows with their number`, () =>
      growsEvenly(80_000, (count) => {
        const bytes = header(...lines(count))
        expect(cleanArrived(bytes, ['b.test']).header.equals(bytes)).to.equal(true)
      }))

  for (const name of [
    'köln.test',
    'KÖLN.test',
    '"xn--kln-sna.test"',
    'xn--kln-SNA.test',
    'ko\u0308ln.test',
    'voilà.test',
  ])
    it(`of a domain beyond ASCII in either form: ${name}`, () => {
      const line = `Authentication-Results: ${name}; vouchsafe-author=pass`
      const { header: cleaned } = cleanArrived(header(line, 'Subject: x'), [
        'köln.test',
        'xn--kln-sna.test',
        'voilà.test',
      ])
      expect(cleaned.equals(header('Subject: x'))).to.equal(true)
    })
})
