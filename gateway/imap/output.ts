/**
 * What goes to a client, gathered into few packets. Text is latin1 (wire/writer.ts).
 *
 * `room` is the back-pressure: whoever writes much awaits it now and then, and so never has more than HIGH_BYTES
 * under way. A client that stops reading is given up by the transport's timeout, and `room` then throws `Gone`.
 */
import type { Writable } from 'node:stream'

export class Gone extends Error {
  override readonly name = 'Gone'
}

const GATHER_BYTES = 16_384
const HIGH_BYTES = 262_144

export class Output {
  private readonly socket: Writable
  private text: string[] = []
  private textBytes = 0

  constructor(socket: Writable) {
    this.socket = socket
  }

  line(text: string): void {
    this.write(`${text}\r\n`)
  }

  write(text: string): void {
    this.text.push(text)
    this.textBytes += text.length
    if (this.textBytes >= GATHER_BYTES) this.flush()
  }

  bytes(bytes: Buffer): void {
    if (bytes.length < GATHER_BYTES) this.write(bytes.toString('latin1'))
    else {
      this.flush()
      if (this.isOpen) this.socket.write(bytes)
    }
  }

  flush(): void {
    if (this.textBytes === 0) return
    const text = this.text.join('')
    this.text = []
    this.textBytes = 0
    if (this.isOpen) this.socket.write(text, 'latin1')
  }

  /** The last of it: the connection closes in this direction. */
  end(): void {
    this.flush()
    this.socket.end()
  }

  get isOpen(): boolean {
    return !this.socket.destroyed && this.socket.writable
  }

  /** More may be written without piling up. */
  get hasRoom(): boolean {
    return this.socket.writableLength < HIGH_BYTES
  }

  /** Calls back whenever a client that lagged has caught up. @returns how to stop that */
  onRoom(then: () => void): () => void {
    this.socket.on('drain', then)
    return () => void this.socket.off('drain', then)
  }

  async room(): Promise<void> {
    if (!this.isOpen) throw new Gone()
    if (this.hasRoom) return
    this.flush()
    await new Promise<void>((resolve) => {
      const done = () => {
        this.socket.off('drain', done)
        this.socket.off('close', done)
        resolve()
      }
      this.socket.on('drain', done)
      this.socket.on('close', done)
    })
    if (!this.isOpen) throw new Gone()
  }
}
