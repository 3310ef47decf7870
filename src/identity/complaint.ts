/**
 * Complaint: a recipient's word about one envelope, as a statement under their OpenPGP key:
 * {v: 1, net, origin, id, hash, reason, at}. It travels with their card, whose key is the one that the
 * envelope's `to` names: so whoever handed the envelope on can tell that its recipient speaks.
 */
import type { Complaint } from '../complaint/verdict.ts'
import { Refusal } from '../refusal.ts'
import { type ComplaintRecord, complaintRecord } from '../wire/record.ts'
import { readCard } from './card.ts'
import type { Entity } from './entity.ts'
import { readStatement, signStatement, verifyStatement } from './statement.ts'

export const makeComplaint = (entity: Entity, said: ComplaintRecord): Promise<string> =>
  signStatement(entity, 'complaint', { v: 1, ...said }, said.at)

/** @throws Refusal `signature-wrong`, `net-mismatch`, `card-invalid`, or as the shape refuses */
export const readComplaint = async (text: string, cardText: string, net: string, now: number): Promise<Complaint> => {
  const card = await readCard(cardText, net, now)
  const { net: signedFor, ...said } = complaintRecord(statementOf(text), 'COMPLAINT')
  if (signedFor !== net) throw new Refusal('net-mismatch', 'the complaint was made in another web')
  await verifyStatement(text, 'complaint', card.publicKey, now).catch(() => {
    throw new Refusal('signature-wrong', 'the complaint is not signed by the key of the card')
  })
  return { ...said, entity: card.entityId, text, card: cardText }
}

const statementOf = (text: string): unknown => {
  try {
    return readStatement(text)
  } catch {
    throw new Refusal('record-malformed', 'a complaint is a statement')
  }
}
