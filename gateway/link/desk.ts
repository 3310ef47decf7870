/**
 * What the requests of all links share, who asks, and what a failure is called in an answer.
 */
import type { Http2Stream, ServerHttp2Stream } from 'node:http2'
import type { RefusalCode } from '../../src/refusal.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Hello } from './frame.ts'
import type { LinkHandlers, Standing } from './handlers.ts'
import type { LinkLimits } from './limits.ts'
import type { Parts } from './part.ts'
import { type Refuse, refusalOf } from './quiet.ts'

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

/** `load` is that of the connection: large payloads under way, and bytes held of other requests. */
export type Request = { stream: Http2Stream; caller: Caller; desk: Desk; load: { large: number; bytes: number } }

/** Refusals and faults as answers: both are logged here, and of a fault the log alone hears the cause. */
export const failureOf = (error: unknown, { caller, desk }: Request): Failure => {
  const refusal = refusalOf(error)
  if (refusal) {
    desk.refuse(refusal.code, { agent: caller.agent, remote: caller.remote }, refusal.detail)
    return { refused: refusal.code, detail: refusal.detail }
  }
  desk.log.error({ area: 'link', event: 'fault', agent: caller.agent, err: error }, 'a request could not be answered')
  return { fault: true }
}

export type Failure = { refused: RefusalCode; detail: string } | { fault: true }
