/**
 * What a request brings, read within its bounds: whole where it is small, in chunks where it is a payload.
 *
 * A sender that falls silent is cut off; so is one that is too slow in all.
 */
import { constants, type Http2Stream } from 'node:http2'
import { appended } from '../../src/mail/grow.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Request } from './desk.ts'
import { cancel } from './session.ts'

/** The stream broke while we read: nobody waits for an answer any more. */
export class Cut extends Error {}

/**
 * `idleMs`: longest silence; `slowestMs`: for all of it; `hold` hears how much there is so far.
 *
 * @throws Refusal `record-too-large`; Cut
 */
export const readWhole = async (
  stream: Http2Stream,
  limit: number,
  { idleMs, slowestMs = idleMs, hold }: { idleMs: number; slowestMs?: number; hold?: (size: number) => void },
): Promise<Buffer> => {
  const slowest = setTimeout(() => cancel(stream), slowestMs)
  try {
    let size = 0
    const bounded = async function* () {
      for await (const chunk of chunksOf(stream, idleMs)) {
        size += chunk.length
        if (size > limit) throw new Refusal('record-too-large', `this request may have ${limit} bytes`)
        hold?.(size)
        yield chunk
      }
    }
    const body = await gather(bounded())
    if (stream.aborted || stream.destroyed) throw new Cut()
    return body
  } finally {
    clearTimeout(slowest)
  }
}

/**
 * What a request keeps in memory counts for its connection until it is answered; small ones are always taken.
 *
 * @throws Refusal `too-many-streams`
 */
export const holding = async <Answer>(
  { load, desk }: Request,
  work: (hold: (size: number) => void) => Promise<Answer>,
): Promise<Answer> => {
  const { memoryBytes, heldBytes } = desk.limits
  let held = 0
  const hold = (size: number) => {
    if (size <= memoryBytes) return
    load.bytes += size - held
    held = size
    if (load.bytes > heldBytes) throw new Refusal('too-many-streams', `requests may bring ${heldBytes} bytes at once`)
  }
  try {
    return await work(hold)
  } finally {
    load.bytes -= held
  }
}

/**
 * Leaves the stream open at the end, so that it can be answered; errors and silence become Cut.
 * (The stream's own timeout won't do: our life signs would keep it from ever running out.)
 */
export async function* chunksOf(stream: Http2Stream, idleMs: number): AsyncGenerator<Buffer, undefined> {
  const silence = setTimeout(() => cancel(stream), idleMs)
  try {
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      silence.refresh()
      yield chunk as Buffer
    }
  } catch {
    throw new Cut()
  } finally {
    clearTimeout(silence)
  }
  return undefined
}

/** Passes on exactly as many bytes as announced, or refuses; throws Cut if the stream broke. */
export async function* counted(
  rest: Buffer,
  chunks: AsyncIterator<Buffer>,
  size: number,
  stream: Http2Stream,
  count: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  let left = size
  for (let chunk: Buffer | undefined = rest; chunk !== undefined; chunk = (await chunks.next()).value) {
    left -= chunk.length
    count(chunk.length)
    if (left < 0) throw new Refusal('payload-mismatch', 'the payload is longer than announced')
    if (chunk.length > 0) yield chunk
  }
  if (left > 0) throw broken(stream, new Refusal('payload-mismatch', 'the payload is shorter than announced'))
}

/** A body that ends too soon: did its sender end it, or did the link break? HTTP/2 streams end in both cases. */
export const broken = (stream: Http2Stream, otherwise: Refusal): Error =>
  stream.aborted || stream.destroyed || stream.rstCode !== constants.NGHTTP2_NO_ERROR ? new Cut() : otherwise

/** In one buffer from the start: chunks may be of a byte each, and each that is kept takes two hundred. */
export const gather = async (chunks: AsyncIterable<Buffer>): Promise<Buffer> => {
  let all: Buffer = Buffer.alloc(0)
  let size = 0
  for await (const chunk of chunks) {
    all = size === 0 ? chunk : appended(all, size, chunk)
    size += chunk.length
  }
  return all.subarray(0, size)
}
