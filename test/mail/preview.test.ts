import { expect } from 'chai'
import fc from 'fast-check'
import { previewOf, previewPart } from '../../src/mail/preview.ts'
import { growsEvenly } from '../fixture/growth.ts'
import { letter, parse } from './parse.ts'

const plain = { subtype: 'plain' }
const html = { subtype: 'html' }

describe('previews of messages', () => {
  const cases: [what: string, part: { subtype: string }, text: string, preview: string][] = [
    ['are one line', plain, 'Dear Ann,\r\n\r\n  the  apples\tare ripe.\r\n', 'Dear Ann, the apples are ripe.'],
    ['leave out what is quoted, and the signature', plain, '> Are they?\n>> No\nYes.\n-- \nBob', 'Yes.'],
    [
      'of markup are what is seen',
      html,
      '<html><head><title>x</title><style>p{}</style></head><body><p>Ripe<br>apples &amp; pe&#97;rs</p></body>',
      'Ripe apples & pears',
    ],
    ['of markup cut anywhere have none', html, '<p>Ripe</p><img src="x', 'Ripe'],
    ['know no markup in plain text', plain, 'a <b> c &amp; d', 'a <b> c &amp; d'],
    ['of nothing are empty', plain, '> only\n> quotes', ''],
    ['are whole where there is room', plain, `${'word '.repeat(39)}words`, `${'word '.repeat(39)}words`],
    ['end between words', plain, `${'word '.repeat(50)}end`, 'word '.repeat(40).trim()],
    ['or within a long one', plain, 'x'.repeat(500), 'x'.repeat(200)],
    ['count characters, not units', plain, '🍎'.repeat(300), '🍎'.repeat(200)],
    ['have no soft hyphens nor joiners', plain, 'apple\u00adtree \u200bin\u200dside', 'appletree inside'],
    ['take no surrogate from an entity', html, 'a&#xd800;b&#x110000;', 'ab'],
  ]
  for (const [what, part, text, preview] of cases) it(what, () => expect(previewOf(part, text)).to.equal(preview))
  it('are those of the first text, not of one attached to it', () => {
    const type = 'Content-Type: multipart/mixed; boundary=b'
    const log = ['--b', 'Content-Type: text/plain', 'Content-Disposition: attachment', '', 'log']
    const { root } = parse(letter(type, '', '--b', 'Content-Type: text/html', '', '<p>Hi', ...log, '--b--'))
    expect(previewPart(root)?.subtype).to.equal('html')
  })
  const any = fc.string({ unit: 'binary', maxLength: 600, size: 'max' })
  it('are at most 200 characters of one line, whatever comes', () =>
    fc.assert(
      fc.property(fc.constantFrom(plain, html), any, (part, text) => {
        const preview = previewOf(part, text)
        expect(Array.from(preview).length).to.be.at.most(200)
        expect(preview).to.not.match(/[\r\n\0]/)
      }),
      { numRuns: 30 },
    ))
  for (const each of ['<', '<!--', '<style>', '<a ', '&#'])
    it(`of hostile markup take time by its length: ${each}`, () =>
      growsEvenly(2_000_000 / each.length, (count) => previewOf(html, each.repeat(count))))
})
