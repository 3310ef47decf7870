/**
 * One message out of DATA, in constant memory.
 *
 *   header ──empty line, or the end──> edited, then spooled ──> body spooled as it comes
 *
 * Everything that is spooled also goes through the walk that finds its structure: one pass. The header is
 * held until it is whole, because it is edited; so it has a limit of its own. A refusal ends the
 * spool at once; what the client still sends is thrown away by `discard`.
 */
import { createHash, type Hash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { appended } from '../../src/mail/grow.ts'
import type { Parsed } from '../../src/mail/parsed.ts'
import { startWalk, type Walk } from '../../src/mail/walk.ts'
import { type BodyDraft, type BodyWriter, INLINE_MAX } from '../../store/spool.ts'
import { type LineFlaw, startLineCheck } from './lines.ts'
import { refused } from './replies.ts'

/** As src/mail/submit.ts edits it. */
type Edited = { header: Buffer; messageId: string; subject: string; authors: string[]; loops: boolean }
/** `sent` has taken in the message as its client wrote it, before any edit. */
export type Received = { edited: Edited; body: BodyDraft; parsed(): Parsed; sent: Hash }
export type Receiving = {
  sizeLimit: number
  startBody: () => BodyWriter
  /** @throws Refusal when this is no header of a message */
  edit: (header: Buffer) => Edited
}

/** Four times the header of a letter to 2000 people; the walk sees as far as 1 MiB. */
const HEADER_MAX = 256 << 10
/** What is still read of a refused message so that its client, which answers to nothing before its final dot, hears why. */
const DISCARD_MAX = 16 << 20

/** @throws ReplyError, Refusal, or what the stream or the disk failed with; nothing is kept then */
export const receive = async (stream: Readable, { sizeLimit, startBody, edit }: Receiving): Promise<Received> => {
  const flawOf = startLineCheck()
  const sent = createHash('sha256')
  const head = new Head()
  const spool: Spool = { writer: startBody(), walk: startLater() }
  let edited: Edited | undefined
  let size = 0

  const begin = async (header: Buffer, rest: Buffer) => {
    if (header.length > 2 && !FIELD.test(header.toString('latin1'))) throw refused('message-malformed', noHeaderText)
    const made = edit(header)
    if (made.loops) throw refused('message-loops')
    await keep(spool, made.header)
    if (rest.length > 0) await keep(spool, rest)
    return made
  }

  try {
    // Not the plain iterator: that destroys the stream on the way out, and the library would answer before the end.
    for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > sizeLimit) throw refused('message-too-large')
      const flaw = flawOf(chunk)
      if (flaw) throw refused('message-malformed', flawText(flaw))
      sent.update(chunk)
      if (edited) await keep(spool, chunk)
      else {
        const end = head.add(chunk)
        if ((end ?? head.length) > HEADER_MAX) throw refused('message-too-large', headerText)
        if (end !== undefined) edited = await begin(head.upTo(end), head.from(end))
      }
    }
    edited ??= await begin(head.upTo(head.length), Buffer.alloc(0))
    return { edited, body: await spool.writer.finish(), parsed: spool.walk.end, sent }
  } catch (error) {
    await spool.writer.abort().catch(() => {}) // what it leaves is swept at the next start
    throw error
  }
}

/**
 * Reads on and keeps nothing.
 *
 * @param stallMs a client this quiet waits for us: what it took for its final dot was no CR LF . CR LF
 * @returns whether the message came to its end; if not, the client sends without end or has fallen silent
 */
export const discard = (stream: Readable, stallMs: number): Promise<boolean> =>
  new Promise((resolve) => {
    if (stream.readableEnded || stream.destroyed) return resolve(true)
    let left = DISCARD_MAX
    const stall = setTimeout(() => done(false), stallMs)
    const done = (isWhole: boolean) => {
      clearTimeout(stall)
      resolve(isWhole)
    }
    stream.on('data', (chunk: Buffer) => {
      stall.refresh()
      left -= chunk.length
      if (left < 0) done(false)
    })
    stream.once('end', () => done(true))
    stream.once('close', () => done(true))
    stream.once('error', () => done(true)) // the client has gone
  })

type Spool = { writer: BodyWriter; walk: Pick<Walk, 'push' | 'end'> }

const keep = ({ writer, walk }: Spool, bytes: Buffer): Promise<void> => {
  walk.push(bytes)
  return writer.write(bytes)
}

const headerText = `The header is larger than ${HEADER_MAX >> 10} KiB; send the message to fewer people at a time`

/** An empty header is one, but a text that begins without any would be lost in one. RFC 5322 §2.2. */
const FIELD = /^[!-9;-~]+[ \t]*:/m
const noHeaderText = 'The message has no header; begin with From: and Subject: lines, and an empty line after them'

const flawText = ({ what, line }: LineFlaw): string => {
  const where = `Line ${line} of the message `
  if (what === 'nul') return `${where}holds a NUL character; encode binary data as base64`
  const alone = what === 'bare-cr' ? 'a CR without LF' : 'an LF without CR'
  return `${where}holds ${alone}; end every line with CR LF, or encode the part as base64`
}

/** A walk that begins when it is asked what it found, or when more has come than a row holds. */
const startLater = (): Spool['walk'] => {
  const walk = startWalk()
  let held: Buffer[] | undefined = []
  let size = 0
  let found: Parsed | undefined
  const begin = () => {
    for (const bytes of held ?? []) walk.push(bytes)
    held = undefined
  }
  return {
    push(bytes) {
      held ? held.push(bytes) : walk.push(bytes)
      size += bytes.length
      if (size > INLINE_MAX) begin()
    },
    end() {
      begin()
      found ??= walk.end()
      return found
    },
  }
}

/** The header as far as it came. */
class Head {
  length = 0
  private bytes: Buffer = Buffer.alloc(0)

  /** @returns where the header ends, after its empty line, if that has come */
  add(chunk: Buffer): number | undefined {
    const from = Math.max(0, this.length - 3)
    if (this.length === 0)
      this.bytes = chunk // mostly all of it: no copy
    else this.bytes = appended(this.bytes, this.length, chunk)
    this.length += chunk.length
    if (this.bytes[0] === CR && this.bytes[1] === LF) return 2 // no field at all
    const at = this.bytes.subarray(0, this.length).indexOf(EMPTY_LINE, from)
    return at < 0 ? undefined : at + EMPTY_LINE.length
  }

  upTo(end: number): Buffer {
    return this.bytes.subarray(0, end)
  }

  from(start: number): Buffer {
    return this.bytes.subarray(start, this.length)
  }
}

const LF = 10
const CR = 13
const EMPTY_LINE = Buffer.from('\r\n\r\n')
