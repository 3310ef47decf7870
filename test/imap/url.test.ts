import { expect } from 'chai'
import fc from 'fast-check'
import { type MessageUrl, parseUrl } from '../../gateway/imap/wire/url.ts'

const cases: [text: string, url: MessageUrl | undefined][] = [
  ['/INBOX/;UID=20', { mailbox: 'INBOX', uid: 20, section: '' }],
  ['/a/b;UIDVALIDITY=385759045/;UID=20', { mailbox: 'a/b', uidValidity: 385759045, uid: 20, section: '' }],
  ['/INBOX/;uid=20/;section=1.2.MIME', { mailbox: 'INBOX', uid: 20, section: '1.2.MIME' }],
  ['/B%C3%B6hm/;UID=1/;SECTION=HEADER', { mailbox: 'Böhm', uid: 1, section: 'HEADER' }],
  [';UID=7/;PARTIAL=0.1024', { uid: 7, section: '', partial: { from: 0, count: 1024 } }],
  [';UID=7/;SECTION=2/;PARTIAL=5', { uid: 7, section: '2', partial: { from: 5, count: 0xffffffff } }],
  ['', undefined],
  ['/INBOX', undefined],
  ['/INBOX/;UID=0', undefined],
  ['/INBOX/;UID=20;EXPIRE=2026-01-01T00:00:00Z;URLAUTH=anonymous', undefined],
  ['imap://b.test/INBOX/;UID=20', undefined],
  ['//b.test/INBOX/;UID=20', undefined],
  ['/%FF/;UID=20', undefined],
  ['/%/;UID=20', undefined],
]

describe('IMAP URLs of messages', () => {
  for (const [text, url] of cases)
    it(`${text || '(nothing)'} is ${url ? JSON.stringify(url) : 'none'}`, () =>
      expect(parseUrl(text)).to.deep.equal(url))

  it('any mailbox and section comes back as it was put in', () => {
    const names = fc.string({ unit: 'grapheme', minLength: 1 }).filter((name) => !name.startsWith('/'))
    const number = fc.integer({ min: 1, max: 0xffffffff })
    fc.assert(
      fc.property(names, names, number, number, (mailbox, section, uid, uidValidity) => {
        const spelled = `/${encodeURIComponent(mailbox)};UIDVALIDITY=${uidValidity}/;UID=${uid}/;SECTION=${encodeURIComponent(section)}`
        expect(parseUrl(spelled)).to.deep.equal({ mailbox, uidValidity, uid, section })
      }),
    )
  })

  it('whatever comes is a URL or none, and takes no time', () => {
    const texts = fc.string({ unit: fc.constantFrom(';', '/', 'UID=', '1', '%', 'A', ';SECTION=', '.', ';PARTIAL=') })
    fc.assert(fc.property(texts, (text) => void parseUrl(text)))
  })
})
