/**
 * Card: what an entity gives away about itself, signed by itself.
 *
 *   {v: 1, address, name?, entityId, key, delegation, net, at}
 *
 * `key` is the OpenPGP public key, binary in base64; `delegation` the text of one, signed
 * apart, so that it can be shown without the card. That a card verifies says that key,
 * address and agent were put together by whoever holds the key. Whether the address is
 * truly theirs is another question: pinned, domain or vouched.
 */
import { createHash } from 'node:crypto'
import { type AgentId, canonical, type EntityId } from '../address.ts'
import { Refusal } from '../refusal.ts'
import { type Delegation, isCount, isDelegated, makeDelegation, readDelegation, type Term } from './delegation.ts'
import { barePublicKey, type Entity, entityIdOf } from './entity.ts'
import * as openpgp from './library.ts'
import { profile } from './openpgp.ts'
import { recent } from './recent.ts'
import { CLOCK_SKEW_MS, readStatement, signStatement, verifyStatement } from './statement.ts'
import { usableUntil, withCurrentSubkeys } from './subkeys.ts'

/**
 * Bytes. A usual card has 1 900. It rides along in the signature of every letter, where
 * `gpg` reads 30 000 and escaping may add to it.
 */
export const CARD_LIMIT = 16 * 1024

export type Card = {
  /** Canonical. */
  address: string
  name?: string
  entityId: EntityId
  agentId: AgentId
  delegation: Delegation
  publicKey: openpgp.PublicKey
  /** When it was made, epoch ms. */
  at: number
  /** Until when it is of use, epoch ms: its delegation ends then, or a key on it. */
  expires: number
  /** What travels and is stored. */
  text: string
}

/**
 * @returns the card's text
 * @throws Refusal card-invalid if the entity's key is too large to be given away with every letter
 */
export const makeCard = async (entity: Entity, agentId: AgentId, net: string, term: Term): Promise<string> => {
  const key = await withCurrentSubkeys(barePublicKey(entity), term.now)
  const body = {
    v: 1,
    address: entity.address,
    ...(entity.name && { name: entity.name }),
    entityId: entity.id,
    key: Buffer.from(key.write()).toString('base64'),
    delegation: await makeDelegation(entity, agentId, term),
    net,
    at: term.now,
  }
  const text = await signStatement(entity, 'card', body, term.now)
  if (Buffer.byteLength(text) > CARD_LIMIT) throw invalid(`with this key it is larger than ${CARD_LIMIT} bytes`)
  return text
}

/**
 * Verifies everything: form, net, key, both signatures, the delegation's term. Signatures
 * are verified once for each text; what time changes is asked each time.
 *
 * @param now epoch ms: the time at which the card must hold
 * @throws Refusal card-invalid
 */
export const readCard = async (text: string, net: string, now: number): Promise<Card> => {
  if (Buffer.byteLength(text) > CARD_LIMIT) throw invalid(`it is larger than ${CARD_LIMIT} bytes`)
  const { card, signedFor } = await cards(createHash('sha256').update(text).digest('base64'), () =>
    verifyCard(text, now).catch((fault: unknown) => {
      throw invalid(fault instanceof Error ? fault.message : String(fault))
    }),
  )
  if (signedFor !== net) throw invalid('it was made for another net')
  if (card.at > now + CLOCK_SKEW_MS) throw invalid('it was made in the future; is a clock wrong?')
  if (!isDelegated(card.delegation, now)) throw invalid('its delegation does not stand at this time')
  if (now >= card.expires) throw invalid('its key has expired')
  return card
}

type Verified = { card: Card; signedFor: string }
const cards = recent<Promise<Verified>>(4000)

const verifyCard = async (text: string, now: number): Promise<Verified> => {
  const { v, address, name, entityId, key, delegation, net, at } = readStatement(text)
  if (v !== 1) throw new Error('it is of another version')
  if (typeof address !== 'string') throw new Error('it has no address')
  if (canonical(address) !== address) throw new Error(`its address is to be spelled ${canonical(address)}`)
  if (name !== undefined && typeof name !== 'string') throw new Error('its name is no text')
  if (typeof key !== 'string' || typeof delegation !== 'string') throw new Error('it lacks a key or a delegation')
  if (typeof net !== 'string' || !isCount(at)) throw new Error('it lacks its net or its date')

  const read = await openpgp.readKey({ binaryKey: Buffer.from(key, 'base64'), config: profile })
  if (read.isPrivate()) throw new Error('it shows a private key')
  if (read.keyPacket.version !== 4) throw new Error('its key is not of version 4')
  if (entityIdOf(read) !== entityId) throw new Error('its key is not the one it names')
  const publicKey: openpgp.PublicKey = read
  await verifyStatement(text, 'card', publicKey, now)
  const date = new Date(Math.max(now, at)) // by a clock ahead of ours, its key is from the future
  await publicKey.getEncryptionKey(undefined, date, undefined, profile)
  const delegated = await readDelegation(delegation, publicKey, now)
  return {
    card: {
      address,
      ...(name && { name }),
      entityId,
      agentId: delegated.agentId,
      delegation: delegated,
      publicKey,
      at,
      expires: Math.min(delegated.expires, await usableUntil(publicKey, date.getTime())),
      text,
    },
    signedFor: net,
  }
}

const invalid = (why: string): Refusal => new Refusal('card-invalid', `the card can't be trusted: ${why}`)
