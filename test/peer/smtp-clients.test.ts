/**
 * Programs that people send mail with, against the submission edge: each in its own way of finding TLS,
 * logging in, and ending a message. Debian: swaks (and libnet-ssleay-perl), msmtp, curl.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { simpleParser } from 'mailparser'
import nodemailer from 'nodemailer'
import type { Submission } from '../../gateway/smtp/submission.ts'
import { alice, type Edge, openEdge, password } from '../smtp/edge.ts'
import { need, needSwaks } from './need.ts'

type Ran = { code: number | null; out: string }

const run = (program: string, args: string[], input = ''): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args)
    let out = ''
    const collect = (bytes: Buffer) => {
      out += bytes.toString('latin1')
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out }))
    child.stdin.on('error', () => {}) // it may have given up before it read all
    child.stdin.end(input)
  })

/** Bytes that no transfer encoding leaves as they are. */
const attachment = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7919) >> 3))
const sum = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

describe('smtp with real clients', () => {
  let edge: Edge
  beforeEach(async () => {
    edge = await openEdge({ plainLoopback: false, sizeLimit: 1 << 20 })
  })
  afterEach(() => edge.close())

  const only = (): Submission => {
    const [submission] = edge.submissions
    if (edge.submissions.length !== 1 || submission === undefined)
      throw new Error(`${edge.submissions.length} submissions`)
    return submission
  }
  const bytesOf = (submission: Submission) => edge.body(submission.body)
  const starttls = () => String(edge.ports[0])
  const tls = () => String(edge.ports[1])

  describe('nodemailer', () => {
    const transport = (more: object = {}) =>
      nodemailer.createTransport({
        host: '127.0.0.1',
        port: edge.ports[0] ?? 0,
        tls: { rejectUnauthorized: false },
        auth: { user: alice.address, pass: password },
        ...more,
      })

    it('STARTTLS, an attachment, a hidden recipient, DSN', async () => {
      const info = await transport({ requireTLS: true }).sendMail({
        from: 'Alice <alice@a.test>',
        to: 'bob@b.test',
        bcc: 'slow@far.test',
        subject: 'Grüße',
        text: '.\r\n..\r\nUmlaute: äöü\r\n.',
        attachments: [{ filename: 'noise.bin', content: attachment }],
        dsn: { id: 'env+1', return: 'full', notify: ['success', 'failure'], recipient: 'alice@a.test' },
      })
      expect(info.response).to.match(/^250 2\.0\.0 Accepted as [0-9a-f]{32}$/)
      const submission = only()
      expect(submission).to.include({ subject: 'Grüße', ret: 'FULL', envid: 'env+1', messageId: info.messageId })
      expect(submission.recipients).to.deep.equal(
        ['bob@b.test', 'slow@far.test'].map((address) => ({
          address,
          notify: ['SUCCESS', 'FAILURE'],
          orcpt: 'rfc822;alice@a.test',
        })),
      )
      const parsed = await simpleParser(await bytesOf(submission))
      expect(parsed.text?.trim()).to.equal('.\n..\nUmlaute: äöü\n.')
      expect(parsed.attachments.map(({ content }) => sum(content))).to.deep.equal([sum(attachment)])
      expect(parsed.bcc).to.equal(undefined)
    })

    it('TLS from the first byte, AUTH LOGIN, an address beyond ASCII', async () => {
      await transport({ port: edge.ports[1], secure: true, authMethod: 'LOGIN' }).sendMail({
        from: 'alice@a.test',
        to: 'ülf@b.test',
        subject: 'x',
        text: 'x',
      })
      expect(only().recipients[0]?.address).to.equal('ülf@b.test')
    })

    it('a hundred messages over five kept sessions', async () => {
      const pool = transport({ pool: true, maxConnections: 5 })
      const send = (n: number) => pool.sendMail({ from: 'alice@a.test', to: 'bob@b.test', subject: `${n}`, text: 'x' })
      await Promise.all(Array.from({ length: 100 }, (_, n) => send(n)))
      pool.close()
      const subjects = new Set(edge.submissions.map(({ subject }) => subject))
      expect(subjects.size).to.equal(100)
    })

    it('each recipient has a fate of its own', async () => {
      const info = await transport().sendMail({
        from: 'alice@a.test',
        to: ['bob@b.test', 'nobody@a.test', 'stranger@nowhere.test'],
        subject: 'mixed',
        text: 'x',
      })
      expect(info.accepted).to.deep.equal(['bob@b.test'])
      expect(info.rejectedErrors?.map((error) => String(error.response).slice(0, 9))).to.deep.equal([
        '550 5.1.1',
        '550 5.1.2',
      ])
      expect(only().recipients.map(({ address }) => address)).to.deep.equal(['bob@b.test'])
    })

    it('without TLS it gets no further than EHLO', async () => {
      const error = await transport({ ignoreTLS: true })
        .sendMail({ from: 'alice@a.test', to: 'bob@b.test', text: 'x' })
        .then(
          () => expect.fail('sent'),
          (reason: Error & { response?: string }) => reason,
        )
      expect(`${error.message} ${error.response}`).to.match(/5[37]\d|no.*auth/i)
      expect(edge.submissions).to.deep.equal([])
    })

    it('a wrong password and too large a message are told as what they are', async () => {
      const codeOf = (work: Promise<unknown>) =>
        work.then(
          () => 'sent',
          (reason: { response?: string }) => String(reason.response).slice(0, 9),
        )
      const letter = { from: 'alice@a.test', to: 'bob@b.test', text: 'x' }
      expect(await codeOf(transport({ auth: { user: alice.address, pass: 'no' } }).sendMail(letter))).to.equal(
        '535 5.7.8',
      )
      const large = { ...letter, attachments: [{ content: Buffer.alloc(1 << 20) }] }
      expect(await codeOf(transport().sendMail(large))).to.equal('552 5.3.4')
      expect(edge.submissions).to.deep.equal([])
    })
  })

  describe('swaks', () => {
    const swaks = (...args: string[]) =>
      run('swaks', ['--server', '127.0.0.1', '--from', alice.address, '--au', alice.address, '--ap', password, ...args])

    for (const [what, port, args] of [
      ['STARTTLS and PLAIN', starttls, ['-tls', '--auth', 'PLAIN']],
      ['STARTTLS and LOGIN', starttls, ['-tls', '--auth', 'LOGIN']],
      ['TLS from the first byte', tls, ['--tls-on-connect', '--auth', 'PLAIN']],
      ['all in one breath', starttls, ['-tls', '--auth', 'PLAIN', '--pipeline']],
    ] as const)
      it(`${what}, with an attachment`, async function () {
        needSwaks(this)
        const file = join(edge.home, 'noise.bin')
        await writeFile(file, attachment)
        const { code, out } = await swaks('-p', port(), '--to', 'bob@b.test', ...args, '--attach', `@${file}`)
        expect(out).to.match(/<~* +250 2\.0\.0 Accepted as /)
        expect(code).to.equal(0)
        const parsed = await simpleParser(await bytesOf(only()))
        expect(parsed.attachments.map(({ content }) => sum(content))).to.contain(sum(attachment))
      })

    it('a sender of somebody else, and a stranger as recipient, are refused where they stand', async function () {
      needSwaks(this)
      const other = await swaks('-p', starttls(), '-tls', '--from', 'carol@a.test', '--to', 'bob@b.test')
      expect(other.out).to.contain('553 5.7.1 That sender address is not of the account')
      expect(other.code).to.equal(23) // swaks: error at MAIL
      const stranger = await swaks('-p', starttls(), '-tls', '--to', 'stranger@nowhere.test')
      expect(stranger.out).to.contain('550 5.1.2 Nobody in the web knows this address')
      expect(stranger.code).to.equal(24) // at RCPT
      expect(edge.submissions).to.deep.equal([])
    })
  })

  describe('curl', () => {
    const letter = 'From: alice@a.test\r\nTo: bob@b.test\r\nSubject: by curl\r\n\r\n.dot\r\nline\r\n'
    const curl = (url: string, ...args: string[]) =>
      run('curl', ['-sSvk', url, '--mail-from', alice.address, '--upload-file', '-', ...args], letter)
    const user = ['--user', `${alice.address}:${password}`]

    for (const [what, url, args] of [
      ['STARTTLS', () => `smtp://127.0.0.1:${starttls()}`, ['--ssl-reqd']],
      ['TLS from the first byte', () => `smtps://127.0.0.1:${tls()}`, []],
    ] as const)
      it(`${what}, byte for byte`, async function () {
        need(this, 'curl', 'curl')
        const { code, out } = await curl(url(), ...args, ...user, '--mail-rcpt', 'bob@b.test')
        expect(out).to.contain('250 2.0.0 Accepted as ')
        expect(code).to.equal(0)
        const submission = only()
        const bytes = await bytesOf(submission)
        expect(bytes.subarray(-letter.length).toString()).to.equal(letter)
        expect(bytes.subarray(0, -letter.length).toString()).to.match(/^Date: .*\r\nMessage-ID: <.*@a\.test>\r\n$/)
      })

    it('a wrong password is exit code 67', async function () {
      need(this, 'curl', 'curl')
      const wrong = ['--user', `${alice.address}:wrong`]
      const { code } = await curl(`smtps://127.0.0.1:${tls()}`, ...wrong, '--mail-rcpt', 'bob@b.test')
      expect(code).to.equal(67)
      expect(edge.submissions).to.deep.equal([])
    })
  })

  describe('msmtp', () => {
    const letter = 'From: alice@a.test\nTo: bob@b.test\nBcc: slow@far.test\nSubject: by msmtp\n\n.\n..\nend\n'
    const msmtp = (port: string, ...args: string[]) =>
      run(
        'msmtp',
        [
          ...['--file=/dev/null', '--host=127.0.0.1', `--port=${port}`, '--auth=on', `--user=${alice.address}`],
          ...[`--passwordeval=echo ${password}`, '--tls=on', '--tls-certcheck=off', `--from=${alice.address}`],
          ...args,
        ],
        letter,
      )

    for (const [what, port, args] of [
      ['STARTTLS', starttls, ['--tls-starttls=on']],
      ['TLS from the first byte', tls, ['--tls-starttls=off']],
    ] as const)
      it(`${what}, recipients out of the header, DSN`, async function () {
        need(this, 'msmtp', 'msmtp')
        const { code, out } = await msmtp(port(), ...args, '--dsn-notify=failure,delay', '--dsn-return=hdrs', '-t')
        expect(out).to.equal('')
        expect(code).to.equal(0)
        const submission = only()
        expect(submission.recipients).to.deep.equal(
          ['bob@b.test', 'slow@far.test'].map((address) => ({ address, notify: ['FAILURE', 'DELAY'] })),
        )
        const text = (await bytesOf(submission)).toString()
        expect(text).to.match(/\r\n\r\n\.\r\n\.\.\r\nend\r\n$/)
        expect(text).not.to.contain('slow@far.test')
      })

    it('an unknown recipient is EX_NOUSER, or EX_UNAVAILABLE', async function () {
      need(this, 'msmtp', 'msmtp')
      const { code, out } = await msmtp(starttls(), 'stranger@nowhere.test')
      expect(out).to.contain('550 5.1.2 Nobody in the web knows this address')
      expect(code).to.be.oneOf([65, 67, 69])
      expect(edge.submissions).to.deep.equal([])
    })
  })
})
