/**
 * What somebody who is no neighbour (yet) may say on a link, and the answer: plain JSON, for TLS has shown
 * whose key speaks. docs/protocol.md §3 has the same in words.
 */
import { hostPort } from './record.ts'
import { flag, hashId, list, matching, oneOf, optional, record, type Shape, tagged, text, time } from './shape.ts'

/** It will stand on terminals, in lists and in letters: nothing in it may be invisible or steer. */
const shown =
  (maxChars: number): Shape<string> =>
  (value, at) =>
    text(maxChars)(value, at)
      .replace(/[\s\p{C}]+/gu, ' ')
      .trim()

/** Longest name of a gateway. The configuration takes none that others would refuse. */
export const MAX_AGENT_NAME = 80
/** What a guest says of itself beside its name: a sentence. */
const MAX_NOTE = 200

/** What each side tells the other about itself. */
export const about = {
  name: shown(MAX_AGENT_NAME),
  addresses: list(hostPort, 0, 8),
}

const requests = {
  /** Whoever was invited shows the token. */
  INVITED: { ...about, token: matching(/^[A-Za-z0-9_-]{22}$/, 'a token') },
  /** Somebody unknown asks to become a neighbour. */
  KNOCK: { ...about, software: optional(shown(MAX_AGENT_NAME)), note: optional(shown(MAX_NOTE)) },
}
export type PairRequest = ReturnType<typeof pairRequest>
export type Invited = Extract<PairRequest, { t: 'INVITED' }>
export type Knocking = Extract<PairRequest, { t: 'KNOCK' }>

/** `LINKED`: neighbours from now on. `PENDING`: their owner has not decided. A no is a refusal. */
const answers = record({ t: oneOf('LINKED', 'PENDING'), ...about })
export type PairAnswer = ReturnType<typeof answers>

/** Signed by the agent that asks for a direct link, or answers; sealed in a letter. `to` is the other agent. */
export const pairRecord = record({ ...about, to: hashId, answer: flag, at: time })
export type PairRecord = ReturnType<typeof pairRecord>

/** @throws Refusal `record-malformed`, `record-type`, `record-version` */
export const pairRequest = tagged(requests, 'somebody who is no neighbour may say INVITED or KNOCK')

/** @throws Refusal `record-malformed`, `record-version` */
export const pairAnswer = (value: unknown): PairAnswer => answers(value, 'the answer')
