/**
 * What a gateway says whose agent key was stolen, and what it is asked (docs/protocol.md, "A stolen key"): to whoever
 * was its neighbour, from a key that they do not know yet. `rekey` is its operator's word, `revoked` the old key's.
 */
import { MAX_REKEY } from './link1.ts'
import { about } from './pair.ts'
import { hashId, optional, tagged, text } from './shape.ts'

const requests = {
  /** We were another agent. */
  MOVED: { ...about, rekey: text(MAX_REKEY), revoked: optional(text(4096)) },
  /** Whoever answers at this address was `was` once: are you the same? Answered by MOVED. */
  FORMER: { was: hashId },
}
export type MovedRequest = ReturnType<typeof movedRequest>
export type Moved = Extract<MovedRequest, { t: 'MOVED' }>

/** @throws Refusal `record-malformed`, `record-type`, `record-version` */
export const movedRequest = tagged(requests, 'here one says MOVED or FORMER')
