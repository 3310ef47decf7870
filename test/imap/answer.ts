/**
 * An answer whose bodies are too large to keep: each is told as its hash.
 */
import { createHash } from 'node:crypto'

/** Tells the bodies apart while it comes, without keeping them. */
export class Answer {
  /** Lines in order; a literal is `<its hash>`. */
  readonly lines: string[] = []
  private rest = Buffer.alloc(0)
  private line = ''
  private left = 0
  private hash = createHash('sha256')

  push(chunk: Buffer): void {
    this.rest = Buffer.concat([this.rest, chunk])
    while (this.rest.length > 0) if (!(this.left > 0 ? this.literal() : this.text())) return
  }

  private literal(): boolean {
    const bytes = this.rest.subarray(0, this.left)
    this.hash.update(bytes)
    this.left -= bytes.length
    this.rest = this.rest.subarray(bytes.length)
    if (this.left === 0) this.line += `<${this.hash.digest('hex')}>`
    return true
  }

  private text(): boolean {
    const end = this.rest.indexOf('\r\n')
    if (end < 0) return false
    const text = this.rest.toString('latin1', 0, end)
    this.rest = this.rest.subarray(end + 2)
    const [announced, size] = /\{(\d+)\}$/.exec(text) ?? []
    this.line += announced ? text.slice(0, -announced.length) : text
    if (announced) {
      this.left = Number(size)
      this.hash = createHash('sha256')
      return true
    }
    this.lines.push(this.line)
    this.line = ''
    return true
  }
}

/** As a literal of these bytes is told. */
export const hashOf = (bytes: Buffer | string): string => `<${createHash('sha256').update(bytes).digest('hex')}>`
