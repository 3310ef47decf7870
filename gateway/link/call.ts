/**
 * Requests out to a known neighbour: each on a stream of its own, that we open (`openOn`) or that he lends us (lent.ts).
 *
 * Small hand-overs (hands.ts), records and large payloads wait in lanes of their own, so that none waits
 * for another kind; between streams, HTTP/2 itself goes round frame by frame. A call
 * ends by its answer, or in a LinkFault when nothing moves for `idleMs` or the link breaks;
 * how long the neighbour works on a large payload is his affair as long as he shows life, and on anything else up to `answerMs`.
 */
import type { ClientHttp2Session, ClientHttp2Stream, Http2Stream } from 'node:http2'
import { Refusal } from '../../src/refusal.ts'
import { record, whole } from '../../src/wire/shape.ts'
import type { Metrics } from '../metrics.ts'
import {
  answerAs,
  BLANK,
  encodeHead,
  handAnswer,
  isFault,
  MAX_RECORDS,
  type Path,
  recordAnswers,
  refusedBy,
} from './frame.ts'
import { type Body, type HandAnswer, LinkFault, type Offer, type RecordAnswer } from './handlers.ts'
import { shareCalls } from './hands.ts'
import type { Announced, LinkLimits } from './limits.ts'
import { type Course, writeHand } from './payload.ts'
import { cancel } from './session.ts'

export type Calls = {
  hand(offer: Offer, body: Body): Promise<HandAnswer>
  send(records: string[]): Promise<RecordAnswer[]>
  /** Calls not yet answered, waiting ones included. */
  pending(): number
}

/** A stream for a call; undefined if the link is down, or no stream is lent. */
export type Open = (path: Path) => Promise<Http2Stream | undefined>

type Write = (stream: Http2Stream, course: Course) => Promise<void> | void
type Terms = { idleMs: number; answerBytes: number; answerMs?: number }

export const callsOver = (
  open: Open,
  theirs: Announced,
  limits: LinkLimits,
  metrics: Pick<Metrics, 'linkRecords' | 'linkBytes'>,
): Calls => {
  const shared = lane(limits.hands)
  const large = lane(limits.largeHands)
  const records = lane(limits.records)

  const countOut = (bytes: number) => metrics.linkBytes.inc({ direction: 'out' }, bytes)

  const small = shareCalls(
    (hands) => shared.run(() => exchange(open, '/hands', limits, (stream) => void stream.end(hands))),
    limits.handsBytes,
  )

  const handOnce = async (offer: Offer, body: Body, from: number) => {
    const head = encodeHead({ ...offer, sha256: body.sha256, size: body.size, from })
    const { idleMs, answerBytes } = limits
    const write: Write = (stream, course) => writeHand(stream, head, body, from, countOut, course)
    return handAnswer(await exchange(open, '/hand', { idleMs, answerBytes }, write))
  }

  const handLarge = async (offer: Offer, body: Body): Promise<HandAnswer> => {
    // Each retry is the receiver's word on what it has: once gone, once damaged, then it is a fault.
    let from = body.size > limits.resumeBytes ? await askOffset(open, body, limits) : 0
    for (let attempt = 0; attempt < 3; attempt++) {
      const answer = await handOnce(offer, body, from)
      if (!('retry' in answer)) return answer
      from = Math.min(answer.retry, body.size)
    }
    throw new LinkFault('fault', 'the neighbour wants the payload again and again')
  }

  const handSmall = (offer: Offer, body: Body): Promise<HandAnswer> => {
    countOut(body.size)
    return small.hand(offer, body)
  }

  const sendBatch = async (batch: string[]): Promise<RecordAnswer[]> => {
    const answers = recordAnswers(await ask(open, '/records', batch, limits), batch.length)
    for (const one of answers) metrics.linkRecords.inc({ direction: 'out', outcome: 'ok' in one ? 'ok' : one.refused })
    return answers
  }

  return {
    hand(offer, body) {
      if (body.size > theirs.payloadBytes)
        return Promise.resolve({
          refused: 'payload-too-large',
          detail: `the neighbour takes at most ${theirs.payloadBytes} bytes`,
        })
      const isLarge = body.size > limits.memoryBytes
      return isLarge ? large.run(() => handLarge(offer, body)) : handSmall(offer, body)
    },
    async send(all) {
      const answers = await Promise.all(
        batches(all, theirs).map((batch) => (Array.isArray(batch) ? records.run(() => sendBatch(batch)) : [batch])),
      )
      return answers.flat()
    },
    pending: () => small.busy() + large.busy() + records.busy(),
  }
}

/**
 * Asks in JSON.
 *
 * @throws LinkFault; Refusal when the neighbour refuses the request as a whole
 */
export const ask = async (open: Open, path: Path, body: unknown, terms: Terms): Promise<unknown> => {
  const answer = await exchange(open, path, terms, (stream) => void stream.end(JSON.stringify(body)))
  const refused = Array.isArray(answer) ? undefined : refusedBy(answer)
  if (refused) throw new Refusal(refused.refused, refused.detail)
  return answer
}

const askOffset = async (open: Open, { sha256, size }: Body, limits: LinkLimits): Promise<number> => {
  const answer = await ask(open, '/offset', { v: 1, sha256, size }, limits)
  return answerAs(record({ offset: whole(0, size) }), { v: 1, ...(answer as object) }).offset
}

const exchange = async (open: Open, path: Path, terms: Terms, write: Write): Promise<unknown> => {
  const stream = await open(path)
  if (!stream) throw new LinkFault('closed', 'the link is down, or takes no more calls')
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    let isSettled = false

    const fail = (error: Error) => {
      isSettled = true
      cancel(stream)
      reject(error)
    }
    const silence = setTimeout(
      () => fail(new LinkFault('timeout', 'nothing moved on a call for too long')),
      terms.idleMs,
    )
    const longest =
      terms.answerMs === undefined
        ? undefined
        : setTimeout(() => fail(new LinkFault('timeout', 'a call was not answered in time')), terms.answerMs)
    const moved = () => void silence.refresh()
    stream.on('data', (chunk: Buffer) => {
      moved()
      if (size === 0 && chunk.every((byte) => byte === BLANK)) return // they are at it
      size += chunk.length
      if (size > terms.answerBytes) fail(new LinkFault('fault', 'the answer is too long'))
      else chunks.push(chunk)
    })
    stream.on('end', () => {
      if (size === 0) return // broken off: 'close' follows
      if (!stream.writableEnded) cancel(stream) // an early answer: nobody wants the rest
      try {
        const answer: unknown = JSON.parse(Buffer.concat(chunks).toString())
        if (isFault(answer)) return fail(new LinkFault('fault', 'the neighbour failed'))
        resolve(answer)
        isSettled = true
      } catch {
        fail(new LinkFault('fault', 'the answer is no JSON'))
      }
    })
    stream.on('error', () => {}) // 'close' follows
    stream.on('close', () => {
      clearTimeout(silence)
      clearTimeout(longest)
      if (!isSettled) reject(new LinkFault('closed', 'the link broke, or the neighbour broke off'))
    })
    // A failure to read our own payload is nobody's fault but ours.
    Promise.resolve(write(stream, { isAnswered: () => size > 0, moved })).catch(fail)
  })
}

/** As the dialler, over a session of ours. */
export const openOn =
  (session: ClientHttp2Session): Open =>
  async (path) =>
    openStream(session, path)

/** @returns undefined if the session is going down, or has used up its stream numbers */
export const openStream = (session: ClientHttp2Session, path: string): ClientHttp2Stream | undefined => {
  if (session.closed || session.destroyed) return undefined
  try {
    return session.request({ ':method': 'POST', ':path': path })
  } catch {
    return undefined
  }
}

/** At most `width` at once, the others in turn. */
const lane = (width: number) => {
  const waiting: (() => void)[] = []
  let running = 0
  return {
    busy: () => running + waiting.length,
    async run<T>(work: () => Promise<T>): Promise<T> {
      if (running >= width) await new Promise<void>((resolve) => waiting.push(resolve))
      else running += 1
      try {
        return await work()
      } finally {
        const next = waiting.shift() // takes over our place
        if (next) next()
        else running -= 1
      }
    },
  }
}

/** What the neighbour takes in one call. A record too long for him is answered here, in its place. */
const batches = (all: string[], { recordBytes, batchBytes }: Announced): (string[] | RecordAnswer)[] => {
  const made: (string[] | RecordAnswer)[] = []
  let size = 0
  for (const one of all) {
    const bytes = Buffer.byteLength(JSON.stringify(one)) + 1 // its comma
    if (Buffer.byteLength(one) > recordBytes || bytes + 1 > batchBytes) {
      made.push({ refused: 'record-too-large' })
      continue
    }
    const last = made.at(-1)
    size += bytes
    if (Array.isArray(last) && last.length < MAX_RECORDS && size + 1 <= batchBytes) {
      last.push(one)
      continue
    }
    made.push([one])
    size = bytes
  }
  return made
}
