/**
 * A large payload out: from where the receiver wants it, as fast as it takes it, in constant memory.
 */
import type { Http2Stream } from 'node:http2'
import type { Duplex, Readable } from 'node:stream'
import type { Body } from './handlers.ts'

/** What a writer of a body hears and says: an early answer ends it; each chunk that left is a sign of life. */
export type Course = { isAnswered(): boolean; moved(): void }

/** Small enough that a stream which waits for the window holds little, large enough to be cheap. */
const CHUNK_BYTES = 64 * 1024

export const writeHand = async (
  stream: Http2Stream,
  head: Buffer,
  body: Body,
  from: number,
  count: (bytes: number) => void,
  { isAnswered, moved }: Course,
): Promise<void> => {
  if (from === body.size) return void stream.end(head)
  const source = await body.open(from)
  // An early answer is a refusal: nobody wants the rest.
  const isUnwanted = () => isAnswered() || stream.closed || stream.destroyed
  let left = body.size - from
  let waiting: Buffer = head // leaves together with the first bytes
  // To the end of the source and not only of `left`: an iteration broken off costs an error object,
  // and a source longer than it should be is seen.
  for await (const chunk of chunksOf(source)) {
    if (isUnwanted()) return
    moved()
    left -= chunk.length
    if (left < 0) break
    count(chunk.length)
    if (!stream.write(waiting)) await drained(stream)
    waiting = chunk
  }
  if (left !== 0) throw new Error(`our own payload ${body.sha256} has another size than ${body.size}`)
  if (!isUnwanted()) stream.end(waiting)
}

async function* chunksOf(source: Readable | Buffer): AsyncGenerator<Buffer> {
  const reads: AsyncIterable<Buffer> | Buffer[] = Buffer.isBuffer(source) ? [source] : source
  for await (const read of reads)
    for (let at = 0; at < read.length; at += CHUNK_BYTES) yield read.subarray(at, at + CHUNK_BYTES)
}

/** Resolves when more may be written, or nothing can be any more. */
export const drained = (stream: Duplex): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done)
      stream.off('close', done)
      resolve()
    }
    stream.on('drain', done)
    stream.on('close', done)
  })
