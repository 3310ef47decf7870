/**
 * What the signature on a letter says besides that the text is the sender's.
 *
 * Notation `letter@vouchsafe.alt`, JSON: {v: 1, id, from, to, address, card}: the envelope it
 * went into, the entities it is from and to, the address that was meant, the sender's card. So
 * a letter can't be taken out and sealed again for somebody else (surreptitious forwarding),
 * nor arrive a second time in another envelope; and `gpg -d` still yields the very message.
 */
import { type EntityId, type EnvelopeId, isId } from '../address.ts'
import { Refusal } from '../refusal.ts'
import { type Card, readCard } from './card.ts'
import * as openpgp from './library.ts'
import { notation, notationOf } from './openpgp.ts'
import { CLOCK_SKEW_MS } from './statement.ts'

export type Letter = {
  id: EnvelopeId
  from: EntityId
  to: EntityId
  /** The recipient's address as the sender knew it, canonical. */
  address: string
  /** Text of the sender's card. */
  card: string
}

const NAME = 'letter@vouchsafe.alt'

export const letterNotation = ({ id, from, to, address, card }: Letter): openpgp.RawNotation =>
  notation(NAME, JSON.stringify({ v: 1, id, from, to, address, card }))

/**
 * What a signature claims, checked against what must be so; the signature itself is still to
 * be verified, by the key of the card returned. The card must hold at the time of signing: a
 * letter that was long under way outlives the delegation of its sender.
 *
 * @throws Refusal sender-unverified
 */
export const claimOf = async (
  signature: openpgp.Signature,
  must: { net: string; now: number; id: EnvelopeId; to: EntityId },
): Promise<{ from: Card; address: string }> => {
  const [packet, ...more] = signature.packets
  if (!packet || more.length > 0) throw unverified('it is not signed')
  if (packet.signatureType !== openpgp.enums.signature.binary)
    throw unverified('its signature is not over the very bytes')
  const signedAt = packet.created?.getTime() ?? Number.POSITIVE_INFINITY
  if (signedAt > must.now + CLOCK_SKEW_MS) throw unverified('it was signed in the future; is a clock wrong?')

  const { v, id, from, to, address, card } = parsed(notationOf(packet, NAME))
  if (v !== 1) throw unverified('its signature is of another version')
  if (to !== must.to) throw unverified('it was signed for another recipient')
  if (id !== must.id) throw unverified('it was signed for another envelope')
  if (!isId(from) || typeof address !== 'string' || typeof card !== 'string')
    throw unverified('its signature does not say whose it is')

  const sender = await readCard(card, must.net, signedAt).catch((refusal: unknown) => {
    throw unverified(refusal instanceof Refusal ? refusal.detail : `its sender's card can't be read`)
  })
  if (sender.entityId !== from) throw unverified(`the card is not its sender's`)
  return { from: sender, address }
}

export const unverified = (why: string): Refusal =>
  new Refusal('sender-unverified', `the letter opens, but who wrote it can't be told: ${why}`)

const parsed = (text: string | undefined): Record<string, unknown> => {
  if (text === undefined) throw unverified(`its signature bears no ${NAME}`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw unverified(`its ${NAME} is not JSON`)
  }
  if (typeof value !== 'object' || value === null) throw unverified(`its ${NAME} is not an object`)
  return value as Record<string, unknown>
}
