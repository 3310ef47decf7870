/** What the server of others answers, and what that means here. The server is smtp-server's LMTP. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { domainToASCII } from 'node:url'
import { expect } from 'chai'
import { SMTPServer } from 'smtp-server'
import { handByLmtp, type LmtpAddress } from '../../gateway/lmtp/client.ts'

type No = [code: number, text: string] | undefined
const error = ([code, text]: [number, string]) => Object.assign(new Error(text), { responseCode: code })

describe('mail to a server that keeps it: LMTP', () => {
  let atRcpt: No
  let atData: No
  let taken: { from: string; to: string; text: string } | undefined
  const server = new SMTPServer({
    lmtp: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    onRcptTo: (_address, _session, done) => done(atRcpt ? error(atRcpt) : null),
    onData(stream, session, done) {
      void buffer(stream).then((bytes) => {
        const { mailFrom, rcptTo } = session.envelope
        taken = { from: mailFrom ? mailFrom.address : '', to: rcptTo[0]?.address ?? '', text: bytes.toString('latin1') }
        done(null, rcptTo.map(() => (atData ? error(atData) : 'kept')) as never)
      })
    },
  })
  let at: LmtpAddress
  before(async () => {
    server.listen(0, '127.0.0.1')
    await once(server.server, 'listening')
    at = { host: '127.0.0.1', port: (server.server.address() as AddressInfo).port }
  })
  after((done) => void server.close(done))
  beforeEach(() => {
    atRcpt = undefined
    atData = undefined
    taken = undefined
  })
  const text = 'Subject: x\r\n\r\n.one\r\n..two\r\n\xe9\r\n'
  const body = () => Buffer.from(text, 'latin1')
  const never = new AbortController().signal
  const hand = (more: { body?: Buffer | Readable; from?: string; to?: string } = {}, where = at, signal = never) =>
    handByLmtp(where, { from: 'bob@b.test', to: 'ann@a.test', size: text.length, body: body(), ...more }, signal)

  it('takes every byte, from memory and from a stream', async () => {
    for (const given of [body(), Readable.from([body().subarray(0, 15), body().subarray(15)])]) {
      expect((await hand({ body: given })).answer).to.equal('taken')
      expect(taken).to.deep.equal({ from: 'bob@b.test', to: 'ann@a.test', text })
    }
  })

  it('takes letters from nobody', async () => {
    expect((await hand({ from: '' })).answer).to.equal('taken')
    expect(taken?.from).to.equal('')
  })

  const cases: [what: string, where: 'rcpt' | 'data', no: [number, string], answer: string][] = [
    ['an unknown user', 'rcpt', [550, '5.1.1 <ann@a.test> User does not exist'], 'mailbox-missing'],
    ['a full mailbox for good', 'data', [552, '5.2.2 Quota exceeded'], 'mailbox-full'],
    ['a full mailbox for now', 'data', [452, '4.2.2 Quota exceeded'], 'later'],
    ['a message too large', 'data', [552, '5.3.4 Too big'], 'message-too-large'],
    ['a no without a reason', 'rcpt', [550, 'no'], 'store-refused'],
    ['a temporary no', 'rcpt', [451, '4.3.0 Internal error'], 'later'],
    ['a login that is wanted first', 'rcpt', [530, '5.7.0 Authentication required'], 'later'],
    ['a command that is not known', 'data', [502, '5.5.1 Not implemented'], 'later'],
  ]
  for (const [what, where, no, answer] of cases)
    it(`${what} is ${answer}`, async () => {
      if (where === 'rcpt') atRcpt = no
      else atData = no
      expect((await hand()).answer).to.equal(answer)
    })

  const forms: [what: string, from: string, to: string, seen: [string, string] | undefined][] = [
    [
      'a domain is written in ASCII',
      'bob@köln.test',
      'ann@bücher.test',
      ['bob@xn--kln-sna.test', 'ann@xn--bcher-kva.test'],
    ],
    ['a sender that can’t be is left out', 'jürgen@b.test', 'ann@a.test', ['', 'ann@a.test']],
    ['a recipient that can’t be is refused at once', 'bob@b.test', 'jürgen@a.test', undefined],
  ]
  for (const [what, from, to, seen] of forms)
    it(`for a server without SMTPUTF8 ${what}`, async () => {
      server.options.hideSMTPUTF8 = true
      const { answer, text } = await hand({ from, to })
      expect(answer).to.equal(seen ? 'taken' : 'store-refused')
      if (seen) expect([taken?.from, taken?.to].map(ascii)).to.deep.equal(seen)
      else expect(text).to.include('SMTPUTF8')
    })

  it('a server with SMTPUTF8 gets addresses as they are', async () => {
    server.options.hideSMTPUTF8 = false
    expect((await hand({ from: 'jürgen@b.test', to: 'änn@a.test' })).answer).to.equal('taken')
    expect([taken?.from, taken?.to]).to.deep.equal(['jürgen@b.test', 'änn@a.test'])
  })

  it('a message above the SIZE that the server offers is refused at once', async () => {
    server.options.size = text.length - 1
    expect((await hand()).answer).to.equal('message-too-large')
    server.options.size = text.length
    expect((await hand()).answer).to.equal('taken')
  })

  for (const [what, greeting, reply] of [
    ['a greeting', '554 5.3.2 closed today', ''],
    ['LHLO', '220 hello', '500 5.5.1 it speaks SMTP alone'],
  ] as const)
    it(`a no for good to ${what} is about the server, not the message: later`, async () => {
      const other = createServer((socket) => {
        socket.write(`${greeting}\r\n`)
        socket.on('error', () => {}).on('data', () => socket.write(`${reply}\r\n`))
      }).listen(0, '127.0.0.1')
      await once(other, 'listening')
      const where = { host: '127.0.0.1', port: (other.address() as AddressInfo).port }
      expect(await hand({}, where)).to.deep.equal({ answer: 'later', text: reply || greeting })
      other.close()
    })

  it('nobody there means later', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lmtp-'))
    expect((await hand({}, { path: join(folder, 'none') })).answer).to.equal('later')
    rmSync(folder, { recursive: true })
  })

  for (const last of ['', '220 hello', '354 go on'])
    it(`a server that says nothing ${last && `after ${last} `}can be left at once, which means later`, async () => {
      const mute = createServer((socket) => {
        const say = (code: string, line: string) => {
          if (code <= last) socket.write(line)
        }
        say('220', '220 hello\r\n')
        socket.on('data', (data) => {
          if (/^(LHLO|MAIL|RCPT)/.test(String(data))) say('250', '250 ok\r\n')
          if (/^DATA/.test(String(data))) say('354', '354 go on\r\n')
        })
      }).listen(0, '127.0.0.1')
      await once(mute, 'listening')
      const where = { host: '127.0.0.1', port: (mute.address() as AddressInfo).port }
      expect((await hand({}, where, AbortSignal.timeout(100))).answer).to.equal('later')
      mute.close()
      await once(mute, 'close') // its connection, too, is gone
    })
})

/** smtp-server turns A-labels into U-labels as it reads. */
const ascii = (address = ''): string => {
  const [local = '', domain] = address.split('@')
  return domain === undefined ? address : `${local}@${domainToASCII(domain)}`
}
