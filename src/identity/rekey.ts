/**
 * REKEY: an operator's word that what an agent shared with its neighbours is lost, and that they shall begin
 * anew with it. Signed by the entity that operates the agent, not by the agent: whoever has only the agent's
 * key can't make one.
 *
 *   {v: 1, net, entityId, key, agentId, epoch, incarnation, reason: "restore"}
 *   {v: 1, net, entityId, key, agentId, was, epoch, incarnation, reason: "compromise"}
 *
 * `key` is the operator's as on its card: its subkeys may have been renewed since the neighbour saw one. Left out, those count.
 * The second says that the key of the agent `was` is in other hands, and that the same gateway is the agent
 * `agentId` from now on: its neighbours move the link (src/link/moved.ts). `epoch` is when it was made, epoch ms: a neighbour that has taken one takes none that is not later.
 */
import { type AgentId, isId } from '../address.ts'
import { Refusal } from '../refusal.ts'
import { isCount } from './delegation.ts'
import { barePublicKey, type Entity, entityIdOf } from './entity.ts'
import * as openpgp from './library.ts'
import { profile } from './openpgp.ts'
import { readStatement, signStatement, verifyStatement } from './statement.ts'
import { withCurrentSubkeys } from './subkeys.ts'

/** What a gateway still has to tell a neighbour. */
export type RekeyOwed = { epoch: number; reason: 'restore' } | { epoch: number; reason: 'compromise'; was: AgentId }
export type Rekey = RekeyOwed & { agentId: AgentId; incarnation: string }

export const makeRekey = async (by: Entity, net: string, rekey: Rekey, now: number): Promise<string> => {
  const key = Buffer.from((await withCurrentSubkeys(barePublicKey(by), now)).write()).toString('base64')
  return signStatement(by, 'rekey', { v: 1, net, entityId: by.id, key, ...rekey }, now)
}

/**
 * @param pinned the operator's key, binary in base64, as the last card showed it
 * @throws Refusal rekey-invalid
 */
export const readRekey = async (text: string, pinned: string, net: string, now: number): Promise<Rekey> => {
  try {
    const { v, net: signedFor, key, agentId, was, epoch, incarnation, reason } = readStatement(text)
    if (v !== 1 || signedFor !== net) throw new Error('it is of another version or net')
    if (!isId(agentId) || !isCount(epoch)) throw new Error('it lacks agent or epoch')
    if (reason !== 'restore' && reason !== 'compromise') throw new Error('its reason is none')
    if (typeof incarnation !== 'string' || !/^[0-9a-f]{16}$/.test(incarnation)) throw new Error('it has no incarnation')
    if (key !== undefined && typeof key !== 'string') throw new Error('its key is no text')
    const known = await publicKey(pinned)
    await verifyStatement(text, 'rekey', key === undefined ? known : await renewed(known, await publicKey(key)), now)
    if (reason === 'restore') return { agentId, epoch, incarnation, reason }
    if (!isId(was) || was === agentId) throw new Error('it does not say which agent it was')
    return { agentId, was, epoch, incarnation, reason }
  } catch (error) {
    throw new Refusal('rekey-invalid', `this REKEY does not hold: ${error instanceof Error ? error.message : error}`)
  }
}

const publicKey = (base64: string): Promise<openpgp.PublicKey> =>
  openpgp.readKey({ binaryKey: Buffer.from(base64, 'base64'), config: profile })

/** The pinned key, and subkeys that its owner has bound to it since. An older one that is not pinned was given up: a thief may have it. */
const renewed = (pinned: openpgp.PublicKey, shown: openpgp.PublicKey): Promise<openpgp.PublicKey> => {
  if (entityIdOf(shown) !== entityIdOf(pinned)) throw new Error('its key is not the one known here')
  const last = Math.max(...pinned.subkeys.map(madeAt))
  shown.subkeys = shown.subkeys.filter((subkey) => madeAt(subkey) > last)
  return pinned.update(shown, undefined, profile)
}

const madeAt = ({ keyPacket }: openpgp.Subkey): number => keyPacket.created.getTime()
