/**
 * One live link: an HTTP/2 session with a neighbour, whoever dialled, for his requests and ours.
 * A neighbour who is silent is given up after two pings' time.
 */
import type { TLSSocket } from 'node:tls'
import type { Metrics } from '../metrics.ts'
import { type Calls, callsOver, type Open } from './call.ts'
import type { Announced, LinkLimits } from './limits.ts'
import { answers, endSoon, type Session } from './session.ts'

export type Link = {
  agent: string
  dialledBy: 'us' | 'them'
  since: number
  /** The IP address its connection comes from; undefined if we dialled. */
  remote: string | undefined
  /** The IP address of our end, if we dialled. */
  local: string | undefined
  calls: Calls
  /** Resolves with why. */
  closed: Promise<string>
  isClosed(): boolean
  /** Whether the neighbour answers now. */
  answers(): Promise<boolean>
  close(why: string): void
}

/** Our end of the connection. */
export type End = {
  session: Session
  socket: TLSSocket
  open: Open
}

/**
 * For the last words (GOAWAY). Then the connection is ended: Node waits for its end, which never comes where a write
 * failed, and a socket that nobody will hear of again keeps a gateway from stopping.
 */
const LEAVE_MS = 1000

export const makeLink = (
  who: { agent: string; dialledBy: 'us' | 'them'; theirs: Announced },
  { session, socket, open }: End,
  {
    limits,
    metrics,
    now,
  }: { limits: LinkLimits; metrics: Pick<Metrics, 'linkRecords' | 'linkBytes'>; now: () => number },
): Link => {
  let why: string | undefined
  let tell: (why: string) => void = () => {}
  const closed = new Promise<string>((resolve) => {
    tell = resolve
  })

  const close = (reason: string) => {
    if (why !== undefined) return
    why = reason
    clearInterval(pings)
    endSoon(() => session.destroy())
    setTimeout(() => socket.destroy(), LEAVE_MS).unref()
    tell(reason)
  }
  const calls = callsOver(open, who.theirs, limits, metrics)
  const isAnswered = async () => (await answers(session, socket, limits.pingTimeoutMs)) && why === undefined
  // Node passes over a write that fails at once: of a neighbour killed in the middle of a call, silence alone tells.
  let looks = 0
  const pings = setInterval(async () => {
    looks += 1
    if (calls.pending() === 0 && looks % limits.pingIdleEvery > 0) return
    if (!(await isAnswered())) close(`silent for ${limits.pingTimeoutMs / 1000} s`)
  }, limits.pingEveryMs)

  session.once('close', () => close('closed by the neighbour, or cut'))
  session.once('goaway', (code: number) =>
    close(code === 0 ? 'closed by the neighbour' : `ended by the neighbour, HTTP/2 code ${code}`),
  )
  if (session.destroyed) close('closed at once')

  return {
    agent: who.agent,
    dialledBy: who.dialledBy,
    since: now(),
    remote: who.dialledBy === 'them' ? socket.remoteAddress : undefined,
    local: who.dialledBy === 'us' ? socket.localAddress : undefined,
    calls,
    closed,
    isClosed: () => why !== undefined,
    answers: isAnswered,
    close,
  }
}
