/**
 * The MIME tree while it grows: the parts whose end was not seen yet, from the root inwards.
 *
 * walk.ts tells it of headers, delimiters and the end; offsets count from the message's first byte.
 * A multipart without boundary, or deeper or later than the limits allow, is a leaf and named in `flaws`.
 */
import { ITEMS_MAX } from './address-list.ts'
import { type Field, parseHeader, trimEnd } from './header.ts'
import { type Budget, type Envelope, envelopeText, readEnvelope } from './imap-text.ts'
import { PLAIN, readMime } from './mime.ts'
import { type Param, param } from './param.ts'
import type { Flaw, Part } from './parsed.ts'
import type { Node } from './structure.ts'

/** All headers together: nobody fills the memory with a million small parts. */
const HEADERS_MAX = 4 << 20
const DEPTH_MAX = 100
const PARTS_MAX = 10_000
/** RFC 2046 §5.1.1 allows 70; a line may have 998. It bounds what walk.ts holds back of a line. */
const BOUNDARY_MAX = 990

/** A message/rfc822 has no other (RFC 2046 §5.2.1), a message/global may (RFC 6532 §3.7): then nothing inside is seen. */
const PLAIN_ENCODINGS: ReadonlySet<string> = new Set(['7bit', '8bit', 'binary'])

const LF = 10
const DASH = 45

/** A part whose end was not yet seen; `delimiter` is `--boundary` in latin1, until its multipart is closed. */
type Open = Node & { delimiter: string | null; isMessage: boolean; linesBefore: number }

/** A delimiter line: `length` bytes tell it, `depth` is that of its multipart. */
type Delimiter = { depth: number; length: number; isClose: boolean }

export class Tree {
  readonly root: Open
  readonly flaws: Set<Flaw>
  /** The longest delimiter that may come: no more of a line is needed to judge it. */
  longest = 0
  private readonly budget: Budget = { addresses: ITEMS_MAX }
  /** Of the message itself. */
  envelope: Envelope = readEnvelope([], this.budget)

  private readonly open: Open[] = []
  /** The depth of each open multipart by its delimiter, of equal ones the innermost; their lengths, the longest first. */
  private depths: ReadonlyMap<string, number> = new Map()
  private lengths: readonly number[] = []
  private parts = 0
  private headersSize = 0

  constructor(flaws: Set<Flaw>) {
    this.flaws = flaws
    this.root = this.openPart(0, true)
  }

  /** Begins a part of the innermost multipart; its header is read next. */
  openChild(start: number): void {
    const parent = this.open.at(-1)
    const child = this.openPart(start, false)
    parent?.children.push(child)
    parent?.part.children.push(child.part)
  }

  /**
   * The header of the innermost part has been read.
   *
   * @param bytes the header, as far as it is kept
   * @param bodyStart offset of what follows it
   * @param lines line ends before that
   * @returns whether another header follows, that of a message inside
   */
  endHeader(bytes: Buffer, bodyStart: number, lines: number): boolean {
    const node = this.open.at(-1)
    if (!node) return false
    const { fields, skipped } = parseHeader(bytes)
    if (skipped > 0) this.flaws.add('header-line-odd')
    if (node === this.root && fields.length === 0) this.flaws.add('no-header')
    this.headersSize += bytes.length
    if (node.isMessage) this.readEnvelope(node, fields)
    node.mime = readMime(fields, this.isInDigest(node) ? 'message/rfc822' : 'text/plain')
    node.part.bodyStart = bodyStart
    node.linesBefore = lines
    return this.openContent(node, bodyStart)
  }

  /**
   * The delimiter that the line at `at` begins with, if any.
   *
   * What follows on the line does not matter (RFC 2046 §5.1.1: a prefix), so the
   * longest wins, and of equal ones the innermost.
   */
  findDelimiter(buf: Buffer, at: number): Delimiter | undefined {
    if (buf[at + 1] !== DASH) return undefined
    const lineEnd = buf.indexOf(LF, at)
    const line = buf.toString('latin1', at, Math.min(lineEnd < 0 ? buf.length : lineEnd, at + this.longest))
    const length = this.lengths.find((each) => each <= line.length && this.depths.has(line.slice(0, each))) ?? 0
    const depth = this.depths.get(line.slice(0, length))
    if (depth === undefined) return undefined
    const isClose = buf[at + length] === DASH && buf[at + length + 1] === DASH
    if (!isClose && (this.parts >= PARTS_MAX || this.headersSize >= HEADERS_MAX)) {
      this.flaws.add('too-many-parts') // and what follows is body of the part at hand
      return undefined
    }
    return { depth, length, isClose }
  }

  /** Ends all parts inside a depth. @param end offset behind their last byte @param lines line ends before it */
  closeTo(depth: number, end: number, lines: number): void {
    let last = end
    let passed = lines
    while (this.open.length > depth) {
      const node = this.open.pop()
      if (!node) return
      if (node.delimiter) this.flaws.add('multipart-open')
      this.dropDelimiter(node)
      // A delimiter right below the header leaves a body of less than nothing; what holds it ends no earlier.
      last = Math.max(last, node.part.bodyStart)
      passed = Math.max(passed, node.linesBefore)
      node.part.end = last
      node.part.lines = passed - node.linesBefore
    }
  }

  /** The innermost multipart met its close-delimiter: what follows is epilogue. */
  closeMultipart(): void {
    const node = this.open.at(-1)
    if (node) this.dropDelimiter(node)
  }

  private openPart(start: number, isMessage: boolean): Open {
    const part: Part = {
      type: 'text',
      subtype: 'plain',
      params: PLAIN.params,
      encoding: '7bit',
      start,
      bodyStart: start,
      end: start,
      lines: 0,
      children: [],
    }
    const node: Open = {
      part,
      mime: PLAIN,
      envelope: '',
      children: [],
      message: null,
      delimiter: null,
      isMessage,
      linesBefore: 0,
    }
    this.open.push(node)
    this.parts++
    return node
  }

  private readEnvelope(node: Open, fields: readonly Field[]): void {
    const envelope = readEnvelope(fields, this.budget)
    node.envelope = envelopeText(envelope)
    if (node === this.root) this.envelope = envelope
  }

  /** RFC 2046 §5.1.5. */
  private isInDigest(node: Open): boolean {
    const parent = this.open.at(-2)?.part
    return !node.isMessage && parent?.type === 'multipart' && parent.subtype === 'digest'
  }

  /** What the type says of the body: more parts, a message (then true), or just bytes. */
  private openContent(node: Open, bodyStart: number): boolean {
    const { mime } = node
    const type = mime.type.toLowerCase()
    const subtype = mime.subtype.toLowerCase()
    const isGlobal = subtype === 'global' && PLAIN_ENCODINGS.has(mime.encoding.toLowerCase())
    const isMessage = type === 'message' && (subtype === 'rfc822' || isGlobal)
    const isMultipart = type === 'multipart'
    if (!isMessage && !isMultipart) {
      setType(node, type, subtype, mime.params)
    } else if (this.open.length >= DEPTH_MAX || this.parts >= PARTS_MAX || this.headersSize >= HEADERS_MAX) {
      this.flaws.add('too-deep')
      node.mime = { ...mime, type: 'application', subtype: 'octet-stream' }
      setType(node, 'application', 'octet-stream', mime.params)
    } else if (isMultipart && !this.takeDelimiter(node)) {
      // RFC 2045 §5.2: a Content-Type that is not valid counts as none.
      this.flaws.add('boundary-missing')
      node.mime = { ...mime, type: 'text', subtype: 'plain', params: [] }
      setType(node, 'text', 'plain', [])
    } else {
      setType(node, type, subtype, mime.params)
      if (isMultipart) return false
      node.message = this.openPart(bodyStart, true)
      node.part.message = node.message.part
      return true
    }
    return false
  }

  private takeDelimiter(node: Open): boolean {
    const boundary = trimEnd(param(node.mime.params, 'boundary') ?? '')
    if (boundary === '' || boundary.length > BOUNDARY_MAX) return false
    node.delimiter = `--${boundary}`
    this.noteDelimiters()
    return true
  }

  private dropDelimiter(node: Open): void {
    if (!node.delimiter) return
    node.delimiter = null
    this.noteDelimiters()
  }

  private noteDelimiters(): void {
    this.depths = new Map(this.open.flatMap(({ delimiter }, i) => (delimiter === null ? [] : [[delimiter, i + 1]])))
    this.lengths = [...new Set([...this.depths.keys()].map(({ length }) => length))].sort((a, b) => b - a)
    this.longest = this.lengths[0] ?? 0
  }
}

const setType = ({ part, mime }: Open, type: string, subtype: string, params: Param[]): void => {
  part.type = type
  part.subtype = subtype
  part.params = params
  part.encoding = mime.encoding.toLowerCase()
}
