/**
 * Which message a person names in a complaint: one in their folders here, or one that was handed to the server that
 * keeps their mail, which only custody remembers.
 */
import { isEnvelopeId } from '../../src/address.ts'
import type { Custody } from '../../src/custody/custody.ts'
import type { Provenance } from '../../src/state.ts'
import type { Source } from '../../store/db.ts'
import { placedByName } from '../../store/gesture.ts'
import { custody } from '../../store/web.ts'

type Names = { envelopes: readonly string[]; messageId?: string }

export const foundByName = async (
  from: Source,
  { account, entityId }: { account: number; entityId: string },
  names: Names,
): Promise<Provenance | undefined> => {
  const [placed] = await placedByName(from, account, names)
  if (placed) return placed.provenance
  const envelopes = names.envelopes.filter(isEnvelopeId)
  const byEnvelope = envelopes.length > 0 ? await custody.by(from, 'envelope_id', envelopes) : []
  const byMessage = names.messageId === undefined ? [] : await custody.by(from, 'message_id', [names.messageId])
  const isTheirs = (row: Custody) =>
    row.to === entityId && row.lodge !== undefined && row.outcome?.event === 'delivered'
  const row = [...byEnvelope, ...byMessage].find(isTheirs)
  return (
    row && {
      key: row.key,
      from: row.sender ?? '',
      address: row.lodge?.from ?? '',
      path: row.path,
      at: row.outcome?.at ?? 0,
    }
  )
}
