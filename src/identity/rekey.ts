/**
 * REKEY: an operator's word that what an agent shared with its neighbours is lost, and that they shall begin
 * anew with it. Signed by the entity that operates the agent, not by the agent: whoever has only the agent's
 * key can't make one.
 *
 *   {v: 1, net, entityId, agentId, epoch, incarnation, reason: "restore"}
 *   {v: 1, net, entityId, agentId, was, epoch, incarnation, reason: "compromise"}
 *
 * The second says that the key of the agent `was` is in other hands, and that the same gateway is the agent
 * `agentId` from now on: its neighbours move the link (src/link/moved.ts). `epoch` is when it was made, epoch ms: a neighbour that has taken one takes none that is not later.
 */
import { type AgentId, isId } from '../address.ts'
import { Refusal } from '../refusal.ts'
import { isCount } from './delegation.ts'
import type { Entity } from './entity.ts'
import * as openpgp from './library.ts'
import { profile } from './openpgp.ts'
import { readStatement, signStatement, verifyStatement } from './statement.ts'

/** What a gateway still has to tell a neighbour. */
export type RekeyOwed = { epoch: number; reason: 'restore' } | { epoch: number; reason: 'compromise'; was: AgentId }
export type Rekey = RekeyOwed & { agentId: AgentId; incarnation: string }

export const makeRekey = (by: Entity, net: string, rekey: Rekey, now: number): Promise<string> =>
  signStatement(by, 'rekey', { v: 1, net, entityId: by.id, ...rekey }, now)

/**
 * @param key of the operator, binary in base64, as it was pinned
 * @throws Refusal rekey-invalid
 */
export const readRekey = async (text: string, key: string, net: string, now: number): Promise<Rekey> => {
  try {
    const { v, net: signedFor, agentId, was, epoch, incarnation, reason } = readStatement(text)
    if (v !== 1 || signedFor !== net) throw new Error('it is of another version or net')
    if (!isId(agentId) || !isCount(epoch)) throw new Error('it lacks agent or epoch')
    if (reason !== 'restore' && reason !== 'compromise') throw new Error('its reason is none')
    if (typeof incarnation !== 'string' || !/^[0-9a-f]{16}$/.test(incarnation)) throw new Error('it has no incarnation')
    const pinned = await openpgp.readKey({ binaryKey: Buffer.from(key, 'base64'), config: profile })
    await verifyStatement(text, 'rekey', pinned, now)
    if (reason === 'restore') return { agentId, epoch, incarnation, reason }
    if (!isId(was) || was === agentId) throw new Error('it does not say which agent it was')
    return { agentId, was, epoch, incarnation, reason }
  } catch (error) {
    throw new Refusal('rekey-invalid', `this REKEY does not hold: ${error instanceof Error ? error.message : error}`)
  }
}
