/**
 * Sections of a letter of 64 MiB: pieces of it are cheap, wherever they are, and no part is ever held whole.
 */
import { randomFillSync } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'chai'
import { Client } from '../dialogue/run.ts'
import { heldBytes } from '../fixture/memory.ts'
import { Answer, hashOf } from './answer.ts'
import { startTestImap, type TestImap } from './server.ts'

/** Nothing in it repeats, so that bytes of the wrong place show. */
const film = randomFillSync(Buffer.alloc(40_000_000))
film[30_000_001] = 0 // a thousand bytes by chance have none in one run of fifty, and are no literal8 then (RFC 3516)
const folded = Buffer.from(film.toString('base64').replace(/.{76}/g, '$&\r\n'))
const notes = Buffer.from(Array.from({ length: 500_000 }, (_, i) => `line ${i} of many\r\n`).join(''))
const inner = Buffer.concat([Buffer.from('Subject: inside\r\n\r\n'), notes.subarray(0, 2_000_000)])
const open = (head: string): Buffer => Buffer.from(`\r\n--b\r\n${head}\r\n\r\n`)
const letter = Buffer.concat([
  Buffer.from('Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n'),
  ...[open('Content-Type: text/plain'), notes],
  ...[open('Content-Type: video/mp4\r\nContent-Transfer-Encoding: base64'), folded],
  ...[open('Content-Type: message/rfc822'), inner],
  Buffer.from('\r\n--b--\r\n'),
])
/** gateway/imap/output.ts: with so much unread it writes no more. */
const HIGH_BYTES = 262_144
/** That, a piece of the file at once, and what a message's structure and the test itself take. */
const HELD_MAX = 4 << 20

const cases: [item: string, told: string][] = [
  ['BODY.PEEK[]', `BODY[] ${hashOf(letter)}`],
  ['BODY.PEEK[2]', `BODY[2] ${hashOf(folded)}`],
  ['BODY.PEEK[2]<0.1000>', `BODY[2]<0> ${hashOf(folded.subarray(0, 1000))}`],
  ['BODY.PEEK[2]<50000000.1000>', `BODY[2]<50000000> ${hashOf(folded.subarray(50_000_000, 50_001_000))}`],
  ['BODY.PEEK[2]<1000.9000000>', `BODY[2]<1000> ${hashOf(folded.subarray(1000, 9_001_000))}`],
  ['BODY.PEEK[2]<99000000.1000>', 'BODY[2]<99000000> '],
  ['BODY.PEEK[1]<5000000.6000000>', `BODY[1]<5000000> ${hashOf(notes.subarray(5_000_000, 11_000_000))}`],
  ['BODY.PEEK[3.TEXT]<1999990.1000>', `BODY[3.TEXT]<1999990> ${hashOf(notes.subarray(1_999_990, 2_000_000))}`],
  ['BODY.PEEK[3.HEADER.FIELDS (SUBJECT)]', `BODY[3.HEADER.FIELDS (SUBJECT)] ${hashOf('Subject: inside\r\n\r\n')}`],
  ['BINARY.SIZE[2]', `BINARY.SIZE[2] ${film.length}`],
  ['BINARY.PEEK[2]', `BINARY[2] ~${hashOf(film)}`],
  ['BINARY.PEEK[2]<30000001.1000>', `BINARY[2]<30000001> ~${hashOf(film.subarray(30_000_001, 30_001_001))}`],
  ['BINARY.PEEK[2]<30000001.5000000>', `BINARY[2]<30000001> ~${hashOf(film.subarray(30_000_001, 35_000_001))}`],
]

describe(`IMAP: a letter of ${(letter.length / 2 ** 20).toFixed(0)} MiB`, function () {
  this.timeout(60_000)
  let imap: TestImap
  let client: Client
  let served: Socket | undefined
  const onServed = (message: unknown) => {
    served = (message as { socket: Socket }).socket
  }
  before(async () => {
    subscribe('net.server.socket', onServed)
    imap = await startTestImap()
    await imap.deliver('INBOX', [{ bytes: letter }])
    client = new Client(connect(imap.port, '127.0.0.1'))
    for (const command of ['LOGIN ann@a.test secret', 'SELECT INBOX']) {
      client.send(`a ${command}`)
      while (!(await client.line())?.startsWith('a OK'));
    }
    client.socket.removeAllListeners('data')
  })
  after(async () => {
    unsubscribe('net.server.socket', onServed)
    client.socket.destroy()
    await imap.close()
  })

  /** @param meanwhile while the client does not read yet */
  const answerTo = async (command: string, meanwhile = async () => {}): Promise<readonly string[]> => {
    const answer = new Answer()
    const answered = new Promise<void>((resolve) => {
      client.socket.on('data', (chunk) => {
        answer.push(chunk)
        if (answer.lines.at(-1)?.startsWith('f ')) resolve()
      })
    })
    client.socket.pause()
    client.send(`f ${command}`)
    await meanwhile()
    client.socket.resume()
    await answered
    client.socket.removeAllListeners('data')
    return answer.lines
  }

  for (const [item, told] of cases)
    it(item, async () => {
      expect(await answerTo(`FETCH 1 ${item}`)).to.deep.equal([`* 1 FETCH (${told})`, 'f OK Fetched'])
    })

  for (const [item, told] of cases.filter(([item]) => /^B\w+\.PEEK\[2?\]$/.test(item)))
    it(`${item}, told to a client that does not read, waits in its file`, async () => {
      let held = 0
      const before = heldBytes()
      const lines = await answerTo(`FETCH 1 ${item}`, async () => {
        while ((served?.writableLength ?? 0) < HIGH_BYTES) await wait(5)
        held = heldBytes() - before
      })
      expect(lines).to.deep.equal([`* 1 FETCH (${told})`, 'f OK Fetched'])
      expect(held).to.be.below(HELD_MAX)
    })
})
