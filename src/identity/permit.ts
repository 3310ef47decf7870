/**
 * Permit: what a gateway gives to the gateway of somebody whom a person here knows, so that their
 * mail needs no credit on the way. It goes out with the report of a delivery and comes back in
 * envelopes from the same origin to the same recipient.
 *
 *   permit = first 16 bytes of HMAC-SHA-256(K, origin agentId ‖ recipient entityId), hex
 *   K      = HMAC-SHA-256(the agent's private key in PKCS#8 DER, "vouchsafe permit")
 *
 * Only whoever gave it can tell whether it is right, and that is who has to know: on the way nobody
 * checks it, since a wrong one moves a message as far as its recipient's gateway, and no further.
 * Nothing is kept for it: whether the recipient still knows the sender is asked at every delivery.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { AgentId, EntityId } from '../address.ts'
import type { Agent } from './agent.ts'

const PERMIT_BYTES = 16
const secrets = new WeakMap<Agent, Buffer>()

export const permitOf = (agent: Agent, origin: AgentId, to: EntityId): string => made(agent, origin, to).toString('hex')

export const isPermit = (permit: string, agent: Agent, origin: AgentId, to: EntityId): boolean => {
  const given = Buffer.from(permit, 'hex')
  return given.length === PERMIT_BYTES && timingSafeEqual(given, made(agent, origin, to))
}

const made = (agent: Agent, origin: AgentId, to: EntityId): Buffer =>
  createHmac('sha256', secretOf(agent)).update(`${origin}${to}`).digest().subarray(0, PERMIT_BYTES)

const secretOf = (agent: Agent): Buffer => {
  const known = secrets.get(agent)
  if (known) return known
  const key = agent.privateKey.export({ type: 'pkcs8', format: 'der' })
  const secret = createHmac('sha256', key).update('vouchsafe permit').digest()
  secrets.set(agent, secret)
  return secret
}
