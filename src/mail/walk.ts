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
 * HEADER_MAX, the structure found so far, and the beginning of a line that may
 * be a delimiter. Nothing throws; what is odd is named in `malformed`.
 */
import { addressesToPeople } from './address-list.ts'
import { parseDate } from './date.ts'
import { parseHeader } from './header.ts'
import { type Envelope, envelopeText, readEnvelope } from './imap-text.ts'
import { readMime } from './mime.ts'
import { type Param, param } from './param.ts'
import { type Node, structureText } from './structure.ts'
import { decodeText } from './words.ts'

/** What is remembered of a message. The three IMAP texts are latin1: one character, one byte. */
export type Parsed = {
  /** All bytes, as FETCH RFC822.SIZE. */
  size: number
  /** Bytes of the header including the empty line. */
  headerSize: number
  envelope: string
  bodyStructure: string
  body: string
  root: Part
  /** Of the form `<…>` where the field holds one, otherwise as it stands. */
  messageId: string | null
  inReplyTo: string | null
  references: string[]
  /** Decoded, for lists and search. */
  subject: string
  from: string
  /** The Date field, epoch ms. */
  date: number | null
  /** The first HEADER_KEPT bytes of the header; all of it where `headerSize` says so. */
  header: Buffer
  /** Flaws separated by blanks, in the order found; absent where there are none. */
  malformed?: string
}

/**
 * One node of the MIME tree: plain data, to be kept as JSON. Offsets count from the message's first byte.
 * `type`, `subtype` and `encoding` are lower-case; `params` are as written, continuations joined.
 */
export type Part = {
  type: string
  subtype: string
  params: Param[]
  encoding: string
  start: number
  bodyStart: number
  end: number
  lines: number
  children: Part[]
  message?: Part
}

export type Flaw =
  | 'nul'
  | 'bare-cr'
  | 'bare-lf'
  | 'no-header' // not one field before the empty line or the end
  | 'header-unended' // no empty line after the message's header
  | 'header-too-long' // fields beyond HEADER_MAX are not seen
  | 'header-line-odd' // a line in a header that is no field
  | 'boundary-missing' // a multipart without boundary is read as text/plain
  | 'multipart-open' // the close-delimiter is missing
  | 'too-deep'
  | 'too-many-parts'

export type Walk = { push(chunk: Buffer): void; end(): Parsed }

export const HEADER_KEPT = 65_536
/** A letter to 10 000 recipients has some 400 kB of header. */
const HEADER_MAX = 1 << 20
/** All headers of parts together: nobody fills the memory with a million small ones. */
const HEADERS_MAX = 4 << 20
const DEPTH_MAX = 100
const PARTS_MAX = 10_000
/** RFC 2046 §5.1.1 allows 70; a line may have 998. It bounds what is held back of a line. */
const BOUNDARY_MAX = 990

const TEXT_PLAIN = { type: 'text', subtype: 'plain', encoding: '7bit' }
const OCTETS = { type: 'application', subtype: 'octet-stream' }
const EMPTY: Buffer = Buffer.alloc(0)

const LF = 10
const CR = 13
const DASH = 45

export const startWalk = (): Walk => new Walker()

/** A part whose end was not yet seen; `delimiter` is `--boundary`, until its multipart is closed. */
type Open = Node & { delimiter: Buffer | null; isMessage: boolean; linesBefore: number }

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

  /** From the root to the part being read, and how many bytes tell a delimiter line among them. */
  private readonly open: Open[] = []
  private readonly root: Open
  private longest = 0
  private parts = 0

  /** The header being read: copies of its bytes, and where in the buffer at hand the next piece begins. */
  private pieces: Buffer[] = []
  private piecesSize = 0
  private pieceFrom = 0
  private headersSize = 0

  private header = EMPTY
  private envelope: Envelope = readEnvelope([])
  private readonly flaws = new Set<Flaw>()

  constructor() {
    this.root = this.openPart(0, true)
  }

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
    if (this.at === 'header') {
      if (this.open.length === 1) this.flaws.add('header-unended')
      this.keepHeader(this.tail, at)
      this.endHeaders(size)
    }
    while (this.open.length > 0) this.closePart(size, this.lines)
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
        // The header of a part may begin, or an empty line may end, right here.
        if (this.isLineStart || at === buf.length) continue
      }
      at = this.at === 'body' ? this.passBody(buf, at) : this.passLine(buf, at)
    }
    return at
  }

  /** Whether the line that begins at `at` may still turn out to be a delimiter or an empty line. */
  private mustWait(buf: Buffer, at: number): boolean {
    const available = buf.length - at
    if (available >= this.longest + 2) return false
    const isCandidate = buf[at] === DASH ? this.longest > 0 : this.at === 'header' && buf[at] === CR && available < 2
    return isCandidate && buf.indexOf(LF, at) < 0
  }

  /** Passes what a line start tells: a delimiter up to its own end, an empty line that ends a header; else nothing. */
  private beginLine(buf: Buffer, at: number): number {
    if (buf[at] === DASH) return at + this.passDelimiter(buf, at)
    if (this.at !== 'header') return at
    const length = buf[at] === LF ? 1 : buf[at] === CR && buf[at + 1] === LF ? 2 : 0
    if (length === 0) return at
    this.lines++
    this.isLineStart = true
    this.keepHeader(buf, at + length)
    this.endHeader(this.base + at + length)
    return at + length
  }

  private passLine(buf: Buffer, at: number): number {
    const newline = buf.indexOf(LF, at)
    if (newline < 0) return buf.length
    this.lines++
    this.isLineStart = true
    if (this.at === 'delimiter') {
      this.at = 'body'
      this.pieceFrom = newline + 1
      if (!this.isClose) this.openChild(this.base + newline + 1)
    }
    return newline + 1
  }

  /** Whole lines at once, up to one that may be a delimiter. */
  private passBody(buf: Buffer, from: number): number {
    let lines = this.lines
    let at = from
    const hasDelimiters = this.longest > 0
    for (;;) {
      const newline = buf.indexOf(LF, at)
      if (newline < 0) {
        at = buf.length
        break
      }
      lines++
      at = newline + 1
      if (at === buf.length || (hasDelimiters && buf[at] === DASH)) {
        this.isLineStart = true
        break
      }
    }
    this.lines = lines
    return at
  }

  /**
   * A line that begins with a delimiter of an open multipart ends all parts inside that one.
   * What follows on the line does not matter (RFC 2046 §5.1.1: a prefix), so the longest wins,
   * and of equal ones the innermost. @returns the length of the delimiter, 0 if there is none
   */
  private passDelimiter(buf: Buffer, at: number): number {
    let depth = -1
    let length = 0
    for (let i = this.open.length - 1; i >= 0; i--) {
      const delimiter = this.open[i]?.delimiter
      if (!delimiter || delimiter.length <= length || !startsWith(buf, at, delimiter)) continue
      depth = i
      length = delimiter.length
    }
    const multipart = this.open[depth]
    if (!multipart) return 0
    this.isClose = buf[at + length] === DASH && buf[at + length + 1] === DASH
    if (!this.isClose && (this.parts >= PARTS_MAX || this.headersSize >= HEADERS_MAX)) {
      this.flaws.add('too-many-parts') // and the rest is body of the part at hand
      return 0
    }
    if (this.at === 'header') {
      this.keepHeader(buf, at)
      this.endHeaders(this.base + at)
    }
    const lineEnd = this.byteAt(buf, at - 2) === CR ? 2 : 1
    while (this.open.length > depth + 1) this.closePart(this.base + at - lineEnd, this.lines - 1)
    if (this.isClose) this.closeMultipart(multipart)
    this.at = 'delimiter'
    return length
  }

  private openChild(start: number): void {
    const parent = this.open.at(-1)
    const child = this.openPart(start, false)
    parent?.children.push(child)
    parent?.part.children.push(child.part)
  }

  private openPart(start: number, isMessage: boolean): Open {
    const part: Part = { ...TEXT_PLAIN, params: [], start, bodyStart: start, end: start, lines: 0, children: [] }
    const mime = readMime([], 'text/plain')
    const node: Open = {
      part,
      mime,
      envelope: '',
      children: [],
      message: null,
      delimiter: null,
      isMessage,
      linesBefore: 0,
    }
    this.open.push(node)
    this.parts++
    this.at = 'header'
    return node
  }

  private closePart(end: number, lines: number): void {
    const node = this.open.pop()
    if (!node) return
    if (node.delimiter) this.flaws.add('multipart-open')
    this.closeMultipart(node)
    // A delimiter right below the header leaves a body of less than nothing.
    node.part.end = Math.max(end, node.part.bodyStart)
    node.part.lines = Math.max(lines - node.linesBefore, 0)
  }

  private closeMultipart(node: Open): void {
    if (!node.delimiter) return
    node.delimiter = null
    this.longest = Math.max(0, ...this.open.map((each) => each.delimiter?.length ?? 0))
  }

  /** The header being read ends without an empty line; one of a message/rfc822 leads to another, as empty as the rest. */
  private endHeaders(bodyStart: number): void {
    while (this.at === 'header') this.endHeader(bodyStart)
  }

  private endHeader(bodyStart: number): void {
    const node = this.open.at(-1)
    const parent = this.open.at(-2)
    if (!node) return
    const bytes = this.takeHeader()
    const { fields, skipped } = parseHeader(bytes)
    if (skipped > 0) this.flaws.add('header-line-odd')
    const isInDigest = !node.isMessage && parent?.part.type === 'multipart' && parent.part.subtype === 'digest'
    node.mime = readMime(fields, isInDigest ? 'message/rfc822' : 'text/plain')
    if (node.isMessage) {
      const envelope = readEnvelope(fields)
      node.envelope = envelopeText(envelope)
      if (!parent) {
        if (fields.length === 0) this.flaws.add('no-header')
        this.header = bytes.subarray(0, HEADER_KEPT)
        this.envelope = envelope
      }
    }
    node.part.bodyStart = bodyStart
    node.linesBefore = this.lines
    this.at = 'body'
    this.openContent(node, bodyStart)
  }

  /** What the type of a part says of its body: more parts, a message, or just bytes. */
  private openContent(node: Open, bodyStart: number): void {
    const { mime, part } = node
    let type = mime.type.toLowerCase()
    let subtype = mime.subtype.toLowerCase()
    const isMessage = type === 'message' && (subtype === 'rfc822' || subtype === 'global')
    const isTooDeep = this.open.length >= DEPTH_MAX || this.parts >= PARTS_MAX
    if (type === 'multipart' && !isTooDeep) {
      const boundary = param(mime.params, 'boundary')?.trimEnd()
      if (boundary && boundary.length <= BOUNDARY_MAX) {
        node.delimiter = Buffer.from(`--${boundary}`, 'latin1')
        this.longest = Math.max(this.longest, node.delimiter.length)
      } else {
        this.flaws.add('boundary-missing')
        node.mime = { ...mime, ...TEXT_PLAIN, params: [] }
        type = 'text'
        subtype = 'plain'
      }
    } else if ((type === 'multipart' || isMessage) && isTooDeep) {
      this.flaws.add('too-deep')
      node.mime = { ...mime, ...OCTETS }
      type = 'application'
      subtype = 'octet-stream'
    }
    Object.assign(part, { type, subtype, params: node.mime.params, encoding: mime.encoding.toLowerCase() })
    if (type === 'message' && isMessage) {
      const message = this.openPart(bodyStart, true)
      node.message = message
      part.message = message.part
    }
  }

  private keepHeader(buf: Buffer, to: number): void {
    if (this.at !== 'header') return
    const room = HEADER_MAX - this.piecesSize
    if (to - this.pieceFrom > room) this.flaws.add('header-too-long')
    const piece = Buffer.from(buf.subarray(this.pieceFrom, Math.min(to, this.pieceFrom + room)))
    this.pieceFrom = to
    if (piece.length === 0) return
    this.pieces.push(piece)
    this.piecesSize += piece.length
  }

  private takeHeader(): Buffer {
    const [first = EMPTY] = this.pieces
    const bytes = this.pieces.length > 1 ? Buffer.concat(this.pieces) : first
    this.headersSize += bytes.length
    this.pieces = []
    this.piecesSize = 0
    return bytes
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

  private byteAt(buf: Buffer, at: number): number {
    return (at >= 0 ? buf[at] : this.before[at === -1 ? 1 : 0]) ?? 0
  }

  private parsed(size: number): Parsed {
    const { texts, lists } = this.envelope
    const { part } = this.root
    const malformed = [...this.flaws].join(' ')
    return {
      size,
      headerSize: part.bodyStart,
      envelope: this.root.envelope,
      bodyStructure: structureText(this.root, true),
      body: structureText(this.root, false),
      root: part,
      messageId: firstId(texts['message-id']),
      inReplyTo: firstId(texts['in-reply-to']),
      references: texts.references?.match(ID) ?? [],
      subject: decodeText(texts.subject ?? ''),
      from: addressesToPeople(lists.from),
      date: parseDate(texts.date ?? ''),
      header: this.header,
      ...(malformed && { malformed }),
    }
  }
}

const ID = /<[^<>\s]+>/g
const firstId = (text: string | null): string | null => text?.match(ID)?.[0] ?? (text || null)

const startsWith = (buf: Buffer, at: number, prefix: Buffer): boolean =>
  at + prefix.length <= buf.length && buf.compare(prefix, 0, prefix.length, at, at + prefix.length) === 0
