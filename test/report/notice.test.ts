import { expect } from 'chai'
import { type ParsedMail, simpleParser } from 'mailparser'
import { section } from '../../src/mail/section.ts'
import { type NoticeAbout, notice, wholeGoesTo } from '../../src/report/notice.ts'
import { parse } from '../mail/parse.ts'

const at = Date.UTC(2025, 6, 1, 8, 52)
const header = Buffer.from(
  'From: Anna <anna@a.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <own@a.test>\r\n\r\n',
)

const failed: NoticeAbout = {
  kind: 'failed',
  to: 'anna@a.test',
  gateway: 'a.test',
  now: at + 60_000,
  original: { messageId: '<own@a.test>', subject: 'Grüße', header, arrived: at },
  recipients: [
    {
      address: 'bert@b.test',
      orcpt: 'rfc822;albert@b.test',
      status: '5.1.1',
      reason: 'There is no such mailbox at that gateway.',
      advice: 'Check the spelling of bert@b.test, or ask the person for their present address.',
    },
  ],
  trail: [
    { text: 'this gateway (a.test) accepted it from your mail program', at },
    { text: 'r.test took custody of it and signed for it', at: at + 1000 },
    { text: 'b.test refused it (mailbox-missing)', at: at + 2000 },
  ],
  ret: 'HDRS',
  envid: 'QQ314159',
  makeId: () => 'failed.0123',
}
const delayed: NoticeAbout = {
  ...failed,
  kind: 'delayed',
  recipients: failed.recipients.map((one) => ({ ...one, status: '4.4.7', until: at + 432_000_000 })),
}
const delivered: NoticeAbout = {
  ...failed,
  kind: 'delivered',
  recipients: failed.recipients.map((one) => ({ ...one, status: '2.0.0' })),
}

/** The content of its n-th part, from 1. */
const part = (letter: Buffer, number: number): string => {
  const range = section(parse(letter).root, [number], '')
  return letter.subarray(range?.start, range?.end).toString()
}
const types = (letter: Buffer): string[] => parse(letter).root.children.map(({ type, subtype }) => `${type}/${subtype}`)

describe('report/notice', () => {
  describe('for programs', () => {
    it('is a multipart/report of three parts, sane to the byte', () => {
      const parsed = parse(notice(failed))
      expect(parsed.malformed).to.equal(undefined)
      expect(parsed.bodyStructure).to.include('"report" ("report-type" "delivery-status"')
      expect(types(notice(failed))).to.deep.equal(['text/plain', 'message/delivery-status', 'text/rfc822-headers'])
    })

    it('a failure has the fields of RFC 3464', () =>
      expect(part(notice(failed), 2).split('\r\n')).to.deep.equal([
        'Original-Envelope-Id: QQ314159',
        'Reporting-MTA: dns; a.test',
        'Arrival-Date: Tue, 01 Jul 2025 08:52:00 +0000',
        '',
        'Original-Recipient: rfc822;albert@b.test',
        'Final-Recipient: rfc822; bert@b.test',
        'Action: failed',
        'Status: 5.1.1',
        'Diagnostic-Code: x-vouchsafe; There is no such mailbox at that gateway.',
        'Last-Attempt-Date: Tue, 01 Jul 2025 08:52:02 +0000',
        '',
      ]))

    it('a delay says until when it is tried', () =>
      expect(part(notice(delayed), 2))
        .to.include('Action: delayed\r\nStatus: 4.4.7\r\n')
        .and.include('Will-Retry-Until: Sun, 06 Jul 2025 08:52:00 +0000'))

    it('a success has no diagnostic', () =>
      expect(part(notice(delivered), 2))
        .to.include('Action: delivered\r\nStatus: 2.0.0\r\n')
        .and.not.include('Diagnostic'))

    it('every recipient has a group of its own', () => {
      const [one] = failed.recipients
      const both = notice({ ...failed, recipients: one ? [one, { ...one, address: 'carla@c.test' }] : [] })
      const groups = part(both, 2).trimEnd().split('\r\n\r\n')
      expect(groups.map((group) => /Final-Recipient: (.*)/.exec(group)?.[1])).to.deep.equal([
        undefined,
        'rfc822; bert@b.test',
        'rfc822; carla@c.test',
      ])
    })

    it('an address beyond ASCII makes it a global report (RFC 6533)', () => {
      const letter = notice({
        ...failed,
        recipients: failed.recipients.map((one) => ({ ...one, address: 'jürgen@bücher.test' })),
      })
      expect(types(letter)[1]).to.equal('message/global-delivery-status')
      expect(part(letter, 2)).to.include('Final-Recipient: utf-8; jürgen@bücher.test')
      const orcpt = 'utf-8;jürgen@bücher.test'
      const before = notice({ ...failed, recipients: failed.recipients.map((one) => ({ ...one, orcpt })) })
      expect(types(before)[1], 'also the one it was sent to first').to.equal('message/global-delivery-status')
    })

    it('so does the domain of the gateway, which stands in the report', () => {
      const letter = notice({ ...failed, gateway: 'bücher.test' })
      expect(types(letter)[1]).to.equal('message/global-delivery-status')
      expect(part(letter, 2)).to.include('Reporting-MTA: dns; bücher.test')
      expect(letter.toString()).to.include('global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n')
    })

    it('an internationalized message comes back as one (RFC 6533), one in another charset as ever', () => {
      const third = (text: Buffer | string, more: Partial<NoticeAbout> = {}) =>
        types(notice({ ...failed, original: { ...failed.original, header: Buffer.from(text) }, ...more }))[2]
      expect(third('Subject: Grüße\r\n\r\n')).to.equal('message/global-headers')
      expect(third('Subject: Grüße\r\n\r\n', { ret: 'FULL', full: 'later' })).to.equal('message/global')
      expect(third(Buffer.from('Subject: Grüße\r\n\r\n', 'latin1'))).to.equal('text/rfc822-headers')
      expect(third('Subject: x\r\n\r\n', { ret: 'FULL', full: Buffer.from('Subject: x\r\n\r\nGrüße') })).to.equal(
        'message/rfc822',
      )
    })

    it('the message says of itself that it has 8 bits, if it has or may have', () => {
      const eight = Buffer.from('Subject: Grüße\r\n\r\n')
      const says = (more: Partial<NoticeAbout>) =>
        notice({ ...failed, ret: 'FULL', ...more })
          .toString()
          .includes('Content-Transfer-Encoding: 8bit\r\nContent-Description: Your message')
      expect(says({})).to.equal(false)
      expect(says({ original: { ...failed.original, header: eight } })).to.equal(true)
      expect(says({ full: header })).to.equal(false)
      expect(says({ full: eight })).to.equal(true)
      expect(says({ full: 'later' }), 'it has yet to be read').to.equal(true)
    })

    it('people are told, too, until when it is tried; of what failed, nobody is', () => {
      expect(part(notice(delayed), 1)).to.include('It will be tried until ')
      expect(part(notice(failed), 1)).not.to.include('It will be tried')
    })

    it('names beyond ASCII are told people whole, and programs only where the report may bear them', () => {
      const reasoned = (address: string) =>
        notice({
          ...failed,
          recipients: failed.recipients.map((one) => ({ ...one, address, reason: 'Jürgen has it.' })),
        })
      const letter = reasoned('bert@b.test')
      expect(part(letter, 1)).to.include('Jürgen has it.')
      expect(part(letter, 2)).to.include('Diagnostic-Code: x-vouchsafe; J?rgen has it.')
      expect(part(reasoned('bücher@b.test'), 2)).to.include('Diagnostic-Code: x-vouchsafe; Jürgen has it.')
    })

    it('is answered by no machine, and shown beside the message', () => {
      const { envelope, header } = parse(notice(failed))
      expect(header.toString())
        .to.match(/^Return-Path: <>\r\n/)
        .and.include('Auto-Submitted: auto-replied\r\n')
        .and.include('References: <own@a.test>\r\n')
      expect(envelope)
        .to.include('"Mail gateway" NIL "postmaster" "a.test"')
        .and.include('"<own@a.test>" "<failed.0123@a.test>"')
    })

    it('the header of the message comes back to the byte', () =>
      expect(part(notice(failed), 3)).to.equal(header.toString()))

    const full = Buffer.concat([header, Buffer.from('the whole letter\r\n')])
    it('all of it where it failed and RET=FULL asked for it', () => {
      const letter = notice({ ...failed, ret: 'FULL', full })
      expect(types(letter)[2]).to.equal('message/rfc822')
      expect(part(letter, 3)).to.equal(full.toString())
    })
    it('or a place for it, where whoever delivers the notice puts it in', () => {
      const letter = notice({ ...failed, ret: 'FULL', full: 'later' })
      const at = wholeGoesTo(letter, failed.makeId())
      expect(types(letter)[2]).to.equal('message/rfc822')
      const whole = Buffer.concat([letter.subarray(0, at), full, letter.subarray(at)])
      expect(part(whole, 3)).to.equal(full.toString())
    })
    it('but not where it did not fail', () =>
      expect(types(notice({ ...delayed, ret: 'FULL', full }))[2]).to.equal('text/rfc822-headers'))
    it('nor where it was not asked for', () =>
      expect(types(notice({ ...failed, full }))[2]).to.equal('text/rfc822-headers'))
  })

  describe('for a person', () => {
    const texts = new Map<string, ParsedMail>()
    before(async () => {
      for (const about of [failed, delayed, delivered]) texts.set(about.kind, await simpleParser(notice(about)))
    })
    const claims: [kind: string, what: string, says: RegExp][] = [
      ['failed', 'that it was not delivered', /could not be delivered/],
      ['failed', 'to whom', /To: bert@b\.test/],
      ['failed', 'why', /Why: There is no such mailbox/],
      ['failed', 'what to do', /What you can do: Check the spelling/],
      ['failed', 'which message', /Subject: Grüße\n {2}Sent: {4}Tue, 1 Jul 2025, 08:52 UTC/],
      ['failed', 'where it stopped', /Where it stopped:\n {2}b\.test refused it/],
      ['failed', 'its way, with times', /Tue, 1 Jul 2025, 08:52 UTC: r\.test took custody/],
      ['delayed', 'that it is not lost', /not arrived yet. It is not lost/],
      ['delayed', 'where it is now', /Where it is now:\n {2}b\.test/],
      ['delayed', 'until when it is tried', /tried until Sun, 6 Jul 2025, 08:52 UTC/],
      ['delayed', 'not to send it again', /do not send it again/],
      ['delivered', 'that it arrived, which is not that it was read', /has arrived[\s\S]*Whether it was read/],
    ]
    it('none invites an answer, for none would be read', () => {
      for (const mail of texts.values())
        expect(mail.text?.replace(/\s+/g, ' ')).to.include('Answers to it reach nobody')
    })
    for (const [kind, what, says] of claims)
      it(`${kind} says ${what}`, () => expect(texts.get(kind)?.text).to.match(says))

    const subjects: [kind: string, subject: string][] = [
      ['failed', 'Not delivered: Grüße'],
      ['delayed', 'Not yet delivered: Grüße'],
      ['delivered', 'Delivered: Grüße'],
    ]
    for (const [kind, subject] of subjects)
      it(`${kind} is called "${subject}"`, () => expect(texts.get(kind)?.subject).to.equal(subject))

    it('a long subject is cut between two characters, and no line is longer than a line may be', async () => {
      const letter = notice({
        ...failed,
        original: { ...failed.original, subject: `${'a'.repeat(199)}${'😀'.repeat(500)}` },
      })
      expect((await simpleParser(letter)).subject).to.equal(`Not delivered: ${'a'.repeat(199)}😀`)
      expect(
        Math.max(
          ...letter
            .toString()
            .split('\r\n')
            .map((line) => Buffer.byteLength(line)),
        ),
      ).to.be.below(999)
    })

    it('mailparser finds the sender, the report and the header', () => {
      const mail = texts.get('failed')
      expect(mail?.from?.text).to.equal('"Mail gateway" <postmaster@a.test>')
      expect(mail?.inReplyTo).to.equal('<own@a.test>')
      expect(mail?.text).to.include('Final-Recipient: rfc822; bert@b.test') // it shows the report below the text
      expect(mail?.attachments.map(({ content }) => content.toString())).to.deep.equal([header.toString()])
    })

    it('lines are no longer than a screen', () => {
      for (const mail of texts.values())
        for (const line of (mail.text ?? '').split('\n')) expect(line.length).to.be.at.most(78)
    })
  })

  it('nothing that people or neighbours wrote breaks out of its place', () => {
    const evil = 'x\r\nBcc: everybody\r\n\r\n--=_notice_failed.0123--\r\n\x1b[2J\x07\x9by'
    const letter = notice({
      ...failed,
      to: evil,
      original: { ...failed.original, subject: evil, messageId: evil },
      recipients: [{ address: evil, orcpt: evil, status: evil, reason: evil, advice: evil }],
      trail: [{ text: evil, at }],
      envid: evil,
    })
    expect(types(letter)).to.deep.equal(['text/plain', 'message/delivery-status', 'text/rfc822-headers'])
    expect(letter.toString())
      .not.to.match(/^Bcc/m)
      .and.not.match(/[^\r\n\P{Cc}]/u)
    expect(part(letter, 2).trimEnd().split('\r\n\r\n').length).to.equal(2)
  })
})
