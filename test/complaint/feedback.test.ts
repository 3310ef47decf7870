import { expect } from 'chai'
import fc from 'fast-check'
import { feedbackReport } from '../../src/complaint/arf.ts'
import { type Feedback, type Flaw, feedbackPieces, readFeedback } from '../../src/complaint/feedback.ts'
import { growsEvenly } from '../fixture/growth.ts'
import { parse } from '../store/home.ts'

const envelope = '0123456789abcdef0123456789abcdef'
const original = [
  'Return-Path: <mal@m.test>',
  `Vouchsafe-Path: id=${envelope};`,
  ' aaaa 2026-01-01T00:00:00.000Z',
  'From: <mal@m.test>',
  'Message-ID: <1@m.test>',
  'Subject: Buy',
]
type Change = { type?: string; fields?: string[]; third?: string; original?: string[]; top?: string }

const report = ({
  type = 'message/feedback-report',
  fields,
  third = 'message/rfc822',
  original: about,
  top,
}: Change = {}): Buffer =>
  Buffer.from(
    [
      'From: <ann@a.test>',
      'To: <abuse@a.test>',
      'Subject: Abuse',
      'MIME-Version: 1.0',
      top ?? 'Content-Type: multipart/report; report-type=feedback-report; boundary="b"',
      '',
      '--b',
      'Content-Type: text/plain',
      '',
      'This is spam.',
      '--b',
      `Content-Type: ${type}`,
      '',
      ...(fields ?? ['Feedback-Type: abuse', 'User-Agent: Client/1', 'Version: 1']),
      '',
      '--b',
      `Content-Type: ${third}`,
      '',
      ...(about ?? original),
      '',
      'Buy, buy.',
      '--b--',
      '',
    ].join('\r\n'),
  )

const read = (bytes: Buffer): Feedback | Flaw => {
  const pieces = feedbackPieces(parse(bytes).root)
  if (typeof pieces === 'string') return pieces
  const { fields, original } = pieces
  return readFeedback(pieces, bytes.subarray(fields.start, fields.end), bytes.subarray(original.start, original.end))
}

describe('feedback reports (ARF)', () => {
  const full: Feedback = { verdict: 'abuse', envelopes: [envelope], messageId: '<1@m.test>' }
  const kind = (name: string) => [`Feedback-Type: ${name}`, 'User-Agent: x', 'Version: 1']
  const cases: [what: string, change: Change, read: Partial<Feedback> | Flaw][] = [
    ['RFC 5965: a report about a whole message', {}, full],
    ['or about its header alone', { third: 'text/rfc822-headers' }, full],
    ['which may be an internationalized one', { third: 'message/global-headers' }, full],
    [
      'in base64, too',
      {
        third: 'text/rfc822-headers\r\nContent-Transfer-Encoding: base64',
        original: [Buffer.from(original.join('\r\n')).toString('base64')],
      },
      full,
    ],
    ['fraud', { fields: kind('Fraud') }, { ...full, verdict: 'fraud' }],
    ['virus', { fields: kind('virus') }, { ...full, verdict: 'virus' }],
    ['not-spam takes back', { fields: kind('not-spam') }, { ...full, verdict: 'not-spam' }],
    ['a kind nobody knows is another', { fields: kind('boredom') }, { ...full, verdict: 'other' }],
    ['an opt-out is no complaint', { fields: kind('opt-out') }, 'other-kind'],
    ['nor is a failed authentication', { fields: kind('auth-failure') }, 'other-kind'],
    ['without its trace fields the Message-ID is left', { original: original.slice(3) }, { ...full, envelopes: [] }],
    [
      'a forged path below ours counts for nothing',
      { original: [...original, `Vouchsafe-Path: id=${'f'.repeat(32)}`] },
      full,
    ],
    [
      'a path that is none is passed over',
      { original: ['Vouchsafe-Path: id=zz', ...original.slice(3)] },
      { ...full, envelopes: [] },
    ],
    [
      'the report may name the envelope',
      { original: original.slice(3), fields: [...kind('abuse'), `Original-Envelope-Id: ${envelope}`] },
      full,
    ],
    [
      'of the envelopes it names four are looked for',
      {
        fields: [...kind('abuse'), ...['1', '2', '3', '4'].map((digit) => `Original-Envelope-Id: ${digit.repeat(32)}`)],
      },
      { ...full, envelopes: [envelope, ...['1', '2', '3'].map((digit) => digit.repeat(32))] },
    ],
    [
      'a message in an encoding that it can not have is read as it stands',
      { third: 'message/rfc822\r\nContent-Transfer-Encoding: base64' },
      full,
    ],
    ['what names no message at all', { original: ['Subject: Buy'] }, 'no-original'],
    ['an empty header', { original: [] }, 'no-original'],
    ['a third part that is no message', { third: 'image/png' }, 'no-original'],
    ['no Feedback-Type', { fields: ['Version: 1'] }, 'no-type'],
    ['two of them', { fields: ['Feedback-Type: abuse', 'Feedback-Type: fraud'] }, 'no-type'],
    ['another version', { fields: ['Feedback-Type: abuse', 'Version: 2'] }, 'version'],
    ['no version is taken for 1', { fields: ['Feedback-Type: abuse'] }, full],
    ['a second part of another type', { type: 'text/plain' }, 'no-type'],
    [
      'a delivery report',
      { top: 'Content-Type: multipart/report; report-type=delivery-status; boundary="b"' },
      'not-a-report',
    ],
    ['any other letter', { top: 'Content-Type: text/plain' }, 'not-a-report'],
  ]
  for (const [what, change, expected] of cases) it(what, () => expect(read(report(change))).to.deep.equal(expected))

  it('what is missing at its end is missing, and nothing throws', () => {
    const whole = report()
    for (let cut = 0; cut < whole.length; cut++) {
      const found = read(whole.subarray(0, cut))
      if (typeof found !== 'string') expect(found.verdict).to.equal('abuse')
    }
  })

  it('whatever stands in the fields, it is read as a report or named as a flaw', () => {
    const line = fc.oneof(
      fc.constantFrom(
        'Feedback-Type: abuse',
        'Version: 1',
        'Feedback-Type:',
        ': x',
        ' fold',
        '',
        'Original-Envelope-Id: x',
      ),
      fc.string(),
    )
    const lines = fc.array(line, { maxLength: 8 })
    fc.assert(
      fc.property(
        lines,
        lines,
        fc.constantFrom('message/rfc822', 'text/rfc822-headers', 'text/plain'),
        (fields, about, third) => {
          const found = read(report({ fields, original: about, third }))
          if (typeof found === 'string') return
          expect(found.envelopes.every((one) => /^[0-9a-f]{32}$/.test(one))).to.equal(true)
          expect(found.envelopes.length > 0 || (found.messageId ?? '') !== '').to.equal(true)
          expect(found.envelopes.length).to.be.below(5)
          expect(found.messageId ?? '').not.to.match(/\p{Cc}/u)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('of a part more than 64 KiB is not read', () => {
    const pieces = feedbackPieces(parse(report({ original: [...original, `Subject: ${'x'.repeat(70_000)}`] })).root)
    if (typeof pieces === 'string') return expect.fail(pieces)
    expect(pieces.original.end - pieces.original.start).to.equal(64 * 1024)
  })

  it('one field many times over is read in time that grows with their number', () =>
    growsEvenly(13_000, (count) => {
      const many = new Array(count).fill('a:')
      expect(read(report({ fields: ['Feedback-Type: abuse', ...many], original: many }))).to.equal('no-original')
    }))

  it('whatever the bytes, nothing throws', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400, size: 'max' }), fc.nat(600), (noise, at) => {
        const bytes = report()
        const place = at % bytes.length
        read(Buffer.concat([bytes.subarray(0, place), noise, bytes.subarray(place)]))
      }),
    ))
})

describe('a complaint as ARF, to the owner', () => {
  const reproach = { key: `agent/${envelope}`, reason: 'fraud', at: 1_800_000_000_000, messageId: '<1@a.test>' }
  const about = {
    to: 'postmaster@a.test',
    gateway: 'a.test',
    about: 'mal@a.test',
    level: 'warned',
    count: 1,
    reproach,
    now: 1_800_000_000_001,
  }

  it('is read as what it says, by the reader for what comes in', () =>
    expect(read(feedbackReport(about))).to.deep.equal({ verdict: 'fraud', envelopes: [], messageId: '<1@a.test>' }))
  it('names the sender here, and nobody else', () => {
    const text = feedbackReport(about).toString()
    expect(text).to.contain('Original-Mail-From: <mal@a.test>')
    expect(text.match(/[\w.]+@[\w.]+/g)?.filter((one) => !/@a\.test\.?$/.test(one))).to.deep.equal([])
  })
  it('its boundary has 70 characters at most (RFC 2046 §5.1.1)', () => {
    const key = `${'a'.repeat(52)}/${envelope}`
    const letter = feedbackReport({ ...about, reproach: { ...reproach, key } })
    const [, boundary = ''] = /boundary="(.*)"/.exec(letter.toString()) ?? []
    expect(boundary.length).to.be.within(1, 70)
    expect(parse(letter).root.children).to.have.lengthOf(3)
  })
  it('stays on its lines, whatever a Message-ID holds', () => {
    const text = feedbackReport({
      ...about,
      reproach: { ...reproach, messageId: '<x>\r\nBcc: <y@b.test>' },
    }).toString()
    expect(text).not.to.match(/^Bcc:/m)
  })
})
