import { expect } from 'chai'
import { parseHeader, unfold } from '../../src/mail/header.ts'
import { type Trace, traceHeader } from '../../src/mail/trace.ts'
import { encodeText } from '../../src/mail/words.ts'

const at = Date.UTC(2025, 6, 1, 8, 52)
const overTwoHops: Trace = {
  returnPath: 'anna@a.test',
  by: 'b.test',
  at,
  envelope: '0123456789abcdef0123456789abcdef',
  recipient: 'bert@b.test',
  sender: 'anna@a.test',
  findings: { sealed: true, signed: true, entity: 'entity', known: 'introduced', isAuthor: true },
  path: [
    { agent: 'origin', at: at - 2000, who: 'the gateway of anna@a.test' },
    { agent: 'relay', at: at - 1000, who: '"Bücher (1); \\ \r\nX: y", a neighbour' },
  ],
}
const here: Trace = {
  ...overTwoHops,
  findings: { sealed: false, signed: false, entity: 'entity', known: 'own', isAuthor: false },
  path: [],
}

const fieldsOf = (trace: Trace) =>
  parseHeader(traceHeader(trace)).fields.map(([name, value]) => [name, unfold(value).replace(/\s+/g, ' ')])

describe('mail/trace', () => {
  it('tells who sent it, what was found, which way it came, and when', () =>
    expect(fieldsOf(overTwoHops)).to.deep.equal([
      ['Return-Path', '<anna@a.test>'],
      [
        'Authentication-Results',
        'b.test; vouchsafe-seal=pass; vouchsafe-signature=pass smtp.mailfrom=anna@a.test policy.entity=entity; vouchsafe-author=pass; vouchsafe-path=pass policy.hops=2; vouchsafe-key=pass policy.known=introduced',
      ],
      [
        'Vouchsafe-Path',
        `id=0123456789abcdef0123456789abcdef; origin 2025-07-01T08:51:58.000Z (the gateway of anna@a.test); relay 2025-07-01T08:51:59.000Z (${encodeText('"Bücher 1 X: y", a neighbour')})`,
      ],
      [
        'Received',
        'from relay.vouchsafe.alt by b.test with VOUCHSAFE id 0123456789abcdef0123456789abcdef for <bert@b.test>; Tue, 01 Jul 2025 08:52:00 +0000',
      ],
    ]))

  it('within one gateway nothing was sealed, and nobody learns from where it was submitted', () =>
    expect(fieldsOf(here).slice(1)).to.deep.equal([
      [
        'Authentication-Results',
        'b.test; vouchsafe-seal=none; vouchsafe-signature=none; vouchsafe-author=fail; vouchsafe-path=none; vouchsafe-key=pass policy.known=own',
      ],
      [
        'Received',
        'by b.test with ESMTP id 0123456789abcdef0123456789abcdef for <bert@b.test>; Tue, 01 Jul 2025 08:52:00 +0000',
      ],
    ]))

  it('a key nobody vouched for does not pass', () =>
    expect(traceHeader({ ...here, findings: { ...here.findings, known: 'new' } }).toString()).to.include(
      'vouchsafe-key=policy policy.known=new',
    ))

  it('nor does one that is not the key known for the address', () =>
    expect(traceHeader({ ...here, findings: { ...here.findings, known: 'changed' } }).toString()).to.include(
      'vouchsafe-key=fail policy.known=changed',
    ))

  it('a copy that serves several recipients names none of them', () => {
    const { recipient, ...several } = here
    expect(recipient).to.equal('bert@b.test')
    expect(traceHeader(several).toString()).not.to.include('bert')
  })

  it('a notice has a null return path', () =>
    expect(fieldsOf({ ...here, returnPath: '' })[0]).to.deep.equal(['Return-Path', '<>']))

  it('no value breaks out of its line', () => {
    const evil = 'x\r\nBcc: everybody\r\n\r\nbody; y=z'
    const trace = {
      ...overTwoHops,
      returnPath: evil,
      by: evil,
      sender: evil,
      recipient: evil,
      envelope: evil,
      path: [{ agent: evil, at, who: `${evil}) and out` }],
    }
    const text = traceHeader(trace).toString()
    expect(fieldsOf(trace).map(([name]) => name)).to.deep.equal([
      'Return-Path',
      'Authentication-Results',
      'Vouchsafe-Path',
      'Received',
    ])
    expect(text).not.to.match(/^Bcc/m)
    expect(text).to.include('(x Bcc: everybody body y=z and out)')
  })
})
