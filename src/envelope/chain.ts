/**
 * Checks an envelope with all its stamps. The chain names the path: each stamp is signed by
 * the agent the one before it was made for, and covers everything before it. So a stamp cut
 * out, exchanged or put elsewhere breaks the chain, and a path that comes back is seen.
 */
import { verifyRecord } from '../identity/record.ts'
import { Refusal } from '../refusal.ts'
import { acceptedRecord, envelopeRecord, MAX_HOPS, stampRecord } from '../wire/record.ts'
import { chainHash, type Envelope } from './envelope.ts'

/** What a neighbour handed over, as it travelled. */
export type Handed = { envelope: string; stamps: string[] }
export type Hop = { agent: string; at: number }
/** `from`: the neighbour who hands it, and the agents it was before (link/moved.ts). */
export type Here = { net: string; me: string; from: readonly string[]; now: number }

/** Longest life an origin may ask of others' custody. */
export const MAX_LIFE_MS = 30 * 86_400_000
/** How far ahead another agent's clock may run before its envelopes have to wait. */
export const CREATED_AHEAD_MS = 86_400_000

export const verifyEnvelope = async (jws: string, net: string): Promise<Envelope> => {
  const { by, body } = await verifyRecord(jws, net, 'ENVELOPE')
  return { ...envelopeRecord(body, 'ENVELOPE'), origin: by, jws }
}

/**
 * @returns the envelope and its hops: each agent that has had it and when it stamped it, origin first, the neighbour last
 * @throws Refusal `chain-broken`, `path-loops`, `envelope-expired`, or as `verifyRecord` and the shapes refuse
 */
export const checkChain = async (handed: Handed, here: Here): Promise<{ envelope: Envelope; hops: Hop[] }> => {
  const envelope = await verifyEnvelope(handed.envelope, here.net)
  checkTimes(envelope, here.now)
  if (handed.stamps.length === 0 || handed.stamps.length > MAX_HOPS)
    throw new Refusal('chain-broken', `an envelope carries 1 to ${MAX_HOPS} stamps, not ${handed.stamps.length}`)

  const hops: Hop[] = []
  let holder = envelope.origin
  for (const [i, jws] of handed.stamps.entries()) {
    const { by, body } = await verifyRecord(jws, here.net, 'STAMP')
    const stamp = stampRecord(body, 'STAMP')
    if (by !== holder)
      throw new Refusal('chain-broken', `stamp ${i + 1} is not signed by the agent that had the envelope`)
    if (stamp.id !== envelope.id || stamp.chain !== chainHash(handed.envelope, handed.stamps.slice(0, i)))
      throw new Refusal('chain-broken', `stamp ${i + 1} was made for another chain`)
    if (stamp.to === holder || hops.some((hop) => hop.agent === stamp.to))
      throw new Refusal('path-loops', `stamp ${i + 1} leads back to an agent that had the envelope`)
    hops.push({ agent: by, at: stamp.at })
    holder = stamp.to
  }
  if (holder !== here.me) throw new Refusal('chain-broken', 'the last stamp was made for another agent')
  if (!here.from.includes(hops.at(-1)?.agent ?? ''))
    throw new Refusal('chain-broken', 'the last stamp is not signed by the neighbour who hands it')
  return { envelope, hops }
}

const checkTimes = (envelope: Envelope, now: number): void => {
  if (envelope.expires <= now) throw new Refusal('envelope-expired', 'the envelope has expired on its way')
  checkWritten(envelope.created, now)
  if (envelope.expires - envelope.created > MAX_LIFE_MS)
    throw new Refusal('record-malformed', 'the envelope claims to live longer than 30 days')
}

/**
 * It may be our clock that is wrong, as after a start before the network has set it: whoever hands it tries again.
 *
 * @throws Refusal `envelope-expired`
 */
export const checkWritten = (at: number, now: number): void => {
  if (at > now + CREATED_AHEAD_MS)
    throw new Refusal('envelope-expired', 'by the clock here it is from the future: one of the clocks is wrong')
}

/** @throws Refusal unless `receipt` is `by`'s signed word that it has custody of exactly this chain */
export const checkReceipt = async (
  receipt: string,
  expect: { net: string; by: string; from: string; origin: string; id: string; chain: string },
): Promise<void> => {
  const { by, body } = await verifyRecord(receipt, expect.net, 'ACCEPTED')
  const accepted = acceptedRecord(body, 'ACCEPTED')
  if (by !== expect.by) throw new Refusal('agent-mismatch', 'the receipt is signed by another agent')
  const same =
    accepted.id === expect.id &&
    accepted.origin === expect.origin &&
    accepted.from === expect.from &&
    accepted.chain === expect.chain
  if (!same) throw new Refusal('chain-broken', 'the receipt was given for another envelope or chain')
}
