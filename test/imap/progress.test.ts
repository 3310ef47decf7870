import { connect } from 'node:net'
import { expect } from 'chai'
import { Client } from '../dialogue/run.ts'
import { letter, startTestImap } from './server.ts'

/** All that is said to a new client up to the end of this command; then the server is closed. */
const answersTo = async (imap: Awaited<ReturnType<typeof startTestImap>>, asked: string): Promise<string[]> => {
  const client = new Client(connect(imap.port, '127.0.0.1'))
  const lines: string[] = []
  for (const command of ['b LOGIN ann@a.test secret', 'c SELECT INBOX', asked]) {
    client.send(command)
    for (let line = ''; !line.startsWith(`${command.split(' ')[0]} `); ) {
      line = (await client.line()) ?? ''
      lines.push(line)
    }
  }
  client.socket.destroy()
  await imap.close()
  return lines
}

describe('a long search', () => {
  for (const [what, tag, progressMs, told] of [
    [
      'tells how far it is (RFC 9585)',
      'a7',
      0,
      [
        '* OK [INPROGRESS ("a7" 0 120)] Still searching',
        '* OK [INPROGRESS ("a7" 50 120)] Still searching',
        '* OK [INPROGRESS ("a7" 100 120)] Still searching',
      ],
    ],
    [
      'does not name a tag that would end the code',
      'a]',
      0,
      [
        '* OK [INPROGRESS (NIL 0 120)] Still searching',
        '* OK [INPROGRESS (NIL 50 120)] Still searching',
        '* OK [INPROGRESS (NIL 100 120)] Still searching',
      ],
    ],
    ['and not while it is short', 'a7', 10_000, []],
  ] as const)
    it(what, async () => {
      const imap = await startTestImap({ timing: { progressMs } })
      await imap.deliver(
        'INBOX',
        Array.from({ length: 120 }, (_, n) => letter(n)),
      )
      const lines = await answersTo(imap, `${tag} SEARCH BODY "hello 119"`)
      expect(lines.filter((line) => line.startsWith('* OK [INPROGRESS'))).to.deep.equal(told)
      expect(lines).to.include('* SEARCH 120')
    })
  it('reads large messages one by one, for their texts are in memory', async () => {
    const imap = await startTestImap({ timing: { progressMs: 0 } })
    const line = `${'x'.repeat(998)}\r\n`
    await imap.deliver(
      'INBOX',
      [1, 2, 3].map((n) => ({ bytes: `Subject: ${n}\r\n\r\n${line.repeat(1500)}` })),
    )
    const lines = await answersTo(imap, 'd SEARCH BODY "not there"')
    expect(lines.filter((line) => line.startsWith('* OK [INPROGRESS'))).to.deep.equal(
      [0, 1, 2].map((done) => `* OK [INPROGRESS ("d" ${done} 3)] Still searching`),
    )
  })
})
