/**
 * Hand-overs in: small ones come several in a call and stay in memory, a large one has a call of its own and
 * goes to a file as it comes (part.ts). Each is answered once custody is durable.
 */
import { createHash } from 'node:crypto'
import { Refusal } from '../../src/refusal.ts'
import { type Failure, failureOf, type Request } from './desk.ts'
import { decodeHands, type Hand, type Head, readHead } from './frame.ts'
import type { Arrived, HandAnswer } from './handlers.ts'
import type { LinkLimits } from './limits.ts'
import { broken, Cut, chunksOf, counted, holding, readWhole } from './reading.ts'
import { cancel } from './session.ts'

/** Node's timers run at once beyond. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** What is wrong with one is no matter of the others. */
export const takeHands = (request: Request): Promise<(HandAnswer | Failure)[]> =>
  holding(request, async (hold) => {
    const { stream, desk } = request
    const { handsBytes, idleMs, leastBytesPerSecond } = desk.limits
    const slowestMs = idleMs + (handsBytes / leastBytesPerSecond) * 1000
    const hands = decodeHands(await readWhole(stream, handsBytes, { idleMs, slowestMs, hold }), desk.limits)
    return Promise.all(
      hands.map((hand) => takeSmall(request, hand).catch((error: unknown) => failureOf(error, request))),
    )
  })

const takeSmall = async ({ caller, desk }: Request, { head, payload }: Hand): Promise<HandAnswer> => {
  desk.metrics.linkBytes.inc({ direction: 'in' }, payload.length)
  const { envelope, stamps, route, sha256, size } = head
  if (size > desk.limits.payloadBytes) throw tooLarge(desk.limits)
  if (createHash('sha256').update(payload).digest('hex') !== sha256) throw wrongHash()
  const bytes = Buffer.from(payload) // so that it does not hold the others in memory
  return desk.handlers.hand(caller.agent, { envelope, stamps, route }, { size, sha256, bytes })
}

export const takeHand = async (request: Request): Promise<HandAnswer | { retry: number }> => {
  const { stream, caller, desk } = request
  const chunks = chunksOf(stream, desk.limits.idleMs)
  try {
    const read = await readHead(chunks, desk.limits.headBytes)
    if (!read) throw broken(stream, new Refusal('record-malformed', 'a hand-over ends within its head'))
    const { envelope, stamps, route } = read.head
    const body = await takeBody(request, read.head, read.rest, chunks)
    if ('retry' in body) return body
    return await desk.handlers.hand(caller.agent, { envelope, stamps, route }, body)
  } finally {
    await chunks.return(undefined)
  }
}

const takeBody = async (request: Request, head: Head, rest: Buffer, chunks: AsyncIterator<Buffer>) => {
  const { stream, desk } = request
  const { limits, metrics } = desk
  if (head.size <= limits.memoryBytes)
    throw new Refusal('record-malformed', `payloads of up to ${limits.memoryBytes} bytes are handed over by /hands`)
  if (head.size > limits.payloadBytes) throw tooLarge(limits)
  const slowestMs = limits.idleMs + ((head.size - head.from) / limits.leastBytesPerSecond) * 1000
  const tooSlow = setTimeout(() => cancel(stream), Math.min(slowestMs, MAX_TIMER_MS))
  const count = (bytes: number) => metrics.linkBytes.inc({ direction: 'in' }, bytes)
  const payload = counted(rest, chunks, head.size - head.from, stream, count)
  try {
    return await onDisk(payload, head, request)
  } finally {
    clearTimeout(tooSlow)
  }
}

const onDisk = async (
  payload: AsyncIterable<Buffer>,
  head: Head,
  request: Request,
): Promise<Arrived | { retry: number }> => {
  const { caller, desk, load } = request
  if (load.large >= desk.limits.largeTaken)
    throw new Refusal('too-many-streams', `at most ${desk.limits.largeTaken} large payloads at once`)
  load.large += 1
  try {
    const part = await desk.parts.take(caller.agent, head, head.from)
    if ('retry' in part) return part
    try {
      for await (const chunk of payload) await part.write(chunk)
    } catch (error) {
      await (error instanceof Cut ? part.keep() : part.drop())
      throw error
    }
    const body = await part.finish()
    if (body) return body
    if (head.from > 0) return { retry: 0 } // perhaps what we had was damaged, not what came
    throw wrongHash()
  } finally {
    load.large -= 1
  }
}

const tooLarge = ({ payloadBytes }: LinkLimits): Refusal =>
  new Refusal('payload-too-large', `a payload may have ${payloadBytes} bytes here`)
const wrongHash = (): Refusal => new Refusal('payload-mismatch', 'the payload has another hash than announced')
