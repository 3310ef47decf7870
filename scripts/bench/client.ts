/**
 * The client side of the benchmarks: Postfix's own load generator, a sender that knows when its final
 * dot left, and a reader that idles in INBOX and notes when each message was shown to it.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

type Load = { port: number; connections: number; count: number; from: string; to: string }

/** What every benchmark sends. */
export const MESSAGE_BYTES = 5120

/** `count` messages of 5 kB over connections that are kept. @returns seconds from its start to its end */
export const smtpSource = async ({ port, connections, count, from, to }: Load): Promise<number> => {
  const [sessions, messages, bytes] = [String(connections), String(count), String(MESSAGE_BYTES)]
  const args = ['-d', '-s', sessions, '-m', messages, '-l', bytes, '-f', from, '-t', to, `inet:127.0.0.1:${port}`]
  const start = performance.now()
  await new Promise<void>((resolve, reject) =>
    execFile('smtp-source', args, (error, _out, said) =>
      // It complains of refused messages and goes on: they would count as fast ones.
      error || said !== '' ? reject(new Error(`smtp-source: ${said || error}`)) : resolve(),
    ),
  )
  return (performance.now() - start) / 1000
}

/** One kept connection that speaks line by line and waits for each answer. */
class Dialogue {
  private readonly socket: Socket
  private text = ''
  private closed = false
  protected hear: (() => void) | undefined

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.socket.setEncoding('latin1')
    this.socket.on('data', (chunk: string) => {
      this.text += chunk
      this.hear?.()
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.closed = true
      this.hear?.()
    })
  }

  say(text: string): void {
    this.socket.write(text, 'latin1')
  }

  /** Up to the line that matches, which is the answer. */
  async until(last: RegExp): Promise<string> {
    for (;;) {
      const line = this.line()
      if (line !== undefined && last.test(line)) return line
      if (line !== undefined) continue
      if (this.closed) throw new Error('the server closed the connection')
      await new Promise<void>((resolve) => {
        this.hear = resolve
      })
    }
  }

  /** Ends the connection without further words. */
  async close(): Promise<void> {
    if (this.closed) return
    this.socket.destroy()
    await once(this.socket, 'close')
  }

  private line(): string | undefined {
    const end = this.text.indexOf('\r\n')
    if (end < 0) return undefined
    const line = this.text.slice(0, end)
    this.text = this.text.slice(end + 2)
    return line
  }
}

/** Sends single messages over one connection, by SMTP or LMTP. */
export class Sender {
  private readonly dialogue: Dialogue
  private readonly hello: 'EHLO' | 'LHLO'
  private sent = 0

  constructor(port: number, hello: 'EHLO' | 'LHLO' = 'EHLO') {
    this.dialogue = new Dialogue(port)
    this.hello = hello
  }

  async greet(): Promise<void> {
    await this.answer('2')
    await this.ask(`${this.hello} client.test`, '2')
  }

  /** @returns when the final dot was written; it resolves with the answer to it */
  async send(from: string, to: string): Promise<number> {
    await this.ask(`MAIL FROM:<${from}>`, '2')
    await this.ask(`RCPT TO:<${to}>`, '2')
    await this.ask('DATA', '3')
    const letter = shortLetter(from, to, ++this.sent)
    const at = performance.now()
    await this.ask(`${letter}\r\n.`, '2')
    return at
  }

  close(): Promise<void> {
    return this.dialogue.close()
  }

  private ask(line: string, expected: string): Promise<void> {
    this.dialogue.say(`${line}\r\n`)
    return this.answer(expected)
  }

  private async answer(expected: string): Promise<void> {
    const line = await this.dialogue.until(/^\d{3} /)
    if (!line.startsWith(expected)) throw new Error(`the server answered: ${line}`)
  }
}

/** 5 kB, with an id of its own. */
export const shortLetter = (from: string, to: string, n: number): string =>
  `From: <${from}>\r\nTo: <${to}>\r\nSubject: Message ${n}\r\nMessage-ID: <${n}.${process.pid}.${Date.now()}@bench.test>\r\n\r\n${text}`

const text = 'All work and no play makes a dull mail.\r\n'.repeat(MESSAGE_BYTES / 41)

/** A reader with INBOX open in IDLE (RFC 2177), who notes when the mailbox grew. */
export class Reader {
  private readonly dialogue: Dialogue
  /** How many messages the server has shown. */
  count = 0

  constructor(port: number) {
    this.dialogue = new Dialogue(port)
  }

  async idle(user: string, password: string): Promise<void> {
    await this.dialogue.until(/^\* OK/)
    this.dialogue.say(`a LOGIN "${user}" "${password}"\r\n`)
    await this.dialogue.until(/^a OK/)
    this.dialogue.say('b SELECT INBOX\r\n')
    const line = await this.dialogue.until(EXISTS)
    this.count = Number(EXISTS.exec(line)?.[1])
    await this.dialogue.until(/^b OK/)
    this.dialogue.say('c IDLE\r\n')
    await this.dialogue.until(/^\+/)
  }

  /** @returns the moment at which there were `count` messages or more */
  async sees(count: number): Promise<number> {
    while (this.count < count) {
      const line = await this.dialogue.until(EXISTS)
      this.count = Number(EXISTS.exec(line)?.[1])
    }
    return performance.now()
  }

  close(): Promise<void> {
    return this.dialogue.close()
  }
}

const EXISTS = /^\* (\d+) EXISTS/
