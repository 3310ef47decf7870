/**
 * Byte for byte: what is submitted at A is what is read at B, below the trace fields; and a signature
 * made over it still holds.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { editSubmission } from '../../src/mail/submit.ts'
import { corpus, pgpContent, pgpSigned } from '../fixture/corpus.ts'
import { need } from '../peer/need.ts'
import { awaitMessages, ended, RawSmtp, startLine, type Web } from './web.ts'

const traceFields = ['Return-Path', 'Authentication-Results', 'Vouchsafe-Path', 'Received']

describe('A → R → B, byte for byte', function () {
  this.timeout(120_000)
  let web: Web
  let client: RawSmtp
  before(async () => {
    web = await startLine(['a', 'r', 'b'], { messages_per_minute: '100000' })
    client = await RawSmtp.logIn(web.a, web.ann)
  })
  after(async () => {
    client?.close()
    await web?.close()
  })

  it('delivers every message of the corpus as it was submitted, and refuses those with bare CR, LF or NUL', async () => {
    const sent: { name: string; bytes: Buffer }[] = []
    for (const { name, bytes, isBare } of corpus) {
      const reply = await client.submit(web.ann.address, [web.bob.address], bytes)
      if (isBare) {
        expect(reply, name).to.match(/^554 5\.6\.0 /)
        client.close()
        client = await RawSmtp.logIn(web.a, web.ann)
        continue
      }
      expect(reply, name).to.match(/^250 /)
      sent.push({ name, bytes })
    }
    expect(sent.length).to.be.at.least(60)

    const got = (await awaitMessages(web.b, web.bob, 'Requests', sent.length, 60_000)).map(({ source }) =>
      withoutTrace(source),
    )
    for (const { name, bytes } of sent) {
      const wanted = kept(ended(bytes))
      const i = got.findIndex((source) => wanted.equals(withoutAdded(source, wanted)))
      expect(i, `${name} arrived unaltered`).to.be.at.least(0)
      got.splice(i, 1)
    }
    expect(got).to.deep.equal([])
  })

  it('keeps a PGP/MIME signature valid: gpg --verify', async function () {
    need(this, 'gpg', 'gnupg')
    const home = mkdtempSync(join(tmpdir(), 'vouchsafe-gpg-'))
    try {
      const gpg = (...args: string[]) =>
        execFileSync(
          'gpg',
          ['--homedir', home, '--batch', '--yes', '--pinentry-mode', 'loopback', '--passphrase', '', ...args],
          { stdio: ['ignore', 'pipe', 'pipe'] },
        ).toString()
      gpg('--quick-generate-key', 'anna@a.test', 'ed25519', 'sign', 'never')
      writeFileSync(join(home, 'signed'), pgpContent)
      gpg('--armor', '--detach-sign', '--output', join(home, 'signature.asc'), join(home, 'signed'))
      const armored = execFileSync('cat', [join(home, 'signature.asc')])
        .toString()
        .replaceAll('\n', '\r\n')
      const before = (await awaitMessages(web.b, web.bob, 'Requests', 0)).length
      expect(await client.submit(web.ann.address, [web.bob.address], pgpSigned(pgpContent, armored))).to.match(/^250 /)
      const [source] = (await awaitMessages(web.b, web.bob, 'Requests', before + 1)).slice(-1).map((got) => got.source)

      const boundary = /boundary="([^"]+)"/.exec(source?.toString('latin1') ?? '')?.[1]
      const [, first = '', second = ''] = source?.toString('latin1').split(`\r\n--${boundary}`) ?? []
      writeFileSync(join(home, 'arrived'), Buffer.from(first.slice(2), 'latin1')) // the CRLF that ends the delimiter
      writeFileSync(join(home, 'arrived.asc'), second.slice(second.indexOf('\r\n\r\n') + 4))
      expect(() => gpg('--verify', join(home, 'arrived.asc'), join(home, 'arrived'))).not.to.throw()
    } finally {
      execFileSync('gpgconf', ['--homedir', home, '--kill', 'all'])
      rmSync(home, { recursive: true, force: true })
    }
  })
})

/** The message below the fields that the destination put above it: each of them once, in their order. */
const withoutTrace = (source: Buffer): Buffer => {
  let text = source.toString('latin1')
  for (const name of traceFields) {
    const field = new RegExp(`^${name}: [^\\r\\n]*(?:\\r\\n[ \\t][^\\r\\n]*)*\\r\\n`).exec(text)?.[0]
    if (field === undefined) throw new Error(`${name} is missing above the message`)
    text = text.slice(field.length)
  }
  return Buffer.from(text, 'latin1')
}

/** The submitted bytes less the fields that are removed from every submission (src/mail/submit.ts). */
const kept = (bytes: Buffer): Buffer => {
  const end = bytes.indexOf('\r\n\r\n')
  const cut = end < 0 ? bytes.length : end + 4
  const { header } = editSubmission(bytes.subarray(0, cut), { now: 0, messageIdDomain: 'x', makeId: () => 'x' })
  const added =
    /^(?:Received: by x [^\r\n]*\r\n)?(?:Date: Thu, 0?1 Jan 1970 [^\r\n]*\r\n)?(?:Message-ID: <x@x>\r\n)?/.exec(
      header.toString('latin1'),
    )?.[0] ?? ''
  return Buffer.concat([header.subarray(added.length), bytes.subarray(cut)])
}

/** Date, Message-ID and the count of earlier hops may have been put above. */
const withoutAdded = (source: Buffer, wanted: Buffer): Buffer => {
  const added = source.subarray(0, Math.max(0, source.length - wanted.length)).toString('latin1')
  const isAllowed = /^(?:Received: by a\.test [^\r\n]*\r\n)?(?:Date: [^\r\n]*\r\n)?(?:Message-ID: [^\r\n]*\r\n)?$/.test(
    added,
  )
  return isAllowed ? source.subarray(added.length) : source
}
