/**
 * An IMAP client that asks and waits for the answer, and spends as little as it can on it: what is measured is the server.
 *
 * The end of an answer is recognised by its tag alone, which no letter of ours holds; nothing before it is parsed.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** `bytes` is everything from the first untagged answer to the tagged line. `text` is that line behind the tag. */
export type Answer = { status: 'OK' | 'NO' | 'BAD'; text: string; bytes: Buffer }

/** A tagged line is shorter, but for one that names thousands of messages (COPYUID). */
const TAIL_BYTES = 4096

let clients = 0

export class ImapClient {
  private readonly socket: Socket
  private readonly name = `q${(++clients).toString(36)}x`
  private chunks: Buffer[] = []
  private asked = 0
  private closed = false
  private hear: () => void = () => {}

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk)
      this.hear()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
      this.hear()
    })
  }

  /** Connects and reads the greeting. */
  static async connect(port: number): Promise<ImapClient> {
    const client = new ImapClient(connect({ port, host: '127.0.0.1', noDelay: true }))
    await client.end((tail) => tail.length > 0)
    return client
  }

  static async login(port: number, user: string, password: string): Promise<ImapClient> {
    const client = await ImapClient.connect(port)
    await client.ok(`LOGIN "${user}" "${password}"`)
    return client
  }

  /** Says one command, literals (`{n+}`) and all, and waits. @throws when the connection ends before the answer */
  async ask(command: string | Buffer): Promise<Answer> {
    const tag = `${this.name}${++this.asked}`
    this.socket.cork()
    this.socket.write(`${tag} `)
    this.socket.write(command, 'latin1')
    this.socket.write('\r\n')
    this.socket.uncork()
    const bytes = await this.end((tail) => tagged(tail, tag) >= 0)
    const line = bytes.toString('latin1', tagged(bytes, tag) + tag.length + 1, bytes.length - 2)
    const status = (/^(OK|NO|BAD)\b/.exec(line)?.[1] ?? 'BAD') as Answer['status']
    return { status, text: line, bytes }
  }

  /** As `ask`, for what has to succeed. */
  async ok(command: string | Buffer): Promise<Buffer> {
    const { status, text, bytes } = await this.ask(command)
    if (status !== 'OK') throw new Error(`${command.toString('latin1', 0, 200)}\nwas answered: ${text}`)
    return bytes
  }

  /** Adds a message to a mailbox, without waiting to be asked for it (RFC 7888). */
  append(mailbox: string, message: Buffer, flags = ''): Promise<Answer> {
    const head = Buffer.from(`APPEND "${mailbox}" ${flags && `(${flags}) `}{${message.length}+}\r\n`, 'latin1')
    return this.ask(Buffer.concat([head, message]))
  }

  async logout(): Promise<void> {
    await this.ask('LOGOUT')
    await this.close()
  }

  /** Ends the connection without a word. */
  async close(): Promise<void> {
    if (this.closed) return
    this.socket.destroy()
    if (!this.closed) await once(this.socket, 'close')
  }

  private async end(isEnd: (tail: Buffer) => boolean): Promise<Buffer> {
    while (!isEnd(this.tail())) {
      if (this.closed) throw new Error(`the server closed the connection: ${Buffer.concat(this.chunks).subarray(-400)}`)
      await new Promise<void>((resolve) => {
        this.hear = resolve
      })
    }
    const bytes = Buffer.concat(this.chunks)
    this.chunks = []
    return bytes
  }

  /** The last bytes that came, at least one whole line of them. */
  private tail(): Buffer {
    const last = this.chunks.at(-1)
    if (!last || last.at(-1) !== LF) return EMPTY
    if (last.length >= TAIL_BYTES && last.subarray(-TAIL_BYTES, -1).includes(LF)) return last.subarray(-TAIL_BYTES)
    if (this.chunks.length > 1) this.chunks = [Buffer.concat(this.chunks)]
    return this.chunks[0] ?? EMPTY
  }
}

const LF = 10
const EMPTY = Buffer.alloc(0)

/** Where the line with this tag begins, which is the last line; -1 if there is none. */
const tagged = (bytes: Buffer, tag: string): number => {
  const at = bytes.lastIndexOf(`\n${tag} `)
  if (at >= 0) return at + 1
  return bytes.subarray(0, tag.length + 1).toString('latin1') === `${tag} ` ? 0 : -1
}
