/**
 * The messages of LINK1 (docs/protocol.md, "LINK1"): fields and limits. They travel on one TLS connection and are
 * proved by MACs over its exporter, so none is signed; MACs and random values have 32 bytes.
 */
import { MAX_CARD } from './record.ts'
import { flag, group, hashId, list, matching, oneOf, optional, record, text, time, whole } from './shape.ts'

const bytes32 = matching(/^[A-Za-z0-9_-]{43}$/, '32 bytes in base64url')
const incarnation = matching(/^[0-9a-f]{16}$/, '16 hexadecimal digits')
/** Connections of one ratchet: four a day for a thousand years. */
const counter = whole(0, 2 ** 31)
/** Longest time between two connections, and how far a clock may jump: sums stay exact. */
const MAX_SPAN_MS = 9_999_999_999_999
/** Most connection times anybody keeps (src/link/connection-times.ts). */
const MAX_TIMES = 100
/** A REKEY bears the same key as the card beside it. */
export const MAX_REKEY = MAX_CARD

/** What each side says of itself: for the operator's eyes, and whose word may REKEY. */
const resume = {
  name: text(80),
  software: text(80),
  incarnation,
  owner: optional(text(MAX_CARD)),
  rekey: optional(text(MAX_REKEY)),
}

/** Host → guest. `nonce` is the code word; `times` how many connections it keeps. */
export const aurqMessage = record({ agent: hashId, ...resume, nonce: bytes32, times: whole(1, MAX_TIMES) })
export type Aurq = ReturnType<typeof aurqMessage>

const proof = group({
  which: oneOf('tentative', 'key', 'initial'),
  n: counter,
  back: whole(0, MAX_TIMES),
  q: whole(-MAX_SPAN_MS, MAX_SPAN_MS),
  mac: bytes32,
})

/** Guest → host. */
export const arplMessage = record({ agent: hashId, ...resume, clock: time, proofs: list(proof, 1, 3) })
export type Arpl = ReturnType<typeof arplMessage>

/** Host → guest. `which` of the proofs held; `n` of the connection that begins; `warned`: a clock was wrong. */
export const proceedMessage = record({
  which: oneOf('tentative', 'key', 'initial'),
  n: counter,
  random: bytes32,
  at: time,
  warned: flag,
  mac: bytes32,
})
export type Proceed = ReturnType<typeof proceedMessage>

/** Guest → host. */
export const commitMessage = record({ random: bytes32, mac: bytes32 })
export type Commit = ReturnType<typeof commitMessage>

/** Host → guest. A stranger never comes so far, and a refusal is told by its code. */
export const arslMessage = record({ result: oneOf('known'), mac: bytes32 })
export type Arsl = ReturnType<typeof arslMessage>

/** Instead of PROCEED: none of the proofs held, and this is where the host stands. */
export const divergedMessage = record({ diverged: group({ n: counter, incarnation, at: optional(time) }) })
export type Diverged = ReturnType<typeof divergedMessage>['diverged']
