/**
 * Nothing but CR LF . CR LF ends a message, wherever the network cuts it. The first half judges the library's
 * parser, so that a change of the library is noticed here; the second, what of it arrives at `submit`.
 */
import { expect } from 'chai'
import fc from 'fast-check'
import { SMTPStream } from 'smtp-server/lib/smtp-stream.js'
import { type Edge, openEdge, Raw } from './edge.ts'

/** Feeds DATA in chunks. @returns the message, and the commands seen behind it */
const parse = async (chunks: Buffer[]): Promise<{ message: Buffer; commands: string[] }> => {
  const parser = new SMTPStream()
  const commands: string[] = []
  parser.oncommand = (command, done) => {
    commands.push(command.toString('latin1'))
    done?.()
  }
  const data = parser.startDataMode()
  const pieces: Buffer[] = []
  data.on('data', (piece: Buffer) => pieces.push(piece))
  data.on('end', () => parser.continue())
  for (const chunk of chunks) await new Promise((resolve) => parser.write(chunk, resolve))
  return { message: Buffer.concat(pieces), commands }
}

const cut = (bytes: Buffer, cuts: number[]): Buffer[] => {
  const at = [...new Set([0, ...cuts.map((each) => each % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b)
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end))
}

/** RFC 5321 §4.5.2: a dot more before each line that begins with one. */
const stuff = (message: string): string => `${message.replace(/^\./, '..').replaceAll('\r\n.', '\r\n..')}.\r\n`

const awkward = fc.constantFrom(
  '\r\n',
  '\r',
  '\n',
  '.',
  '..',
  '\r\n.',
  '\n.\n',
  '\n.\r\n',
  '\r.\r',
  '\r\n.\r',
  'x',
  '\0',
)
/** Random text that ends a line, as every message before its final dot does. */
const message = fc
  .array(awkward, { maxLength: 25, size: 'max' })
  .map((pieces) => `${pieces.join('')}\r\n`)
  // An LF alone before a doubled dot loses a dot: such a message is refused, see lines.test.ts.
  .filter((text) => !/(?<!\r)\n\.\./.test(text))

describe('smtp smuggling', () => {
  it('every message comes out as it went in, however it is cut, and what follows it is a command', () =>
    fc.assert(
      fc.asyncProperty(message, fc.array(fc.nat(80), { maxLength: 8 }), async (text, cuts) => {
        const parsed = await parse(cut(Buffer.from(`${stuff(text)}QUIT\r\n`, 'latin1'), cuts))
        expect(parsed.message.toString('latin1')).to.equal(text)
        expect(parsed.commands).to.deep.equal(['QUIT'])
      }),
      { numRuns: 500 },
    ))

  let edge: Edge
  before(async () => {
    edge = await openEdge({ messagesPerMinute: 10_000 })
  })
  after(() => edge.close())

  const ends = [
    '\n.\n',
    '\n.\r\n',
    '\r\n.\n',
    '\r.\r',
    '\r.\r\n',
    '\r\n.\r',
    '\n.\r',
    '\r\n\0.\r\n',
    '\r\n.\0\r\n',
    '\r\r\n.\r\r\n',
  ]
  for (const end of ends)
    it(`${JSON.stringify(end)} does not end a message: what follows is refused with it, and never runs`, async () => {
      const client = await Raw.dial(edge.ports[0] ?? 0)
      await client.logIn()
      const inner = 'MAIL FROM:<alice@a.test>\r\nRCPT TO:<bob@b.test>\r\nDATA\r\nSubject: smuggled\r\n\r\n.\r\n'
      const reply = await client.submit(`Subject: outer\r\n\r\nhello${end}${inner}`)
      expect(reply).to.match(/^554 5\.6\.0 Line \d of the message holds/)
      expect(await client.say('NOOP')).to.equal('250 2.0.0 OK')
      client.end()
      expect(edge.submissions).to.deep.equal([])
    })

  it('a final dot sent in pieces is the same dot', async () => {
    const client = await Raw.dial(edge.ports[0] ?? 0)
    await client.logIn()
    const whole = Buffer.from('Subject: pieces\r\n\r\n..\r\n.\r\n')
    for (const line of ['MAIL FROM:<alice@a.test>', 'RCPT TO:<bob@b.test>', 'DATA']) await client.say(line)
    for (const byte of whole) {
      client.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await client.reply()).to.match(/^250 2\.0\.0 Accepted as [0-9a-f]{32}$/)
    const [submission] = edge.submissions.splice(0)
    if (submission === undefined) return expect.fail('nothing came')
    expect((await edge.body(submission.body)).toString()).to.match(/\r\n\r\n\.\r\n$/)
    client.end()
  })
})
