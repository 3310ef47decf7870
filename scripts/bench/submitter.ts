/**
 * A load for submission, in a process of its own: `smtp-source` has neither TLS nor AUTH. So many kept connections log
 * in over TLS, and when all have, they send one message after the other as `smtp-source` does, a command at a time.
 *
 * The load is the one argument, as JSON; the answer is on standard output: seconds from the first MAIL to the last
 * answer, and the processor time this process has used meanwhile.
 */
import { connect, type TLSSocket } from 'node:tls'
import { shortLetter } from './client.ts'

export type Load = {
  port: number
  connections: number
  count: number
  user: string
  password: string
  from: string
  to: string
}
export type Sent = { seconds: number; processorMs: number }

/** One connection: a command, and the answer to it. */
const dial = (port: number) => {
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }) // it certifies itself
  socket.setNoDelay(true)
  socket.setEncoding('latin1')
  let said = ''
  let heard: (line: string) => void = () => {}
  let failed: (error: Error) => void = () => {}
  socket.on('data', (chunk: string) => {
    said += chunk
    const last = LAST_LINE.exec(said)?.[1]
    if (last === undefined) return
    said = ''
    heard(last)
  })
  socket.on('error', (error) => failed(error))
  socket.on('close', () => failed(new Error('the server closed the connection')))
  const answer = async (expected: string): Promise<void> => {
    const line = await new Promise<string>((resolve, reject) => {
      heard = resolve
      failed = reject
    })
    if (!line.startsWith(expected)) throw new Error(`the server answered: ${line}`)
  }
  return {
    greeting: () => answer('2'),
    ask(command: string, expected: string): Promise<void> {
      socket.write(`${command}\r\n`, 'latin1')
      return answer(expected)
    },
    close: () => socket.destroy(),
  }
}

/** The last line of an answer has no hyphen behind its code: RFC 5321 §4.2.1. */
const LAST_LINE = /(?:^|\n)(\d{3} [^\r\n]*)\r\n$/

const main = async ({ port, connections, count, user, password, from, to }: Load): Promise<void> => {
  const plain = Buffer.from(`\0${user}\0${password}`).toString('base64')
  const sessions = await Promise.all(
    Array.from({ length: connections }, async () => {
      const session = dial(port)
      await session.greeting()
      await session.ask('EHLO client.test', '2')
      await session.ask(`AUTH PLAIN ${plain}`, '2')
      return session
    }),
  )
  let left = count
  const before = process.cpuUsage()
  const start = performance.now()
  await Promise.all(
    sessions.map(async ({ ask, close }) => {
      while (left > 0) {
        const text = shortLetter(from, to, left--)
        await ask(`MAIL FROM:<${from}>`, '2')
        await ask(`RCPT TO:<${to}>`, '2')
        await ask('DATA', '3')
        await ask(`${text}\r\n.`, '2')
      }
      close()
    }),
  )
  const { user: own, system } = process.cpuUsage(before)
  const sent: Sent = { seconds: (performance.now() - start) / 1000, processorMs: (own + system) / 1000 }
  console.log(JSON.stringify(sent))
}

await main(JSON.parse(process.argv[2] ?? '{}') as Load)
