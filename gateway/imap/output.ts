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
  private gathered: (string | Buffer)[] = []
  private gatheredBytes = 0
  private hasBytes = false
  /** A line is begun, in which a literal may stand. */
  isWithin = false
  private onLineEnd: (() => void) | undefined

  constructor(socket: Writable) {
    this.socket = socket
  }

  line(text: string): void {
    this.write(`${text}\r\n`)
    this.isWithin = false
    const then = this.onLineEnd
    this.onLineEnd = undefined
    then?.()
  }

  /** Calls back behind the line that is begun. */
  atLineEnd(then: () => void): void {
    this.onLineEnd = then
  }

  write(text: string): void {
    this.isWithin = true
    this.gathered.push(text)
    this.gatheredBytes += text.length
    if (this.gatheredBytes >= GATHER_BYTES) this.flush()
  }

  bytes(bytes: Buffer): void {
    if (bytes.length >= GATHER_BYTES) {
      this.flush()
      if (this.isOpen) this.socket.write(bytes)
    } else {
      this.gathered.push(bytes)
      this.gatheredBytes += bytes.length
      this.hasBytes = true
      if (this.gatheredBytes >= GATHER_BYTES) this.flush()
    }
  }

  flush(): void {
    const { gathered, gatheredBytes, hasBytes } = this
    if (gatheredBytes === 0) return
    this.gathered = []
    this.gatheredBytes = 0
    this.hasBytes = false
    if (!this.isOpen) return
    if (hasBytes) this.socket.write(packed(gathered, gatheredBytes))
    else this.socket.write(gathered.join(''), 'latin1')
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

/** Each byte is copied once. */
const packed = (parts: readonly (string | Buffer)[], size: number): Buffer => {
  const all = Buffer.allocUnsafe(size)
  let at = 0
  for (const part of parts) at += typeof part === 'string' ? all.write(part, at, 'latin1') : part.copy(all, at)
  return all
}
