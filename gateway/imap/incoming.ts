/**
 * A message on its way in: the literal of an APPEND, which is never held in memory whole. RFC 3501 §6.3.11.
 *
 * Until `accept` the client may still be told no; one that waits for our "+" has then not sent a single octet of it.
 */
import type { Input } from './input.ts'
import { Gone, type Output } from './output.ts'

export class Incoming {
  /** Octets, as announced. */
  readonly size: number
  private readonly isSync: boolean
  private readonly input: Input
  private readonly output: Output
  private state: 'announced' | 'coming' | 'come' | 'ended' = 'announced'

  constructor(input: Input, output: Output, size: number, isSync: boolean) {
    this.input = input
    this.output = output
    this.size = size
    this.isSync = isSync
  }

  /** The message's bytes. @throws Gone when the client leaves before the last of them */
  async *accept(): AsyncGenerator<Buffer> {
    this.input.stream()
    this.state = 'coming'
    if (this.isSync) {
      this.output.line('+ Send the message')
      this.output.flush()
    }
    for (let left = this.size; left > 0; ) {
      const taken = await this.input.next()
      if (taken?.on !== 'bytes') throw new Gone()
      left = taken.left
      if (left === 0) this.state = 'come'
      yield taken.bytes
    }
    this.state = 'come'
  }

  /** Whether the command ends here, as it must: reads on to its end. */
  async isLast(): Promise<boolean> {
    this.state = 'ended'
    const taken = await this.input.next()
    if (taken === undefined) throw new Gone()
    if (taken.on === 'literal') this.input.skip()
    const [piece] = taken.on === 'command' ? taken.pieces : []
    return piece !== undefined && 'text' in piece && piece.text === ''
  }

  /** Leaves nothing of the command unread, whatever became of it. */
  async finish(): Promise<void> {
    if (this.state === 'announced') this.input.skip()
    while (this.state === 'coming') {
      const taken = await this.input.next()
      if (taken?.on !== 'bytes') throw new Gone()
      if (taken.left === 0) this.state = 'come'
    }
    if (this.state === 'come') await this.isLast()
    this.state = 'ended'
  }
}
