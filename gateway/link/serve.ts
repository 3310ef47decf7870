/**
 * Requests in, on streams that they opened or we lent them: reads each within its bounds, asks the gateway, answers once.
 *
 * A neighbour may call everything, a stranger only `/pair`, three times at most. What is wrong
 * is refused by name in the answer; a payload that breaks off is kept for the next attempt.
 * While we work on a request, its caller gets a life sign every few seconds, so a
 * gigabyte may take its time and a dead link is still seen soon.
 */
import { createHash } from 'node:crypto'
import { constants, type Http2Stream, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { Refusal } from '../../src/refusal.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import {
  decodeJson,
  decodeRecords,
  type Head,
  type Hello,
  helloShape,
  type Path,
  payloadShape,
  readHead,
} from './frame.ts'
import type { Arrived, HandAnswer, LinkHandlers, Standing } from './handlers.ts'
import type { LinkLimits } from './limits.ts'
import type { Parts } from './part.ts'
import { type Refuse, refusalOf } from './quiet.ts'
import { broken, Cut, chunksOf, counted, gather, readWhole } from './reading.ts'
import { cancel, endSoon } from './session.ts'

/** What all sessions share. */
export type Desk = {
  handlers: LinkHandlers
  parts: Parts
  limits: LinkLimits
  log: Log
  metrics: Pick<Metrics, 'linkRecords' | 'linkBytes'>
  refuse: Refuse
  /** Requests being answered, on all sessions. */
  inHand: Set<Http2Stream>
  isClosing(): boolean
}

/** Who asks. */
export type Caller = {
  agent: string
  remote: string
  standing(): Standing
  /** Where the caller dialled. `hello` decides whether a link comes of it. */
  dialled?: {
    hello(hello: Hello): Promise<unknown>
    /** LINK1. */
    arpl(body: unknown): Promise<unknown>
    commit(body: unknown): Promise<unknown>
    /** A stream for a call of ours. */
    lend(stream: ServerHttp2Stream): void
  }
  /** Whether the handshake has shown that it is still the neighbour we knew. */
  isProven(): boolean
}

type Request = { stream: Http2Stream; caller: Caller; desk: Desk; large: { count: number } }

/** Node's timers run at once beyond. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** Answers what they who dialled us ask. */
export const serve = (session: ServerHttp2Session, caller: Caller, desk: Desk): void => {
  const serveCall = serveCalls(caller, desk)
  let strangerCalls = 0

  const { agent, remote } = caller
  session.on('error', (error: Error) =>
    desk.refuse('record-malformed', { agent, remote }, `breaks the rules of HTTP/2: ${error.message}`),
  )
  session.on('stream', (stream, headers) => {
    stream.on('error', () => {}) // 'close' follows
    if (isStranger(caller.standing())) strangerCalls += 1
    if (strangerCalls > desk.limits.strangerCalls) return cancel(stream)
    void serveCall(stream, headers[':path'] as string).then(() => {
      // Says GOAWAY, and lets the answers out.
      if (strangerCalls >= desk.limits.strangerCalls) endSoon(() => session.close())
    })
  })
}

/** Answers what a neighbour asks, on streams of one connection. */
export const serveCalls = (caller: Caller, desk: Desk): ((stream: Http2Stream, path: string) => Promise<void>) => {
  const large = { count: 0 }
  return (stream, path) => answer({ stream, caller, desk, large }, path)
}

/** Tells everybody whose request is being answered that we are at it. @returns what ends it */
export const showLife = ({ inHand, limits }: Desk): (() => void) => {
  const signs = setInterval(() => {
    for (const stream of inHand) if (begin(stream)) stream.write(' ')
  }, limits.lifeSignMs)
  return () => clearInterval(signs)
}

const isStranger = (standing: Standing): boolean => standing === 'guest' || standing === 'no' || standing === 'revoked'

/** The one place where refusals and faults become answers. */
const answer = async (request: Request, path: string): Promise<void> => {
  const { stream, caller, desk } = request
  const { graceMs } = desk.limits
  desk.inHand.add(stream)
  try {
    const answered = await route(request, path)
    if (answered !== LENT) reply(stream, answered, graceMs)
  } catch (error) {
    if (error instanceof Cut) return
    const refusal = refusalOf(error)
    if (refusal) {
      desk.refuse(refusal.code, { agent: caller.agent, remote: caller.remote }, refusal.detail)
      reply(stream, { refused: refusal.code, detail: refusal.detail }, graceMs)
    } else {
      desk.log.error({ area: 'link', event: 'fault', agent: caller.agent, error }, 'a request could not be answered')
      reply(stream, { fault: true }, graceMs) // causes are for our log alone
    }
  } finally {
    desk.inHand.delete(stream)
  }
}

/** @returns whether an answer, or a sign of life, can still be written */
const begin = (stream: Http2Stream): boolean => {
  if (stream.closed || stream.destroyed || stream.writableEnded) return false
  if (isOpenedByThem(stream) && !stream.headersSent)
    stream.respond({ ':status': 200, 'content-type': 'application/json' })
  return true
}

/** And not lent by us, where our answer is the body of a request. */
const isOpenedByThem = (stream: Http2Stream): stream is ServerHttp2Stream => 'respond' in stream

const reply = (stream: Http2Stream, body: unknown, graceMs: number): void => {
  if (!begin(stream)) return
  stream.end(JSON.stringify(body ?? null))
  if (stream.readableEnded) return
  // An early answer: what still comes is not read, and who does not stop by himself is stopped (RFC 9113 §8.1).
  // Not at once: a reset would overtake the answer.
  setTimeout(() => {
    if (!stream.closed) stream.close(constants.NGHTTP2_NO_ERROR)
    stream.resume() // unread bytes would keep it in memory
  }, graceMs)
}

/** No answer: the stream is ours now. */
const LENT = Symbol('lent')

const routes: Record<Path | '/lend', (request: Request) => Promise<unknown>> = {
  '/hello': async ({ stream, caller, desk }) =>
    asDialler(caller).hello(helloShape(decodeJson(await readWhole(stream, 4096, desk.limits.idleMs)), 'hello')),
  '/arpl': async ({ stream, caller, desk }) => asDialler(caller).arpl(await readProof(stream, desk)),
  '/commit': async ({ stream, caller, desk }) => asDialler(caller).commit(await readProof(stream, desk)),
  '/lend': async ({ stream, caller }) => {
    asDialler(caller).lend(stream as ServerHttp2Stream) // theirs is the session
    return LENT
  },
  '/pair': async ({ stream, caller, desk }) =>
    desk.handlers.pair(
      caller.agent,
      decodeJson(await readWhole(stream, desk.limits.recordBytes, desk.limits.idleMs)),
      caller.remote,
    ),
  '/directory': async ({ stream, caller, desk }) => {
    const request = decodeJson(await readWhole(stream, desk.limits.recordBytes, desk.limits.idleMs))
    return desk.handlers.directory(caller.agent, caller.remote, request)
  },
  '/moved': async ({ stream, caller, desk }) =>
    desk.handlers.moved(caller.agent, decodeJson(await readWhole(stream, desk.limits.proofBytes, desk.limits.idleMs))),
  '/records': (request) => takeRecords(request),
  '/offset': async ({ stream, caller, desk }) => {
    const payload = payloadShape(decodeJson(await readWhole(stream, 4096, desk.limits.idleMs)), 'offset')
    return { offset: await desk.parts.offset(caller.agent, payload) }
  },
  '/hand': (request) => takeHand(request),
}

/** What may be called before the handshake has ended well. */
const openly: readonly string[] = ['/hello', '/arpl', '/commit', '/pair', '/directory', '/moved']

const readProof = async (stream: Http2Stream, desk: Desk): Promise<unknown> =>
  decodeJson(await readWhole(stream, desk.limits.proofBytes, desk.limits.idleMs))

const asDialler = ({ dialled }: Caller): NonNullable<Caller['dialled']> => {
  if (dialled === undefined) throw new Refusal('record-type', 'who dials says hello and proves himself')
  return dialled
}

const route = (request: Request, path: string): Promise<unknown> => {
  const { caller, desk } = request
  if (desk.isClosing()) throw new Refusal('stopping', 'this gateway is shutting down; try again later')
  const standing = caller.standing()
  if (standing === 'revoked')
    throw new Refusal('agent-revoked', 'this key was stolen from its owner: nothing is taken from it')
  const isOpen = path === '/directory' || path === '/moved' || (standing === 'guest' && path === '/pair')
  if (isStranger(standing) && !isOpen) throw new Refusal('link-unknown', 'you are not a neighbour here')
  if (!Object.hasOwn(routes, path)) throw new Refusal('record-type', 'a link has no such request')
  if (!openly.includes(path) && !caller.isProven())
    throw new Refusal('link-unproven', 'nothing is taken before the handshake has ended')
  if (!openly.includes(path) && standing === 'frozen') throw new Refusal('link-diverged', 'this link is frozen')
  return routes[path as keyof typeof routes](request)
}

const takeRecords = async ({ stream, caller, desk }: Request): Promise<unknown> => {
  const records = decodeRecords(await readWhole(stream, desk.limits.batchBytes, desk.limits.idleMs), desk.limits)
  const answers = await desk.handlers.records(caller.agent, records)
  for (const one of answers)
    desk.metrics.linkRecords.inc({ direction: 'in', outcome: 'ok' in one ? 'ok' : one.refused })
  return answers
}

const takeHand = async (request: Request): Promise<HandAnswer | { retry: number }> => {
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
  if (head.size > limits.payloadBytes)
    throw new Refusal('payload-too-large', `a payload may have ${limits.payloadBytes} bytes here`)
  const slowestMs = limits.idleMs + ((head.size - head.from) / limits.leastBytesPerSecond) * 1000
  const tooSlow = setTimeout(() => cancel(stream), Math.min(slowestMs, MAX_TIMER_MS))
  const count = (bytes: number) => metrics.linkBytes.inc({ direction: 'in' }, bytes)
  const payload = counted(rest, chunks, head.size - head.from, stream, count)
  try {
    return await (head.size <= limits.memoryBytes ? inMemory(payload, head) : onDisk(payload, head, request))
  } finally {
    clearTimeout(tooSlow)
  }
}

const inMemory = async (payload: AsyncIterable<Buffer>, head: Head): Promise<Arrived> => {
  if (head.from !== 0) throw new Refusal('record-malformed', 'small payloads are sent whole')
  const bytes = await gather(payload)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  if (sha256 !== head.sha256) throw wrongHash()
  return { size: head.size, sha256, bytes }
}

const onDisk = async (
  payload: AsyncIterable<Buffer>,
  head: Head,
  request: Request,
): Promise<Arrived | { retry: number }> => {
  const { caller, desk, large } = request
  if (large.count >= desk.limits.largeTaken)
    throw new Refusal('too-many-streams', `at most ${desk.limits.largeTaken} large payloads at once`)
  large.count += 1
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
    large.count -= 1
  }
}

const wrongHash = (): Refusal => new Refusal('payload-mismatch', 'the payload has another hash than announced')
