/**
 * Requests out, over one HTTP/2 session to a known neighbour.
 *
 * Small hand-overs, records and large payloads wait in lanes of their own, so that none waits
 * for another kind; between streams, HTTP/2 itself goes round frame by frame. A call
 * ends by its answer, or in a LinkFault when nothing moves for `idleMs` or the link breaks;
 * how long the neighbour works on it is his affair as long as he shows life.
 */
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import type { Readable } from 'node:stream'
import { Refusal } from '../../src/refusal.ts'
import { record, whole } from '../../src/wire/shape.ts'
import type { Metrics } from '../metrics.ts'
import { answerAs, encodeHead, handAnswer, MAX_RECORDS, type Path, recordAnswers, refusedBy } from './frame.ts'
import { type Body, type HandAnswer, LinkFault, type Offer, type RecordAnswer } from './handlers.ts'
import type { Announced, LinkLimits } from './limits.ts'
import { cancel } from './session.ts'

export type Calls = {
  hand(offer: Offer, body: Body): Promise<HandAnswer>
  send(records: string[]): Promise<RecordAnswer[]>
  /** Calls not yet answered, waiting ones included. */
  pending(): number
  /** Answers had so far: a link that carried something was a good one. */
  answered(): number
}

/** What a writer of a body hears and says: an early answer ends it; each chunk that left is a sign of life. */
type Course = { isAnswered(): boolean; moved(): void }
type Write = (stream: ClientHttp2Stream, course: Course) => Promise<void> | void
type Terms = { idleMs: number; answerBytes: number }

export const callsOver = (
  session: ClientHttp2Session,
  theirs: Announced,
  limits: LinkLimits,
  metrics: Pick<Metrics, 'linkRecords' | 'linkBytes'>,
): Calls => {
  const small = lane(limits.hands)
  const large = lane(limits.largeHands)
  const records = lane(limits.records)
  let answered = 0

  const handOnce = async (offer: Offer, body: Body, from: number) => {
    const head = { ...offer, sha256: body.sha256, size: body.size, from }
    const count = (bytes: number) => metrics.linkBytes.inc({ direction: 'out' }, bytes)
    return handAnswer(
      await exchange(session, '/hand', limits, (stream, course) =>
        writeHand(stream, encodeHead(head), body, from, count, course),
      ),
    )
  }

  const handLarge = async (offer: Offer, body: Body): Promise<HandAnswer> => {
    // Each retry is the receiver's word on what it has: once gone, once damaged, then it is a fault.
    let from = body.size > limits.resumeBytes ? await askOffset(session, body, limits) : 0
    for (let attempt = 0; attempt < 3; attempt++) {
      const answer = await handOnce(offer, body, from)
      if (!('retry' in answer)) return answer
      from = Math.min(answer.retry, body.size)
    }
    throw new LinkFault('fault', 'the neighbour wants the payload again and again')
  }

  const handSmall = async (offer: Offer, body: Body): Promise<HandAnswer> => {
    const answer = await handOnce(offer, body, 0)
    if ('retry' in answer) throw new LinkFault('fault', 'the neighbour resumes what was sent whole')
    return answer
  }

  const sendBatch = async (batch: string[]): Promise<RecordAnswer[]> => {
    const answers = recordAnswers(await ask(session, '/records', batch, limits), batch.length)
    for (const one of answers) metrics.linkRecords.inc({ direction: 'out', outcome: 'ok' in one ? 'ok' : one.refused })
    return answers
  }

  const counting = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work
    answered += 1
    return result
  }

  return {
    hand(offer, body) {
      if (body.size > theirs.payloadBytes)
        return Promise.resolve({
          refused: 'payload-too-large',
          detail: `the neighbour takes at most ${theirs.payloadBytes} bytes`,
        })
      const isLarge = body.size > limits.memoryBytes
      return counting(isLarge ? large.run(() => handLarge(offer, body)) : small.run(() => handSmall(offer, body)))
    },
    async send(all) {
      const answers = await Promise.all(
        batches(all, theirs).map((batch) =>
          Array.isArray(batch) ? counting(records.run(() => sendBatch(batch))) : [batch],
        ),
      )
      return answers.flat()
    },
    pending: () => small.busy() + large.busy() + records.busy(),
    answered: () => answered,
  }
}

/**
 * Asks in JSON.
 *
 * @throws LinkFault; Refusal when the neighbour refuses the request as a whole
 */
export const ask = async (session: ClientHttp2Session, path: Path, body: unknown, terms: Terms): Promise<unknown> => {
  const answer = await exchange(session, path, terms, (stream) => void stream.end(JSON.stringify(body)))
  const refused = Array.isArray(answer) ? undefined : refusedBy(answer)
  if (refused) throw new Refusal(refused.refused, refused.detail)
  return answer
}

const askOffset = async (session: ClientHttp2Session, { sha256, size }: Body, limits: LinkLimits): Promise<number> => {
  const answer = await ask(session, '/offset', { v: 1, sha256, size }, limits)
  return answerAs(record({ offset: whole(0, size) }), { v: 1, ...(answer as object) }).offset
}

const exchange = (session: ClientHttp2Session, path: Path, terms: Terms, write: Write): Promise<unknown> =>
  new Promise((resolve, reject) => {
    if (session.closed || session.destroyed) return reject(new LinkFault('closed', 'the link is down'))
    const stream = open(session, path)
    if (!stream) return reject(new LinkFault('closed', 'the link takes no more calls'))
    const chunks: Buffer[] = []
    let size = 0
    let status: number | undefined
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
    const moved = () => void silence.refresh()
    stream.on('headers', moved) // 102: they are at it (the stream's own timeout does not count these)
    stream.on('response', (headers) => {
      status = headers[':status']
      moved()
    })
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > terms.answerBytes) fail(new LinkFault('fault', 'the answer is too long'))
      else chunks.push(chunk)
    })
    stream.on('end', () => {
      if (status === undefined) return // broken off: 'close' follows
      if (!stream.writableEnded) cancel(stream) // an early answer: nobody wants the rest
      if (status >= 500) return fail(new LinkFault('fault', 'the neighbour failed'))
      try {
        resolve(JSON.parse(Buffer.concat(chunks).toString()))
        isSettled = true
      } catch {
        fail(new LinkFault('fault', 'the answer is no JSON'))
      }
    })
    stream.on('error', () => {}) // 'close' follows
    stream.on('close', () => {
      clearTimeout(silence)
      if (!isSettled) reject(new LinkFault('closed', 'the link broke, or the neighbour broke off'))
    })
    // A failure to read our own payload is nobody's fault but ours.
    Promise.resolve(write(stream, { isAnswered: () => status !== undefined, moved })).catch(fail)
    return undefined
  })

/** @returns undefined if the session is going down, or has used up its stream numbers */
const open = (session: ClientHttp2Session, path: Path): ClientHttp2Stream | undefined => {
  try {
    return session.request({ ':method': 'POST', ':path': path })
  } catch {
    return undefined
  }
}

/** Small enough that a stream which waits for the window holds little, large enough to be cheap. */
const CHUNK_BYTES = 64 * 1024

const writeHand = async (
  stream: ClientHttp2Stream,
  head: Buffer,
  body: Body,
  from: number,
  count: (bytes: number) => void,
  { isAnswered, moved }: Course,
): Promise<void> => {
  if (from === body.size) return void stream.end(head)
  const source = await body.open(from)
  let left = body.size - from
  let waiting: Buffer = head // leaves together with the first bytes
  // To the end of the source and not only of `left`: an iteration broken off costs an error object,
  // and a source longer than it should be is seen.
  for await (const chunk of chunksOf(source)) {
    // An early answer is a refusal: nobody wants the rest.
    if (isAnswered() || stream.closed || stream.destroyed) return
    moved()
    left -= chunk.length
    if (left < 0) break
    count(chunk.length)
    if (!stream.write(waiting)) await drained(stream)
    waiting = chunk
  }
  if (left !== 0) throw new Error(`our own payload ${body.sha256} has another size than ${body.size}`)
  stream.end(waiting)
}

async function* chunksOf(source: Readable): AsyncGenerator<Buffer> {
  for await (const read of source as AsyncIterable<Buffer>)
    for (let at = 0; at < read.length; at += CHUNK_BYTES) yield read.subarray(at, at + CHUNK_BYTES)
}

const drained = (stream: ClientHttp2Stream): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done)
      stream.off('close', done)
      resolve()
    }
    stream.on('drain', done)
    stream.on('close', done)
  })

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
