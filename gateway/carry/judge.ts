/**
 * Somebody here judges a message they got: what they say is signed by their key and decided by
 * src/complaint. `key` is the custody key in the message's provenance.
 */
import type { Opinion } from '../../src/complaint/verdict.ts'
import type { Answer } from '../../src/effect.ts'
import { makeComplaint } from '../../src/identity/complaint.ts'
import { permitOf } from '../../src/identity/permit.ts'
import type { Core } from '../core.ts'
import { custodyOf } from '../engine/batch.ts'
import { ownCard } from './card.ts'

type Has = Pick<Core, 'agent' | 'net' | 'keyring' | 'store' | 'engine' | 'now'>

/**
 * Twice is as once. A complaint about somebody whom the recipient trusts takes that trust back.
 *
 * @returns refused with `complaint-unknown` or `complaint-late` where nothing can be said any more, and for mail
 *   between two people of this gateway, which never came over a link
 */
export const judge = async (core: Has, { key, verdict }: { key: string; verdict: Opinion }): Promise<Answer> => {
  const row = await custodyOf(core, key)
  const entity = core.keyring.entity(row?.to ?? '')
  if (row?.role !== 'destination' || entity === undefined)
    return { say: 'refused', code: 'complaint-unknown', detail: 'nothing is remembered here of how this message came' }
  const at = core.now()
  const { origin, id, hash = '' } = row
  const signed =
    verdict === 'wanted'
      ? undefined
      : {
          complaint: await makeComplaint(entity, { net: core.net, origin, id, hash, reason: verdict, at }),
          card: await ownCard(core, entity),
        }
  const permit = permitOf(core.agent, origin, entity.id)
  return core.engine.handle({
    on: 'judged',
    judgement: { key, opinion: verdict, at, permit, ...(signed && { signed }) },
  })
}
