/**
 * A message on its way into a mailbox: literals of the client's and pieces of messages that are here, one after the
 * other, walked and spooled as they come.
 */
import type { Readable } from 'node:stream'
import { type Parsed, startWalk } from '../../../src/mail/walk.ts'
import { Refusal } from '../../../src/refusal.ts'
import { type BodyDraft, type BodyWriter, startBody } from '../../../store/spool.ts'

type Composed = { body: BodyDraft; parsed: Parsed }

export class Composer {
  private readonly octetsMax: number
  private readonly walk = startWalk()
  private readonly writer: BodyWriter
  private size = 0
  /** A literal8 is in it: whoever sent that knows what to make of NUL refused. */
  isBinary = false

  constructor(home: string, octetsMax: number) {
    this.octetsMax = octetsMax
    this.writer = startBody(home)
  }

  /** @throws Refusal message-too-large, if so many octets more would be too many */
  allow(octets: number): void {
    if (this.size + octets <= this.octetsMax) return
    throw new Refusal('message-too-large', `A message may have ${this.octetsMax} octets here`)
  }

  async add(bytes: AsyncIterable<Buffer> | Readable): Promise<void> {
    for await (const chunk of bytes) {
      this.allow(chunk.length)
      this.size += chunk.length
      this.walk.push(chunk)
      await this.writer.write(chunk)
    }
  }

  async finish(): Promise<Composed> {
    if (this.size === 0) throw new Refusal('message-malformed', 'The message is empty')
    return { body: await this.writer.finish(), parsed: this.walk.end() }
  }

  abort(): Promise<void> {
    return this.writer.abort()
  }
}
