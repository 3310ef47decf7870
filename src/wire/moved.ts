/**
 * What a gateway says whose agent key was stolen, and what it is asked (docs/protocol.md, "A stolen key"): to whoever
 * was its neighbour, from a key that they do not know yet. `rekey` is its operator's word, `revoked` the old key's.
 */
import { Refusal } from '../refusal.ts'
import { MAX_REKEY } from './link1.ts'
import { about } from './pair.ts'
import { hashId, oneOf, optional, record, type Shape, text } from './shape.ts'

const requests = {
  /** We were another agent. */
  MOVED: record({ t: oneOf('MOVED'), ...about, rekey: text(MAX_REKEY), revoked: optional(text(4096)) }),
  /** Whoever answers at this address was `was` once: are you the same? Answered by MOVED. */
  FORMER: record({ t: oneOf('FORMER'), was: hashId }),
} as const
type Requests = { [K in keyof typeof requests]: ReturnType<(typeof requests)[K]> }
export type MovedRequest = Requests[keyof Requests]
export type Moved = Requests['MOVED']

/** @throws Refusal `record-malformed`, `record-type`, `record-version` */
export const movedRequest = (value: unknown): MovedRequest => {
  const type = typeof value === 'object' && value !== null ? (value as { t?: unknown }).t : undefined
  if (typeof type !== 'string' || !Object.hasOwn(requests, type))
    throw new Refusal('record-type', 'here one says MOVED or FORMER')
  const shape: Shape<MovedRequest> = requests[type as keyof typeof requests]
  return shape(value, type)
}
