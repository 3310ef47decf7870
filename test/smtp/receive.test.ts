import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { expect } from 'chai'
import fc from 'fast-check'
import { discard, type Receiving, receive } from '../../gateway/smtp/receive.ts'
import { editSubmission } from '../../src/mail/submit.ts'
import { startWalk } from '../../src/mail/walk.ts'
import { type BodyWriter, startBody } from '../../store/spool.ts'
import { corpus } from '../fixture/corpus.ts'
import { growsEvenly } from '../fixture/growth.ts'

describe('smtp receive', () => {
  let home = ''
  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'vouchsafe-receive-'))
  })
  after(() => rm(home, { recursive: true, force: true }))

  const edit: Receiving['edit'] = (header) =>
    editSubmission(header, { now: 0, messageIdDomain: 'a.test', makeId: () => 'made' })
  const receiving = (more: Partial<Receiving> = {}): Receiving => ({
    sizeLimit: 1 << 20,
    startBody: () => startBody(home),
    edit,
    ...more,
  })
  const take = (chunks: Buffer[], more?: Partial<Receiving>) => receive(Readable.from(chunks), receiving(more)) // as objects, or the iterator joins them again
  const refusal = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'accepted',
      (error: Error) => error.message,
    )
  const bytesOf = (body: object): Buffer => ('bytes' in body ? (body.bytes as Buffer) : Buffer.alloc(0))

  /** SMTP ends every message with a line end (RFC 5321 §4.1.1.4). */
  const overSmtp = (bytes: Buffer): Buffer =>
    bytes.subarray(-2).toString() === '\r\n' ? bytes : Buffer.concat([bytes, Buffer.from('\r\n')])
  const headerEnd = (bytes: Buffer): number => {
    if (bytes.subarray(0, 2).toString() === '\r\n') return 2
    const at = bytes.indexOf('\r\n\r\n')
    return at < 0 ? bytes.length : at + 4
  }

  for (const { name, bytes, isBare } of corpus)
    it(isBare ? `${name}: refused` : `${name}: edited header, untouched body, and the structure of both`, async () => {
      if (isBare) {
        expect(await refusal(take([bytes]))).to.match(/^5\.6\.0 Line \d+ of the message holds/)
        return
      }
      const sent = overSmtp(bytes)
      const end = headerEnd(sent)
      const wanted = Buffer.concat([edit(sent.subarray(0, end)).header, sent.subarray(end)])
      const { body, parsed, edited } = await take([sent])
      expect(body.size).to.equal(wanted.length)
      if ('bytes' in body) expect(body.bytes.equals(wanted)).to.equal(true)
      const walk = startWalk()
      walk.push(wanted)
      expect(parsed()).to.deep.equal(walk.end())
      expect(wanted.subarray(0, edited.header.length).equals(edited.header)).to.equal(true)
    })

  it('however a message is cut on its way, the same comes of it', async () => {
    const message = Buffer.from('Bcc: carol@c.test\r\nSubject: cut\r\nReceived: x\r\n\r\nbody\r\n\r\nmore\r\n')
    const whole = await take([message])
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(message.length), { maxLength: 12, size: 'max' }), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), message.length]
        const { edited, body, parsed } = await take(at.slice(1).map((end, i) => message.subarray(at[i], end)))
        expect(edited.header.toString()).to.equal(whole.edited.header.toString())
        expect(bytesOf(body).toString()).to.equal(bytesOf(whole.body).toString())
        expect(parsed().root).to.deep.equal(whole.parsed().root)
      }),
    )
  })

  it('a header may have 256 KiB and not a byte more', async () => {
    const header = (size: number) => Buffer.from(`Subject: ${'x'.repeat(size - 13)}\r\n\r\n`)
    expect(await refusal(take([header(256 << 10), Buffer.from('x\r\n')]))).to.equal('accepted')
    expect(await refusal(take([header((256 << 10) + 1), Buffer.from('x\r\n')]))).to.match(/^5\.3\.4 The header/)
  })

  it('a header without end is refused as soon as it is too long', async () => {
    let sent = 0
    const endless = new Readable({
      read() {
        sent += 8192
        this.push(Buffer.from('X-Long: yes\r\n'.repeat(640)))
      },
    })
    expect(await refusal(receive(endless, receiving()))).to.match(/^5\.3\.4 The header/)
    expect(sent).to.be.below(1 << 20)
    endless.destroy()
  })

  it('a header that comes byte by byte costs by its length, though it comes in so many pieces', () =>
    growsEvenly(100_000, async (length) => {
      const header = Buffer.from(`Subject: ${'x'.repeat(length)}\r\n\r\n`)
      await take(Array.from(header, (byte) => Buffer.from([byte])))
    }))

  it('the limit is of the message as sent, and its last byte counts', async () => {
    const message = Buffer.from(`Subject: x\r\n\r\n${'y'.repeat(1000)}\r\n`)
    expect(await refusal(take([message], { sizeLimit: message.length }))).to.equal('accepted')
    expect(await refusal(take([message], { sizeLimit: message.length - 1 }))).to.match(/^5\.3\.4 /)
  })

  it('a refusal aborts the spool at once, and so does a client that goes', async () => {
    const calls: string[] = []
    const recorder = (): BodyWriter => ({
      write: async () => void calls.push('write'),
      finish: async () => expect.fail('finished'),
      abort: async () => void calls.push('abort'),
    })
    await refusal(take([Buffer.from('Subject: x\r\n\r\na\r\n'), Buffer.from('b\n')], { startBody: recorder }))
    expect(calls).to.deep.equal(['write', 'write', 'abort'])
    const cut = new Readable({ read() {} })
    cut.push('Subject: x\r\n\r\nhalf')
    setImmediate(() => cut.destroy(new Error('gone')))
    expect(await refusal(receive(cut, receiving({ startBody: recorder })))).to.equal('gone')
    expect(calls.slice(3)).to.deep.equal(['write', 'write', 'abort'])
  })

  it('a disk that is full is told as such, whatever the abort says', async () => {
    const full = (): BodyWriter => ({
      write: () => Promise.reject(new Error('ENOSPC')),
      finish: async () => expect.fail('finished'),
      abort: () => Promise.reject(new Error('EIO')),
    })
    expect(await refusal(take([Buffer.from('Subject: x\r\n\r\na\r\n')], { startBody: full }))).to.equal('ENOSPC')
  })

  it('a slow disk holds the client back', async () => {
    let waiting = 0
    let most = 0
    const slow = (): BodyWriter => ({
      async write() {
        most = Math.max(most, ++waiting)
        await new Promise((resolve) => setTimeout(resolve, 1))
        waiting--
      },
      finish: async () => ({ size: 0, sha256: '', bytes: Buffer.alloc(0) }),
      abort: async () => {},
    })
    const chunks = Array.from({ length: 50 }, () => Buffer.from(`${'x'.repeat(70)}\r\n`))
    await take([Buffer.from('Subject: x\r\n\r\n'), ...chunks], { startBody: slow })
    expect(most).to.equal(1)
  })

  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  const ends: [what: string, isWhole: boolean, stallMs: number, feed: (stream: PassThrough) => Promise<unknown>][] = [
    [
      'is heard out, however slowly it comes',
      true,
      300,
      async (stream) => {
        for (let n = 0; n < 8; n++) {
          stream.write('x')
          await wait(100)
        }
        stream.end()
      },
    ],
    ['is given up when its client falls silent', false, 50, async (stream) => stream.write('x')],
    ['is given up when it has no end', false, 10_000, async (stream) => stream.write(Buffer.alloc((16 << 20) + 1))],
    ['is over when its client goes', true, 10_000, async (stream) => stream.destroy()],
    ['is over when its connection breaks', true, 10_000, async (stream) => stream.destroy(new Error('reset'))],
  ]
  for (const [what, isWhole, stallMs, feed] of ends)
    it(`a message that was refused ${what}`, async () => {
      const stream = new PassThrough()
      const heard = discard(stream, stallMs)
      await feed(stream)
      expect(await heard).to.equal(isWhole)
      stream.destroy()
    })

  it('a message that was refused after its end is over', async () => {
    const stream = new PassThrough()
    stream.end('x')
    await stream.resume().toArray()
    expect(await discard(stream, 10_000)).to.equal(true)
  })
})
