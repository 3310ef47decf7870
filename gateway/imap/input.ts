/**
 * A client's bytes, one event at a time. Reads the socket only when asked, so a client that sends faster than it is
 * served is held back by TCP, and no more than one command is ever in memory.
 */
import type { Readable } from 'node:stream'
import { Reader, type ReaderLimits, type Taken } from './wire/reader.ts'

export class Input {
  private readonly socket: Readable
  private readonly reader: Reader
  private isOver = false
  /** Nothing is under way in the other direction but whole lines: a word may be put in. */
  isWaiting = false
  private wake: () => void = () => {}
  private readonly onEvent = () => this.wake()
  private readonly onEnd = () => {
    this.isOver = true
    this.wake()
  }

  constructor(socket: Readable, limits: ReaderLimits) {
    this.socket = socket
    this.reader = new Reader(limits)
    socket.on('readable', this.onEvent)
    for (const end of ['end', 'close', 'error']) socket.on(end, this.onEnd)
  }

  allow(limits: ReaderLimits): void {
    this.reader.allow(limits)
  }

  /** The next event; undefined once the client has gone. After `literal` first keep, stream or skip it. */
  async next(): Promise<Taken | undefined> {
    for (;;) {
      const taken = this.reader.take()
      if (taken) return taken
      if (!(await this.more())) return undefined
    }
  }

  /** A line in which braces mean nothing; null for one too long; undefined once the client has gone. */
  async bareLine(): Promise<string | null | undefined> {
    for (;;) {
      const line = this.reader.takeBareLine()
      if (line !== undefined) return line
      if (!(await this.more())) return undefined
    }
  }

  keep(): void {
    this.reader.keep()
  }

  stream(): void {
    this.reader.stream()
  }

  skip(): void {
    this.reader.skip()
  }

  /** Whether the client sent something nobody has read yet, as it must not before a STARTTLS is answered. */
  get hasMore(): boolean {
    return this.reader.waiting > 0 || this.socket.readableLength > 0
  }

  /** Lets go of the socket, for another to read. */
  release(): void {
    this.socket.off('readable', this.onEvent)
    for (const end of ['end', 'close', 'error']) this.socket.off(end, this.onEnd)
  }

  private async more(): Promise<boolean> {
    for (;;) {
      const chunk: Buffer | null = this.socket.read()
      if (chunk !== null) {
        this.reader.push(chunk)
        return true
      }
      if (this.isOver || this.socket.destroyed) return false
      this.isWaiting = true
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
      this.isWaiting = false
    }
  }
}
