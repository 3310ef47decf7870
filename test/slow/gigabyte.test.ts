/**
 * Big and small: one gigabyte goes A → R → B in bounded memory, and a small message sent meanwhile
 * does not wait behind it.   GIGABYTE_BYTES (1 GiB) makes it another size.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { expect } from 'chai'
import { until } from '../../scripts/neighbourhood.ts'
import { awaitMessages, RawSmtp, startLine, type Web, withImap } from '../journey/web.ts'

const size = Number(process.env.GIGABYTE_BYTES ?? 2 ** 30)
const RESIDENT_MAX = 300 * 2 ** 20
const SMALL_MAX_MS = 2000

describe(`a message of ${(size / 2 ** 20).toFixed(0)} MiB, A → R → B`, function () {
  this.timeout(20 * 60_000)
  let web: Web
  let small: { ms: number }[]
  let wanted: string
  before(async () => {
    web = await startLine(['a', 'r', 'b'], { size_limit: '"3 GiB"', payload_limit: '"3 GiB"' })
    const client = await RawSmtp.logIn(web.a, web.ann)
    expect(await client.submit(web.ann.address, [web.bob.address], message('first'))).to.match(/^250 /)
    await awaitMessages(web.b, web.bob, 'Requests', 1)
    small = []
    const sending = sendLarge(web)
    let isOver = false
    const meanwhile = (async () => {
      for (let n = 0; !isOver; n++) {
        small.push({ ms: await sendSmall(web, client, `small-${n}`) })
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
    })()
    wanted = await sending
    await until('the large message is there', () => isThere(web, 'large'), 15 * 60_000)
    isOver = true
    await meanwhile
    client.close()
  })
  after(() => web?.close())

  it('arrives unaltered', async () => {
    const sum = await withImap(web.b, web.bob, async (imap) => {
      await imap.mailboxOpen('Requests', { readOnly: true })
      const uids = await imap.search({ header: { subject: 'large' } }, { uid: true })
      const { content } = await imap.download(String(Array.isArray(uids) ? uids[0] : 0), undefined, { uid: true })
      if (content === undefined) throw new Error('the large message is gone')
      const hash = createHash('sha256')
      let isBody = false
      let head = Buffer.alloc(0)
      for await (const chunk of content) {
        if (isBody) hash.update(chunk)
        else {
          head = Buffer.concat([head, chunk])
          const at = head.indexOf('\r\n\r\n')
          if (at < 0) continue
          isBody = true
          hash.update(head.subarray(at + 4))
        }
      }
      return hash.digest('hex')
    })
    expect(sum).to.equal(wanted)
  })

  it('keeps every process below 300 MB resident', () => {
    const peaks = web.gateways.map(({ name, pid }) => [name, peakOf(pid)] as const)
    console.log(
      `      ${peaks.map(([name, bytes]) => `${name} ${(bytes / 2 ** 20).toFixed(0)} MiB`).join(', ')} at the most`,
    )
    for (const [name, bytes] of peaks) expect(bytes, name).to.be.below(RESIDENT_MAX)
  })

  it('lets small messages by in under 2 s', () => {
    const sorted = small.map(({ ms }) => ms).sort((x, y) => x - y)
    console.log(
      `      ${sorted.length} small ones meanwhile: median ${sorted[sorted.length >> 1]?.toFixed(0)} ms, longest ${sorted.at(-1)?.toFixed(0)} ms`,
    )
    expect(sorted.length).to.be.above(0)
    expect(sorted.at(-1)).to.be.below(SMALL_MAX_MS)
  })
})

const message = (subject: string) =>
  Buffer.from(
    `From: <ann@a.test>\r\nTo: <bob@b.test>\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@journey.test>\r\n\r\nHello\r\n`,
  )

/** Streams the message as fast as it is taken. @returns the hash of its body, once 250 was said */
const sendLarge = (web: Web): Promise<string> =>
  new Promise((resolve, reject) => {
    const hash = createHash('sha256')
    const socket = connect(web.a.ports.smtp, '127.0.0.1')
    const login = Buffer.from(`\0${web.ann.address}\0${web.ann.password}`).toString('base64')
    const lines = [
      'EHLO large.test',
      `AUTH PLAIN ${login}`,
      `MAIL FROM:<${web.ann.address}>`,
      `RCPT TO:<${web.bob.address}>`,
      'DATA',
    ]
    let text = ''
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      text += chunk
      for (;;) {
        const whole = /^(?:\d{3}-[^\n]*\n)*(\d{3}) [^\n]*\n/.exec(text)
        if (whole === null) return
        text = text.slice(whole[0].length)
        const line = lines.shift()
        if (whole[1] === '354') void body(socket, hash).catch(reject)
        else if (!whole[0].startsWith('2')) reject(new Error(whole[0]))
        else if (line !== undefined) socket.write(`${line}\r\n`)
        else {
          socket.destroy()
          resolve(hash.digest('hex'))
        }
      }
    })
  })

const body = async (socket: ReturnType<typeof connect>, hash: ReturnType<typeof createHash>) => {
  socket.write('From: <ann@a.test>\r\nTo: <bob@b.test>\r\nSubject: large\r\nMessage-ID: <large@journey.test>\r\n\r\n')
  const line = `${'All of it is worth carrying. '.repeat(2)}\r\n`
  const block = Buffer.from(line.repeat(1000))
  for (let sent = 0, n = 0; sent < size; sent += block.length, n++) {
    const chunk = Buffer.from(block)
    chunk.write(String(n).padStart(8, '0')) // no two blocks are the same
    hash.update(chunk)
    if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve))
  }
  socket.write('.\r\n')
}

/** @returns ms from MAIL to being visible at B */
const sendSmall = async (web: Web, client: RawSmtp, subject: string): Promise<number> =>
  withImap(web.b, web.bob, async (imap) => {
    await imap.mailboxOpen('Requests', { readOnly: true })
    const before = imap.mailbox === false ? 0 : imap.mailbox.exists
    const began = performance.now()
    expect(await client.submit(web.ann.address, [web.bob.address], message(subject))).to.match(/^250 /)
    while (imap.mailbox !== false && imap.mailbox.exists === before) await imap.noop()
    return performance.now() - began
  })

const isThere = (web: Web, subject: string): Promise<boolean> =>
  withImap(web.b, web.bob, async (imap) => {
    await imap.mailboxOpen('Requests', { readOnly: true })
    const found = await imap.search({ header: { subject } })
    return Array.isArray(found) && found.length > 0
  })

/** VmHWM: the most that was ever resident. */
const peakOf = (pid: number | undefined): number =>
  1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN)
