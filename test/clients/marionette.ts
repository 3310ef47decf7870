/**
 * Marionette, by which Mozilla's programs are driven from outside: over one TCP connection, each
 * message `LENGTH:JSON`; a command is [0, id, name, parameters], its answer [1, id, error, result].
 * (Firefox Source Docs, "Marionette Protocol".)
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

type Answer = [type: 1, id: number, error: { message: string } | null, result: { value: unknown } | null]
type Outcome = { value?: unknown; error?: string }

const TRY_MS = 300
const SCRIPT_MS = 60_000

export class Marionette {
  private readonly socket: Socket
  private readonly waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  private bytes = Buffer.alloc(0)
  private last = 0

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (data) => this.take(data))
    socket.on('error', () => {}) // the program has ended
    socket.on('close', () => {
      for (const { reject } of this.waiting.values()) reject(new Error('the program has ended'))
    })
  }

  /** Waits until the program listens, and asks for the whole of it, not for web pages alone. */
  static async connect(port: number, withinMs: number): Promise<Marionette> {
    for (const until = Date.now() + withinMs; ; await sleep(TRY_MS)) {
      try {
        const marionette = new Marionette(await opened(port))
        await marionette.send('WebDriver:NewSession', { capabilities: {} })
        await marionette.send('Marionette:SetContext', { value: 'chrome' })
        return marionette
      } catch (error) {
        if (Date.now() > until) throw error
      }
    }
  }

  /** Runs the body of an async function in the program's own main window. @returns what it returns */
  async run<Result>(body: string): Promise<Result> {
    const script = `const done = arguments[arguments.length - 1];
      (async () => { ${body} })().then((value) => done({ value }), (error) => done({ error: String(error) }))`
    const { value } = (await this.send('WebDriver:ExecuteAsyncScript', {
      script,
      args: [],
      sandbox: 'system',
      scriptTimeout: SCRIPT_MS,
    })) as { value: Outcome }
    if (value.error !== undefined) throw new Error(value.error)
    return value.value as Result
  }

  /** PNG. */
  async screenshot(): Promise<Buffer> {
    const { value } = (await this.send('WebDriver:TakeScreenshot', { full: false, hash: false })) as { value: string }
    return Buffer.from(value, 'base64')
  }

  close(): void {
    this.socket.destroy()
  }

  private send(name: string, parameters: object): Promise<unknown> {
    const id = ++this.last
    const text = JSON.stringify([0, id, name, parameters])
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject })
      this.socket.write(`${Buffer.byteLength(text)}:${text}`)
    })
  }

  private take(data: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, data])
    for (;;) {
      const colon = this.bytes.indexOf(':')
      const end = colon + 1 + Number(this.bytes.subarray(0, colon))
      if (colon < 0 || this.bytes.length < end) return
      const message = JSON.parse(String(this.bytes.subarray(colon + 1, end)))
      this.bytes = this.bytes.subarray(end)
      if (Array.isArray(message)) this.settle(message as Answer) // the first is a greeting, an object
    }
  }

  private settle([, id, error, result]: Answer): void {
    const waiting = this.waiting.get(id)
    this.waiting.delete(id)
    if (error) waiting?.reject(new Error(error.message))
    else waiting?.resolve(result)
  }
}

const opened = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.once('error', reject)
  })
