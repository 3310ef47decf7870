/**
 * Dialogues with a server, as text:
 *
 *     # a comment
 *     C: a1 NOOP              sent, with CRLF
 *     S: a1 OK ...            the next line that comes; `...` stands for whatever
 *     S: ...                  alone: any number of lines, up to the one that follows
 *     C2: b1 NOOP             another client, which connects when it first speaks or listens
 *     ! deliver INBOX 2       a step of the test itself; `! 2 tls` is one for client 2
 *     S: (end)                the server closes
 *
 * Everything is latin1, an octet a character.
 */
import type { Socket } from 'node:net'

export type Steps = Record<string, (words: string[], client: Client) => Promise<void>>

/** One connection, read line by line. */
export class Client {
  socket: Socket
  private text = ''
  private isOver = false
  private wake: () => void = () => {}
  private readonly onData = (chunk: Buffer) => {
    this.text += chunk.toString('latin1')
    this.wake()
  }
  private readonly onClose = () => {
    this.isOver = true
    this.wake()
  }

  constructor(socket: Socket) {
    this.socket = socket
    this.listen()
  }

  /** Speaks over another socket from now on, one that wraps the first. */
  change(wrap: (socket: Socket) => Socket): void {
    this.socket.off('data', this.onData)
    this.socket.off('close', this.onClose)
    this.socket = wrap(this.socket)
    this.listen()
  }

  send(line: string): void {
    this.socket.write(`${line}\r\n`, 'latin1')
  }

  /** The next line; undefined when the server has closed. */
  async line(withinMs = 20_000): Promise<string | undefined> {
    const until = Date.now() + withinMs
    for (;;) {
      const end = this.text.indexOf('\r\n')
      if (end >= 0) {
        const line = this.text.slice(0, end)
        this.text = this.text.slice(end + 2)
        return line
      }
      if (this.isOver) return undefined
      const leftMs = until - Date.now()
      if (leftMs <= 0) throw new Error(`nothing came within ${withinMs} ms; so far: ${JSON.stringify(this.text)}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  private listen(): void {
    this.socket.on('data', this.onData)
    this.socket.on('close', this.onClose)
    this.socket.on('error', () => {})
  }
}

export const runDialogue = async (text: string, connect: () => Promise<Socket>, steps: Steps = {}): Promise<void> => {
  const clients = new Map<string, Client>()
  const clientOf = async (name: string): Promise<Client> => {
    const client = clients.get(name) ?? new Client(await connect())
    clients.set(name, client)
    return client
  }
  let skips = false
  try {
    for (const [index, row] of text.split('\n').entries()) {
      const [, who = '', name = '', rest = ''] = /^([CS])(\d*): ?(.*)$/.exec(row) ?? []
      const where = `line ${index + 1}: ${row}`
      if (row.startsWith('! ')) await step(row.slice(2), steps, clientOf)
      else if (who === 'C') (await clientOf(name)).send(rest)
      else if (who === 'S' && rest === '...') skips = true
      else if (who === 'S') {
        await expectLine(await clientOf(name), rest, skips, where)
        skips = false
      } else if (row.trim() !== '' && !row.startsWith('#')) throw new Error(`not a dialogue: ${where}`)
    }
  } finally {
    for (const { socket } of clients.values()) socket.destroy()
  }
}

const step = async (row: string, steps: Steps, clientOf: (name: string) => Promise<Client>): Promise<void> => {
  const [, number = '', verb = '', rest = ''] = /^(?:(\d+) )?(\S+) ?(.*)$/.exec(row) ?? []
  const run = steps[verb]
  if (!run) throw new Error(`no such step: ${row}`)
  await run(rest.split(' ').filter(Boolean), await clientOf(number))
}

const expectLine = async (client: Client, pattern: string, skips: boolean, where: string): Promise<void> => {
  const wanted = new RegExp(`^${pattern.split('...').map(escaped).join('.*')}$`, 's')
  for (;;) {
    const line = await client.line().catch((error) => {
      throw new Error(`${where}\n${error.message}`)
    })
    if (line === undefined && pattern === '(end)') return
    if (line !== undefined && wanted.test(line)) return
    if (!skips || line === undefined) throw new Error(`${where}\nbut this came: ${line ?? '(end)'}`)
  }
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
