/**
 * One pass over a message's bytes, as they come, giving all that is remembered of it.
 *
 *   header ──empty line──> body ──delimiter line──> header of the next part
 *   header ──empty line of a message/rfc822──> header of the message inside
 *   body ──close-delimiter──> epilogue: the body of the multipart goes on, without that boundary
 *
 * Lines end with LF, or CRLF; only their beginnings are looked at. The chunks may
 * be cut anywhere. A delimiter also ends a header that has no empty line, and the
 * line end before a delimiter belongs to the delimiter (RFC 2046 §5.1.1).
 *
 * Memory is bounded whatever the size of the message: one header up to
 * HEADER_MAX, the tree within its limits (tree.ts), and the beginning of a line that
 * may be a delimiter. Nothing throws; what is odd is named in `malformed`.
 */
import { addressesToPeople } from './address-list.ts'
import { parseDate } from './date.ts'
import { appended } from './grow.ts'
import { idIn, idsIn } from './message-id.ts'
import { type Flaw, flaws, type Parsed } from './parsed.ts'
import { structureText } from './structure.ts'
import { Tree } from './tree.ts'
import { decodeText, rawText } from './words.ts'

export type { Flaw, Parsed, Part } from './parsed.ts'

export type Walk = { push(chunk: Buffer): void; end(): Parsed }

export const startWalk = (): Walk => new Walker()

/** A message at hand, whole. */
export const walkOver = (bytes: Buffer): Parsed => {
  const walk = startWalk()
  walk.push(bytes)
  return walk.end()
}

const HEADER_KEPT = 65_536
/** A letter to 10 000 recipients has some 400 kB of header. */
const HEADER_MAX = 1 << 20

/** No conversation is longer, and to link them costs more for each: the first names it (RFC 8474), the last are the nearest. */
const REFERENCES_MAX = 1000

const EMPTY: Buffer = Buffer.alloc(0)
const LF = 10
const CR = 13
const DASH = 45

class Walker implements Walk {
  private at: 'header' | 'body' | 'delimiter' = 'header'
  private isLineStart = true
  /** The delimiter line being passed closes its multipart. */
  private isClose = false
  private lines = 0
  /** Held back: the beginning of a line that can't be judged yet. */
  private tail: Buffer = EMPTY
  /** Offset in the message of the buffer at hand, and the two bytes before it. */
  private base = 0
  private before: readonly [number, number] = [CR, LF]
  /** Line ends seen as CRLF; a CR that ended the last chunk. */
  private crlfs = 0
  private isAfterCr = false

  /** The header being read: a copy of its bytes, and where in the buffer at hand the next piece begins. */
  private kept: Buffer = EMPTY
  private keptSize = 0
  private pieceFrom = 0
  /** The message's own, once it is read. */
  private header: Buffer | null = null

  private readonly flaws = new Set<Flaw>()
  private readonly tree = new Tree(this.flaws)

  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    this.countLineEnds(chunk)
    const buf = this.tail.length === 0 ? chunk : Buffer.concat([this.tail, chunk])
    const at = this.read(buf, false)
    this.keepHeader(buf, at)
    this.pieceFrom = 0
    this.before = [this.byteAt(buf, at - 2), this.byteAt(buf, at - 1)]
    this.base += at
    // A copy, for the caller may use the chunk's memory again.
    this.tail = at === buf.length ? EMPTY : Buffer.from(buf.subarray(at))
  }

  end(): Parsed {
    const at = this.read(this.tail, true)
    const size = this.base + at
    if (this.header === null) this.flaws.add('header-unended')
    this.keepHeader(this.tail, at)
    this.endHeaders(size)
    this.tree.closeTo(0, size, this.lines)
    if (this.crlfs < this.lines) this.flaws.add('bare-lf')
    if (this.isAfterCr) this.flaws.add('bare-cr')
    return this.parsed(size)
  }

  /** Reads as far as can be judged. @returns the offset in `buf` of the first byte held back */
  private read(buf: Buffer, isEnd: boolean): number {
    let at = 0
    while (at < buf.length) {
      if (this.isLineStart) {
        if (!isEnd && this.mustWait(buf, at)) return at
        this.isLineStart = false
        at = this.beginLine(buf, at)
        if (this.isLineStart || at === buf.length) continue
      }
      at = this.at === 'body' ? this.passBody(buf, at) : this.passLine(buf, at)
    }
    return at
  }

  /** Whether the line that begins at `at` may still turn out to be a delimiter or an empty line. */
  private mustWait(buf: Buffer, at: number): boolean {
    const available = buf.length - at
    const { longest } = this.tree
    if (available >= longest + 2) return false
    const isCandidate = buf[at] === DASH ? longest > 0 : this.at === 'header' && buf[at] === CR && available < 2
    return isCandidate && buf.indexOf(LF, at) < 0
  }

  /** Passes what a line's beginning tells: a delimiter up to its own end, the empty line below a header; else nothing. */
  private beginLine(buf: Buffer, at: number): number {
    if (buf[at] === DASH) return this.passDelimiter(buf, at)
    if (this.at !== 'header') return at
    const length = buf[at] === LF ? 1 : buf[at] === CR && buf[at + 1] === LF ? 2 : 0
    if (length === 0) return at
    this.lines++
    this.isLineStart = true
    this.keepHeader(buf, at + length)
    this.endHeader(this.base + at + length)
    return at + length
  }

  /** Ends the parts inside the multipart whose delimiter this is. */
  private passDelimiter(buf: Buffer, at: number): number {
    const delimiter = this.tree.findDelimiter(buf, at)
    if (!delimiter) return at
    this.keepHeader(buf, at)
    this.endHeaders(this.base + at)
    const lineEnd = this.byteAt(buf, at - 2) === CR ? 2 : 1
    this.tree.closeTo(delimiter.depth, this.base + at - lineEnd, this.lines - 1)
    if (delimiter.isClose) this.tree.closeMultipart()
    this.isClose = delimiter.isClose
    this.at = 'delimiter'
    return at + delimiter.length
  }

  private passLine(buf: Buffer, at: number): number {
    const newline = buf.indexOf(LF, at)
    if (newline < 0) return buf.length
    this.lines++
    this.isLineStart = true
    if (this.at === 'delimiter') {
      this.at = this.isClose ? 'body' : 'header'
      this.pieceFrom = newline + 1
      if (!this.isClose) this.tree.openChild(this.base + newline + 1)
    }
    return newline + 1
  }

  /** Whole lines at once, up to one that may be a delimiter. */
  private passBody(buf: Buffer, from: number): number {
    const hasDelimiters = this.tree.longest > 0
    let at = from
    let lines = 0
    for (let newline = buf.indexOf(LF, at); newline >= 0; newline = buf.indexOf(LF, at)) {
      lines++
      at = newline + 1
      this.isLineStart = at === buf.length || (hasDelimiters && buf[at] === DASH)
      if (this.isLineStart) break
    }
    this.lines += lines
    return this.isLineStart ? at : buf.length
  }

  /** A header ends without an empty line; one of a message/rfc822 leads to another, as empty as the rest. */
  private endHeaders(bodyStart: number): void {
    while (this.at === 'header') this.endHeader(bodyStart)
  }

  private endHeader(bodyStart: number): void {
    const bytes = this.kept.subarray(0, this.keptSize)
    this.kept = EMPTY
    this.keptSize = 0
    this.header ??= bytes.subarray(0, HEADER_KEPT)
    this.at = this.tree.endHeader(bytes, bodyStart, this.lines) ? 'header' : 'body'
  }

  private keepHeader(buf: Buffer, to: number): void {
    if (this.at !== 'header') return
    const room = HEADER_MAX - this.keptSize
    if (to - this.pieceFrom > room) this.flaws.add('header-too-long')
    const piece = buf.subarray(this.pieceFrom, Math.min(to, this.pieceFrom + room))
    this.pieceFrom = to
    this.kept = appended(this.kept, this.keptSize, piece)
    this.keptSize += piece.length
  }

  /** Every CR must stand before an LF, and (told at the end, by counting) every LF behind a CR. RFC 5322 §2.3. */
  private countLineEnds(chunk: Buffer): void {
    if (chunk.includes(0)) this.flaws.add('nul')
    if (this.isAfterCr) {
      if (chunk[0] === LF) this.crlfs++
      else this.flaws.add('bare-cr')
      this.isAfterCr = false
    }
    for (let cr = chunk.indexOf(CR); cr >= 0; cr = chunk.indexOf(CR, cr + 1)) {
      if (chunk[cr + 1] === LF) this.crlfs++
      else if (cr + 1 < chunk.length) this.flaws.add('bare-cr')
      else this.isAfterCr = true
    }
  }

  /** The byte at an index of the buffer at hand, down to -2. */
  private byteAt(buf: Buffer, at: number): number {
    return (at >= 0 ? buf[at] : this.before[at === -1 ? 1 : 0]) ?? 0
  }

  private parsed(size: number): Parsed {
    const { root, envelope } = this.tree
    const { texts, lists } = envelope
    const malformed = flaws.filter((flaw) => this.flaws.has(flaw)).join(' ')
    return {
      size,
      headerSize: root.part.bodyStart,
      envelope: root.envelope,
      bodyStructure: structureText(root, true),
      body: structureText(root, false),
      root: root.part,
      messageId: readId(texts['message-id']),
      inReplyTo: readId(texts['in-reply-to']),
      references: withoutMiddle(idsIn(rawText(texts.references ?? ''))),
      subject: decodeText(texts.subject ?? ''),
      from: addressesToPeople(lists.from),
      date: parseDate(texts.date ?? ''),
      header: this.header ?? EMPTY,
      ...(malformed && { malformed }),
    }
  }
}

/** May be beyond ASCII: RFC 6532 §3.3. */
const readId = (value: string | null): string | null => idIn(value && rawText(value))

const withoutMiddle = (ids: string[]): string[] =>
  ids.length <= REFERENCES_MAX ? ids : [...ids.slice(0, 1), ...ids.slice(1 - REFERENCES_MAX)]
