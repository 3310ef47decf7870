/**
 * HTTP/2 over a socket whose peer is known, in either role, with the windows and bounds
 * of limits.ts; and the question whether the other side still lives.
 */
import {
  type ClientHttp2Session,
  connect,
  constants,
  type Http2Stream,
  performServerHandshake,
  type ServerHttp2Session,
  type SessionOptions,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { LinkLimits } from './limits.ts'

export type Session = ClientHttp2Session | ServerHttp2Session

/**
 * Ends a stream, a session or the socket below it, but not now. Within a callback of HTTP/2, and in what
 * awaits one, Node 20 would enter nghttp2 again while it is still reading: an endless loop that eats all
 * memory, or a use after free (nodejs/node pull request 64166). So every end in this folder goes through here, or
 * comes from a timer.
 */
export const endSoon = (end: () => void): void => void setImmediate(end)

/** Gives up a stream, unless it has ended. */
export const cancel = (stream: Http2Stream): void =>
  endSoon(() => {
    if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL)
  })

const sessionOptions = (limits: LinkLimits): SessionOptions => ({
  maxSessionMemory: limits.sessionMemoryMb,
  maxHeaderListPairs: 16, // ours have five
  maxSettings: 16,
  settings: {
    initialWindowSize: limits.streamWindowBytes,
    maxConcurrentStreams: limits.streams,
    maxHeaderListSize: limits.headerBytes,
    enablePush: false,
  },
})

export const clientSession = (socket: TLSSocket, limits: LinkLimits): Promise<ClientHttp2Session> =>
  new Promise((resolve, reject) => {
    // The authority names nobody: the key already has. `.alt` is never looked up.
    const session = connect('https://vouchsafe.alt', { ...sessionOptions(limits), createConnection: () => socket })
    session.once('error', reject)
    session.once('close', () => reject(new Error('closed')))
    session.once('connect', () => {
      session.setLocalWindowSize(limits.sessionWindowBytes)
      session.on('error', () => {}) // 'close' follows, and is heard
      session.on('stream', cancel) // nothing is ever pushed
      resolve(session)
    })
  })

export const serverSession = (socket: TLSSocket, limits: LinkLimits): ServerHttp2Session => {
  const session = performServerHandshake(socket, sessionOptions(limits))
  session.setLocalWindowSize(limits.sessionWindowBytes)
  return session
}

/**
 * Pings. A ping behind a large payload on a slow line comes back late, but then the other
 * side's life signs (serve.ts) do not: any byte read in the meantime proves life as well.
 */
export const answers = (session: Session, socket: TLSSocket, timeoutMs: number): Promise<boolean> =>
  new Promise((resolve) => {
    if (session.destroyed || session.closed) return resolve(false)
    const seen = socket.bytesRead
    const judge = () => resolve(!session.destroyed && socket.bytesRead > seen)
    // After a standstill of our own, the timer comes first and what has arrived meanwhile next: hear that out.
    const timer = setTimeout(() => setImmediate(judge), timeoutMs)
    session.ping((error) => {
      clearTimeout(timer)
      resolve(error === null)
    })
    return undefined
  })
