/**
 * What crosses the link edge: the shapes of a hand-over and of its answers, what the
 * gateway does with what arrives (`LinkHandlers`), and the one kind of failure that is
 * nobody's refusal (`LinkFault`): the neighbour is out of reach, silent, or broke off.
 */
import type { Readable } from 'node:stream'
import type { RefusalCode } from '../../src/refusal.ts'
import type { BodyDraft } from '../../store/spool.ts'

/** An envelope as it is handed on: JWS texts, and the rest of the route as advice. */
export type Offer = { envelope: string; stamps: string[]; route: string[] }

/** A payload we can read from any offset, as often as a transfer is taken up again; a small one whole, at once. */
export type Body = { size: number; sha256: string; open(from: number): Opened | Promise<Opened> }
type Opened = Readable | Buffer

/** A payload that has arrived whole and whose hash holds; a file is already durable below blob/. */
export type Arrived = BodyDraft

export type HandAnswer = { accepted: string } | { refused: RefusalCode; detail: string }
export type RecordAnswer = { ok: true } | { refused: RefusalCode }

/** Who answered a `pair`, by the key it showed, and what. */
export type Paired = { agent: string; answer: unknown }

/** `linked`: a neighbour. `frozen`: one that may prove itself only. `guest`: may call `pair` only. `no`: is told `link-unknown`. `revoked`: its key is dead. */
export type Standing = 'linked' | 'frozen' | 'guest' | 'no' | 'revoked'

export type LinkHandlers = {
  /** Answers once custody is durable. The body is the handler's from then on, kept or discarded. */
  hand(from: string, offer: Offer, body: Arrived): Promise<HandAnswer>
  /** One answer a record, in order, each durable before it is given. */
  records(from: string, records: string[]): Promise<RecordAnswer[]>
  /** Open to everybody, where this gateway is a directory. Refuses by throwing a Refusal. */
  directory(from: string, remote: string, request: unknown): Promise<unknown>
  /** Open to somebody who is not a neighbour, from an IP address. Refuses by throwing a Refusal. */
  pair(from: string, request: unknown, remote: string): Promise<unknown>
  /** Open to everybody: whoever was our neighbour and has another key. Refuses by throwing a Refusal. */
  moved(from: string, request: unknown): Promise<unknown>
  up(agentId: string): void
  down(agentId: string, why: string): void
  /** Nobody answered at an address of a neighbour, or somebody else did. */
  missed(agentId: string, address: string, why: 'silent' | 'wrong-key'): void
}

type LinkFaultCode =
  | 'unreachable' // no link is up, or nobody answers at the address
  | 'timeout' // the neighbour is silent
  | 'closed' // the link broke while we waited; whether it was done is unknown
  | 'busy' // the neighbour has a live link with us already
  | 'frozen' // until a person has seen to it
  | 'fault' // the neighbour failed, or answered nonsense

/** The world failing, not a "no": the caller tries again later. */
export class LinkFault extends Error {
  override readonly name = 'LinkFault'
  readonly code: LinkFaultCode
  /** The system's code, such as ECONNREFUSED, where there is one. */
  readonly why: string | undefined

  constructor(code: LinkFaultCode, detail: string, why?: string) {
    super(`${code}: ${detail}`)
    this.code = code
    this.why = why
  }
}
