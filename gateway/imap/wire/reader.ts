/**
 * The bytes a client sends, as commands: lines that literals may interrupt. RFC 3501 §4.3, §7.5; RFC 7888; literal8,
 * `~{n}`, RFC 3516.
 *
 *   line --"{n}" or "{n+}" at its end--> asked --keep()----> kept ----n bytes--> line
 *                                        asked --stream()--> streamed -n bytes-> line
 *                                        asked --skip()----> skipped --rest of the command--> line
 *   line --longer than its limit--> skipped --more than may be skipped--> endless, for good
 *
 * Pure: bytes in by `push`, events out by `take`, no waiting. How the bytes were cut into chunks never shows.
 * Whoever drives it pushes only after `take` gave `undefined`, so no more than one chunk and one unfinished command
 * are ever held. Text is latin1: one character an octet. A bare LF ends a line, too; people type into netcat.
 */
export type Piece = { text: string } | { literal: Buffer; binary?: true }

/** A literal to come, with its octets. `sync`: the client waits for our "+". `binary`: literal8, NUL is allowed in it. */
export type Announced = { size: number; sync: boolean; binary?: true }

/** All in bytes. */
export type ReaderLimits = {
  line: number
  /** Of one literal that is kept in memory, and of a whole command with its kept literals. */
  literal: number
  command: number
  /** How much of a refused command is read past before the client has to go. */
  skip: number
}

export type Taken =
  | { on: 'command'; pieces: Piece[] }
  /** Nothing more comes out until `keep`, `stream` or `skip` is called. `fits`: keeping it is within the limits. */
  | ({ on: 'literal'; pieces: Piece[]; fits: boolean } & Announced)
  | { on: 'bytes'; bytes: Buffer; left: number }
  /** What stood before the limit, for its tag; the rest is skipped. */
  | { on: 'too-long'; pieces: Piece[] }
  | { on: 'endless' }

const LF = 0x0a
const CR = 0x0d
/** Longer than any literal's announcement: `~{4294967295+}` and CRLF. */
const TAIL_BYTES = 24
/** A line that comes in single octets would cost a Buffer each. */
const PARTS_MAX = 64
const nothing = Buffer.alloc(0)
/** Of a line too long: enough for its tag. */
const HEAD_BYTES = 1024

type TooLong = { head: string; tail: string; bytes: number; ended: boolean }
type Passing = Extract<At, { left: number }>
type At =
  | { at: 'line' }
  | ({ at: 'asked' } & Announced)
  | { at: 'kept'; left: number; binary?: true }
  | { at: 'streamed' | 'skipped'; left: number }
  | { at: 'skipping-line'; tail: string }
  | { at: 'endless' }

export class Reader {
  private limits: ReaderLimits
  private rest: Buffer = nothing
  private parts: Buffer[] = []
  private partBytes = 0
  private pieces: Piece[] = []
  private commandBytes = 0
  private skippedBytes = 0
  private state: At = { at: 'line' }

  constructor(limits: ReaderLimits) {
    this.limits = limits
  }

  /** Wider limits once somebody has logged in. */
  allow(limits: ReaderLimits): void {
    this.limits = limits
  }

  push(chunk: Buffer): void {
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk])
  }

  /** Bytes read but not yet given out. */
  get waiting(): number {
    return this.rest.length + this.partBytes
  }

  /** The next event, or undefined when more bytes are needed (or an answer to `literal`). */
  take(): Taken | undefined {
    for (;;) {
      const { state } = this
      if (state.at === 'asked') return undefined
      if (state.at === 'line') return this.takeLine()
      if (state.at === 'streamed' && state.left > 0) return this.takeBytes(state.left)
      if (state.at === 'endless') return { on: 'endless' }
      const done = state.at === 'skipping-line' ? this.skipLine(state.tail) : this.passLiteral(state)
      if (!done) return undefined
    }
  }

  /**
   * One bare line, in which braces mean nothing: an answer to AUTHENTICATE, the DONE of IDLE. Only between commands.
   * `null` for one beyond the limit.
   */
  takeBareLine(): string | null | undefined {
    if (this.state.at !== 'line' || this.pieces.length > 0) throw new Error('a bare line stands between commands')
    const line = this.line()
    if (line === undefined || typeof line === 'string') return line
    this.skipRestOf(line)
    return null
  }

  keep(): void {
    const { size, binary } = this.asked()
    this.commandBytes += size
    this.state = { at: 'kept', left: size, ...(binary && { binary }) }
  }

  stream(): void {
    this.state = { at: 'streamed', left: this.asked().size }
    this.pieces = []
  }

  /** Ends the command. A literal that the client sends without waiting, and what follows it, is read past. */
  skip(): void {
    this.passOver(this.asked())
  }

  private asked(): Announced {
    if (this.state.at !== 'asked') throw new Error('no literal was announced')
    return this.state
  }

  private takeLine(): Taken | undefined {
    const line = this.line()
    if (line === undefined) return undefined
    if (typeof line !== 'string') {
      const first = this.pieces[0] ?? { text: line.head }
      this.skipRestOf(line)
      return { on: 'too-long', pieces: [first] }
    }
    if (this.commandBytes + line.length > this.limits.command) {
      const first = this.pieces[0] ?? { text: line }
      this.endSkippedLine(line)
      return { on: 'too-long', pieces: [first] }
    }
    this.commandBytes += line.length
    const announced = literalAtEnd(line)
    if (!announced) {
      const pieces = [...this.pieces, { text: line }]
      this.startCommand()
      return { on: 'command', pieces }
    }
    this.pieces.push({ text: line.slice(0, line.lastIndexOf(announced.binary ? '~' : '{')) })
    this.state = { at: 'asked', ...announced }
    const fits = announced.size <= this.limits.literal && this.commandBytes + announced.size <= this.limits.command
    return { on: 'literal', pieces: [...this.pieces], ...announced, fits }
  }

  /** A whole line without its end; what is known of one too long; undefined when its end is not here yet. */
  private line(): string | TooLong | undefined {
    const part = this.uptoLineFeed()
    if (part.bytes.length > 0) this.parts.push(part.bytes)
    this.partBytes += part.bytes.length
    if (!part.ended && this.partBytes <= this.limits.line + 1) {
      if (this.parts.length > PARTS_MAX) this.parts = [Buffer.concat(this.parts)]
      return undefined // the one octet beyond the limit may be the CR
    }
    const whole = this.parts.length === 1 && this.parts[0] ? this.parts[0] : Buffer.concat(this.parts)
    this.parts = []
    this.partBytes = 0
    const length = part.ended && whole.at(-1) === CR ? whole.length - 1 : whole.length
    if (length <= this.limits.line) return whole.toString('latin1', 0, length)
    const tail = whole.toString('latin1', Math.max(0, whole.length - TAIL_BYTES))
    const head = whole.toString('latin1', 0, Math.min(HEAD_BYTES, this.limits.line))
    return { head, tail, bytes: whole.length, ended: part.ended }
  }

  private uptoLineFeed(): { bytes: Buffer; ended: boolean } {
    const end = this.rest.indexOf(LF)
    const bytes = end < 0 ? this.rest : this.rest.subarray(0, end)
    this.rest = end < 0 ? nothing : this.rest.subarray(end + 1)
    return { bytes, ended: end >= 0 }
  }

  private takeBytes(left: number): Taken | undefined {
    if (this.rest.length === 0) return undefined
    const bytes = this.rest.subarray(0, left)
    this.rest = this.rest.subarray(bytes.length)
    this.state = { at: 'streamed', left: left - bytes.length }
    return { on: 'bytes', bytes, left: left - bytes.length }
  }

  /** Reads on in a literal that is kept or skipped, or ends a streamed one; false when it needs more bytes. */
  private passLiteral(state: Passing): boolean {
    const bytes = this.rest.subarray(0, state.left)
    this.rest = this.rest.subarray(bytes.length)
    const left = state.left - bytes.length
    if (state.at === 'kept') {
      if (bytes.length > 0) this.parts.push(bytes)
      if (this.parts.length > PARTS_MAX) this.parts = [Buffer.concat(this.parts)]
      this.partBytes += bytes.length
    }
    if (state.at === 'skipped' && this.countSkipped(bytes.length)) return true
    if (left > 0) {
      this.state = { ...state, left }
      return false
    }
    if (state.at === 'kept') {
      this.pieces.push({ literal: Buffer.concat(this.parts), ...(state.binary && { binary: state.binary }) })
      this.parts = []
      this.partBytes = 0
    }
    this.state = state.at === 'skipped' ? { at: 'skipping-line', tail: '' } : { at: 'line' }
    return true
  }

  /** Reads past the end of a line of which only the last octets matter: they may announce a literal. */
  private skipLine(before: string): boolean {
    const { bytes, ended } = this.uptoLineFeed()
    if (this.countSkipped(bytes.length)) return true
    const tail = (before + bytes.toString('latin1', Math.max(0, bytes.length - TAIL_BYTES))).slice(-TAIL_BYTES)
    if (ended) this.endSkippedLine(tail.endsWith('\r') ? tail.slice(0, -1) : tail)
    else this.state = { at: 'skipping-line', tail }
    return ended
  }

  private endSkippedLine(tail: string): void {
    const announced = literalAtEnd(tail)
    if (announced) this.passOver(announced)
    else this.startCommand()
  }

  private countSkipped(bytes: number): boolean {
    this.skippedBytes += bytes
    if (this.skippedBytes <= this.limits.skip) return false
    this.rest = nothing
    this.state = { at: 'endless' }
    return true
  }

  private passOver({ size, sync }: Announced): void {
    if (sync)
      this.startCommand() // it was refused, so the client never sends it
    else this.state = { at: 'skipped', left: size }
  }

  private skipRestOf({ tail, bytes, ended }: TooLong): void {
    if (this.countSkipped(bytes)) return
    if (ended) this.endSkippedLine(tail.endsWith('\r') ? tail.slice(0, -1) : tail)
    else this.state = { at: 'skipping-line', tail }
  }

  private startCommand(): void {
    this.pieces = []
    this.commandBytes = 0
    this.skippedBytes = 0
    this.state = { at: 'line' }
  }
}

/** `{5}` waits for our "+", `{5+}` does not (RFC 7888). A size beyond 32 bits is no literal (RFC 3501 §9: number). */
const literalAtEnd = (line: string): Announced | undefined => {
  if (!line.endsWith('}')) return undefined
  const found = /(~?)\{(\d{1,10})(\+?)\}$/.exec(line.slice(-TAIL_BYTES))
  if (!found) return undefined
  const size = Number(found[2])
  if (size > 0xffffffff) return undefined
  return { size, sync: found[3] === '', ...(found[1] !== '' && { binary: true }) }
}
