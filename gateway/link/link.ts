/**
 * One live link: two HTTP/2 sessions with the same neighbour, one for his requests, one for
 * ours. They live and die together; a neighbour who is silent is given up after two pings' time.
 */
import type { ClientHttp2Session, ServerHttp2Session } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Metrics } from '../metrics.ts'
import { type Calls, callsOver } from './call.ts'
import type { Announced, LinkLimits } from './limits.ts'
import { answers, endSoon } from './session.ts'

export type Link = {
  agent: string
  dialledBy: 'us' | 'them'
  since: number
  /** The IP address its connection comes from; undefined if we dialled. */
  remote: string | undefined
  calls: Calls
  /** Resolves with why. */
  closed: Promise<string>
  isClosed(): boolean
  /** Whether both sessions answer now. */
  answers(): Promise<boolean>
  close(why: string): void
}

export type Ends = {
  out: ClientHttp2Session
  outSocket: TLSSocket
  in: ServerHttp2Session
  inSocket: TLSSocket
}

export const makeLink = (
  who: { agent: string; dialledBy: 'us' | 'them'; theirs: Announced },
  ends: Ends,
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
    endSoon(() => {
      ends.out.destroy()
      ends.in.destroy()
    })
    tell(reason)
  }
  const bothAnswer = async () => {
    const both = await Promise.all([
      answers(ends.out, ends.outSocket, limits.pingTimeoutMs),
      answers(ends.in, ends.inSocket, limits.pingTimeoutMs),
    ])
    return why === undefined && both.every(Boolean)
  }
  const pings = setInterval(async () => {
    if (!(await bothAnswer())) close(`silent for ${limits.pingTimeoutMs / 1000} s`)
  }, limits.pingEveryMs)

  for (const session of [ends.out, ends.in]) {
    session.once('close', () => close('closed by the neighbour, or cut'))
    session.once('goaway', (code) =>
      close(code === 0 ? 'closed by the neighbour' : `ended by the neighbour, HTTP/2 code ${code}`),
    )
    if (session.destroyed) close('closed at once')
  }

  return {
    agent: who.agent,
    dialledBy: who.dialledBy,
    since: now(),
    remote: who.dialledBy === 'them' ? ends.outSocket.remoteAddress : undefined,
    calls: callsOver(ends.out, who.theirs, limits, metrics),
    closed,
    isClosed: () => why !== undefined,
    answers: bothAnswer,
    close,
  }
}
