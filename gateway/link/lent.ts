/**
 * Calls against the grain. HTTP/2 lets only the dialler open streams; so it opens some ahead, with nothing in
 * them, and lends them to the listener, who makes a call of each: it begins the answer with a header that holds the path and how
 * many more it could use now, and goes on with its request. The dialler's answer is the body of what was a request.
 *
 *   dialler                                        listener
 *   POST /lend, open ended        ──────────────>  kept
 *                                 <──────────────  call: /records, more: 3; the request, end
 *   POST /lend, three times       ──────────────>  used at once by the calls that wait
 *   POST /lend, open ended        ──────────────>  kept
 *   the answer, end               ──────────────>
 *
 * One always waits, so a call takes no longer this way than the other; and when all is done, one is left. So one
 * connection carries the calls of both, and who can't be dialled is reached.
 */
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  Http2Stream,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2'
import { type Open, openStream } from './call.ts'
import type { Path } from './frame.ts'
import type { LinkLimits } from './limits.ts'
import { cancel } from './session.ts'

const CALL = 'vouchsafe-call'
const MORE = 'vouchsafe-more'

/** The dialler's side: lends one, and then as many as are asked for. */
export const lend = (
  session: ClientHttp2Session,
  limits: LinkLimits,
  serve: (stream: Http2Stream, path: string) => void,
): void => {
  let waiting = 0
  let open = 0
  let wanted = 1
  const lendSome = () => {
    while (waiting < wanted && open < limits.lent) {
      const stream = openStream(session, '/lend')
      if (!stream) return
      follow(stream)
    }
  }
  const follow = (stream: ClientHttp2Stream) => {
    let at: 'waiting' | 'called' | 'wasted' = 'waiting'
    waiting += 1
    open += 1
    const leave = (to: typeof at) => {
      if (at === 'waiting') waiting -= 1
      at = to
    }
    stream.on('error', () => {}) // 'close' follows
    stream.once('close', () => {
      const wasCalled = at === 'called'
      leave('wasted')
      open -= 1
      if (wasCalled) lendSome() // and not whenever one is thrown away
    })
    stream.once('response', (headers) => {
      const path = headers[CALL]
      if (typeof path !== 'string') return cancel(stream)
      leave('called')
      wanted = 1 + (Number(headers[MORE]) || 0)
      serve(stream, path)
      lendSome()
    })
  }
  lendSome()
}

export type Borrowed = {
  /** One more was lent. */
  keep(stream: ServerHttp2Stream): void
  open: Open
}

/** The listener's side. */
export const borrow = (session: ServerHttp2Session, limits: LinkLimits): Borrowed => {
  const kept = new Set<ServerHttp2Stream>()
  const waiting = new Set<(stream: ServerHttp2Stream | undefined) => void>()

  const use = (stream: ServerHttp2Stream, path: Path): ServerHttp2Stream | undefined => {
    kept.delete(stream)
    if (stream.closed || stream.destroyed) return undefined // taken back this moment
    stream.respond({ ':status': 200, [CALL]: path, [MORE]: waiting.size })
    return stream
  }
  session.once('close', () => {
    for (const give of waiting) give(undefined)
  })

  return {
    keep(stream) {
      const [give] = waiting
      if (give) return give(stream)
      kept.add(stream)
      stream.once('close', () => kept.delete(stream))
    },
    open(path) {
      if (session.closed || session.destroyed) return Promise.resolve(undefined)
      const [stream] = kept
      if (stream) return Promise.resolve(use(stream, path))
      return new Promise((resolve) => {
        const give = (lent: ServerHttp2Stream | undefined) => {
          clearTimeout(timer)
          waiting.delete(give)
          resolve(lent && use(lent, path))
        }
        const timer = setTimeout(give, limits.idleMs, undefined)
        waiting.add(give)
      })
    },
  }
}
