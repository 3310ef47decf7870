/**
 * Requests in, on streams that they opened or we lent them: reads each within its bounds, asks the gateway, answers once.
 *
 * A neighbour may call everything, a stranger only `/pair`, three times at most. What is wrong
 * is refused by name in the answer; a payload that breaks off is kept for the next attempt.
 * While we work on a request, its caller gets a life sign every few seconds, so a
 * gigabyte may take its time and a dead link is still seen soon.
 */
import { constants, type Http2Stream, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { Refusal } from '../../src/refusal.ts'
import { type Caller, type Desk, failureOf, type Request } from './desk.ts'
import { decodeJson, decodeRecords, helloShape, type Path, payloadShape } from './frame.ts'
import type { Standing } from './handlers.ts'
import { Cut, holding, readWhole } from './reading.ts'
import { cancel, endSoon } from './session.ts'
import { takeHand, takeHands } from './take.ts'

/** Answers what they who dialled us ask. */
export const serve = (session: ServerHttp2Session, caller: Caller, desk: Desk): void => {
  const serveCall = serveCalls(caller, desk)
  let strangerCalls = 0

  const { agent, remote } = caller
  session.on('error', (error: NodeJS.ErrnoException) => {
    if (error.syscall !== undefined) return // a reset: their process or the line has gone, and 'close' follows
    desk.refuse('record-malformed', { agent, remote }, `breaks the rules of HTTP/2: ${error.message}`)
  })
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
  const load = { large: 0, bytes: 0 }
  return (stream, path) => answer({ stream, caller, desk, load }, path)
}

/** Tells everybody whose request is being answered that we are at it. @returns what ends it */
export const showLife = ({ inHand, limits }: Desk): (() => void) => {
  const signs = setInterval(() => {
    for (const stream of inHand) if (begin(stream)) stream.write(' ')
  }, limits.lifeSignMs)
  return () => clearInterval(signs)
}

const isStranger = (standing: Standing): boolean => standing === 'guest' || standing === 'no' || standing === 'revoked'

const answer = async (request: Request, path: string): Promise<void> => {
  const { stream, desk } = request
  const { graceMs } = desk.limits
  desk.inHand.add(stream)
  try {
    const answered = await route(request, path)
    if (answered !== LENT) reply(stream, answered, graceMs)
  } catch (error) {
    if (!(error instanceof Cut)) reply(stream, failureOf(error, request), graceMs)
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
    asDialler(caller).hello(helloShape(decodeJson(await readWhole(stream, 4096, desk.limits)), 'hello')),
  '/arpl': async ({ stream, caller, desk }) => asDialler(caller).arpl(await readProof(stream, desk)),
  '/commit': async ({ stream, caller, desk }) => asDialler(caller).commit(await readProof(stream, desk)),
  '/lend': async ({ stream, caller }) => {
    asDialler(caller).lend(stream as ServerHttp2Stream) // theirs is the session
    return LENT
  },
  '/pair': async ({ stream, caller, desk }) =>
    desk.handlers.pair(
      caller.agent,
      decodeJson(await readWhole(stream, desk.limits.recordBytes, desk.limits)),
      caller.remote,
    ),
  '/directory': async ({ stream, caller, desk }) => {
    const request = decodeJson(await readWhole(stream, desk.limits.recordBytes, desk.limits))
    return desk.handlers.directory(caller.agent, caller.remote, request)
  },
  '/moved': async ({ stream, caller, desk }) =>
    desk.handlers.moved(caller.agent, decodeJson(await readWhole(stream, desk.limits.proofBytes, desk.limits))),
  '/records': (request) => takeRecords(request),
  '/offset': async ({ stream, caller, desk }) => {
    const payload = payloadShape(decodeJson(await readWhole(stream, 4096, desk.limits)), 'offset')
    return { offset: await desk.parts.offset(caller.agent, payload) }
  },
  '/hands': (request) => takeHands(request),
  '/hand': (request) => takeHand(request),
}

/** What may be called before the handshake has ended well. */
const openly: readonly string[] = ['/hello', '/arpl', '/commit', '/pair', '/directory', '/moved']

const readProof = async (stream: Http2Stream, desk: Desk): Promise<unknown> =>
  decodeJson(await readWhole(stream, desk.limits.proofBytes, desk.limits))

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

const takeRecords = (request: Request): Promise<unknown> =>
  holding(request, async (hold) => {
    const { stream, caller, desk } = request
    const { batchBytes, idleMs } = desk.limits
    const records = decodeRecords(await readWhole(stream, batchBytes, { idleMs, hold }), desk.limits)
    const answers = await desk.handlers.records(caller.agent, records)
    for (const one of answers)
      desk.metrics.linkRecords.inc({ direction: 'in', outcome: 'ok' in one ? 'ok' : one.refused })
    return answers
  })
