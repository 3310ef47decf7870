import { expect } from 'chai'
import fc from 'fast-check'
import { baseSubject } from '../../src/mail/subject.ts'
import { growsEvenly } from '../fixture/growth.ts'

describe('mail/subject: what a conversation shares', () => {
  const cases: [what: string, subject: string, base: string, isReply: boolean][] = [
    ['a plain one stays', 'Lunch', 'Lunch', false],
    ['a reply', 'Re: Lunch', 'Lunch', true],
    ['in any case, with blanks', 'RE :  Lunch', 'Lunch', true],
    ['replies to replies', 'Re: re: RE: Lunch', 'Lunch', true],
    ['forwarded', 'Fwd: FW: Lunch', 'Lunch', true],
    ['forwarded, the trailer', 'Lunch (fwd)(FWD) ', 'Lunch', true],
    ['forwarded, in brackets', '[Fwd: Lunch]', 'Lunch', true],
    ['brackets within brackets', '[fwd: Re: [fwd: Lunch]]', 'Lunch', true],
    ["a list's tag", '[list] Lunch', 'Lunch', false],
    ['a tag before and behind', '[list] Re[2]: [more] Lunch', 'Lunch', true],
    ["a tag's blank may be any", '[list]\u00a0[more]\u2003Lunch', 'Lunch', false],
    ['also before a prefix', '[list]\u00a0Re: Lunch', 'Lunch', true],
    ['a tag alone is the subject', '[list]', '[list]', false],
    ['of two tags the last stays', '[one] [two]', '[two]', false],
    ['only a reply', 'Re:', '', true],
    ['white space is one blank', ' a\t b\r\n  c ', 'a b c', false],
    ['a word that begins so is no prefix', 'Report: done', 'Report: done', false],
    ['a prefix inside is none', 'About Re: that', 'About Re: that', false],
    ['none', '', '', false],
    ['numbers are no prefix', 'Re-2: x', 'Re-2: x', false],
    ['an open bracket is text', 'Re: [x', '[x', true],
  ]
  for (const [what, subject, base, isReply] of cases)
    it(what, () => expect(baseSubject(subject)).to.deep.equal({ text: base, isReply }))

  const subjects = fc
    .array(
      fc.oneof(
        fc.constantFrom('re', 'Re:', 'fwd:', '[fwd:', ']', '[a]', ' ', '\u00a0', '(fwd)', ':', '['),
        fc.string(),
      ),
    )
    .map((words) => words.join(''))

  it('the base of a base is itself', () =>
    fc.assert(
      fc.property(subjects, (subject) => {
        const { text } = baseSubject(subject)
        expect(baseSubject(text)).to.deep.equal({ text, isReply: false })
      }),
    ))
  it('any reply or forwarding has the same', () =>
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('Re: ', 'fw: ', '[l] re[4]: ', 're: fwd:'), (subject, prefix) => {
        expect(baseSubject(prefix + subject).text).to.equal(baseSubject(subject).text)
      }),
    ))
  it('a thousand tags take time by their number', () =>
    growsEvenly(1000, (count) => {
      for (let i = 0; i < 1000; i++) baseSubject(`${'[]'.repeat(count)}${i}`)
    }))
  for (const rubbish of ['[', '[]', '[a] ', 're[', ' ', '(fwd)', '[fwd:', 're:'])
    it(`rubbish takes time by its length: "${rubbish}"`, () =>
      growsEvenly(100_000, (count) => baseSubject(rubbish.repeat(count))))
})
