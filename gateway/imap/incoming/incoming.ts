/**
 * The rest of a command in which messages stand: words, and literals that are taken as they come and never held in
 * memory whole. RFC 3501 §6.3.11, RFC 3502, RFC 4469.
 *
 *   announced --accept()--> coming --its last octet--> come --next()--> announced, or ended
 *
 * Until `accept` the client may still be told no; one that waits for our "+" has then not sent a single octet of it.
 */
import type { Input } from '../input.ts'
import { Gone, type Output } from '../output.ts'
import type { Announced } from '../wire/reader.ts'
import { fail, Words } from '../wire/words.ts'

export class Incoming {
  /** What stands before the literal, or before the end of the command. */
  words: Words
  /** The literal that comes after `words`, with its octets; undefined at the end of the command. */
  literal: Announced | undefined
  private readonly input: Input
  private readonly output: Output
  private readonly isUtf8: boolean
  private state: 'announced' | 'coming' | 'come' | 'ended'

  constructor(input: Input, output: Output, isUtf8: boolean, words: Words, literal?: Announced) {
    this.input = input
    this.output = output
    this.isUtf8 = isUtf8
    this.words = words
    this.literal = literal
    this.state = literal ? 'announced' : 'ended'
  }

  /** The literal if it stands here: all words before it are read. */
  get here(): Announced | undefined {
    return this.words.isAtEnd() ? this.literal : undefined
  }

  get isAtEnd(): boolean {
    return this.literal === undefined && this.words.isAtEnd()
  }

  /** The literal's bytes. @throws Gone when the client leaves before the last of them */
  async *accept(): AsyncGenerator<Buffer> {
    if (this.state !== 'announced' || !this.literal) throw new Error('no literal is announced')
    this.input.stream()
    this.state = 'coming'
    if (this.literal.sync) {
      this.output.line('+ Go on')
      this.output.flush()
    }
    for (let left = this.literal.size; left > 0; ) {
      const taken = await this.input.next()
      if (taken?.on !== 'bytes') throw new Gone()
      left = taken.left
      if (left === 0) this.state = 'come'
      yield taken.bytes
    }
    this.state = 'come'
  }

  /** Reads what follows the literal. @throws Malformed if that is more than a command may have */
  async next(): Promise<void> {
    const taken = await this.input.next()
    if (taken === undefined) throw new Gone()
    const isLiteral = taken.on === 'literal'
    this.state = isLiteral ? 'announced' : 'ended'
    this.literal = isLiteral ? taken : undefined
    if (taken.on !== 'literal' && taken.on !== 'command') fail('the command is too long')
    else this.words = new Words(taken.pieces, this.isUtf8)
  }

  /** An atom or a string; a literal is read to its end, and must not be longer than so many octets. */
  async astring(octetsMax: number): Promise<string> {
    const { here } = this
    if (!here) return this.words.astring()
    if (here.size > octetsMax) fail('the literal is too large')
    const chunks: Buffer[] = []
    for await (const chunk of this.accept()) chunks.push(Buffer.from(chunk))
    await this.next()
    return Buffer.concat(chunks).toString('latin1')
  }

  /** Leaves nothing of the command unread, whatever became of it. */
  async finish(): Promise<void> {
    if (this.state === 'announced') this.input.skip()
    while (this.state === 'coming') {
      const taken = await this.input.next()
      if (taken?.on !== 'bytes') throw new Gone()
      if (taken.left === 0) this.state = 'come'
    }
    if (this.state === 'come') {
      const taken = await this.input.next()
      if (taken?.on === 'literal') this.input.skip()
    }
    this.state = 'ended'
  }
}
