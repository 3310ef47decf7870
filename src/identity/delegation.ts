/**
 * Delegation: the entity's word that an agent represents it.
 *
 * `{v: 1, entityId, agentId, notBefore, expires, seq}`, times in epoch ms. A higher `seq`
 * replaces all lower ones; comparing them is for whoever has seen both. No valid
 * delegation: not represented.
 */
import { type AgentId, type EntityId, isId } from '../address.ts'
import { type Entity, entityIdOf } from './entity.ts'
import type * as openpgp from './library.ts'
import { CLOCK_SKEW_MS, readStatement, signStatement, verifyStatement } from './statement.ts'

export type Delegation = { entityId: EntityId; agentId: AgentId; notBefore: number; expires: number; seq: number }

/** A year and a month: renewed every year, it never lapses while the gateway runs. */
export const DELEGATION_MS = 400 * 24 * 60 * 60 * 1000

export type Term = {
  /** Epoch ms. */
  now: number
  /** Epoch ms; without it, after DELEGATION_MS. */
  expires?: number | undefined
  seq: number
}

export const makeDelegation = (entity: Entity, agentId: AgentId, { now, expires, seq }: Term): Promise<string> => {
  const term = { notBefore: now, expires: expires ?? now + DELEGATION_MS, seq }
  return signStatement(entity, 'delegation', { v: 1, entityId: entity.id, agentId, ...term }, now)
}

/** Checks all but the term. @throws Error in words */
export const readDelegation = async (text: string, key: openpgp.PublicKey, now: number): Promise<Delegation> => {
  const { v, entityId, agentId, notBefore, expires, seq } = readStatement(text)
  if (v !== 1) throw new Error('its delegation is of another version')
  if (entityId !== entityIdOf(key)) throw new Error('its delegation is by another entity')
  if (!isId(agentId)) throw new Error('its delegation names no agent')
  if (!isCount(notBefore) || !isCount(expires) || !isCount(seq)) throw new Error('its delegation has no term')
  await verifyStatement(text, 'delegation', key, now)
  return { entityId, agentId, notBefore, expires, seq }
}

/** Whether the delegation stands at a time; a clock that is a little ahead does no harm. */
export const isDelegated = ({ notBefore, expires }: Delegation, now: number): boolean =>
  notBefore <= now + CLOCK_SKEW_MS && now < expires

/** A whole number that JSON carries exactly; times and sequence numbers are such. */
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
