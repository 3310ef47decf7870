/** Letters to no person: a PAIR record that another agent sent to ours. */
import { verifyRecord } from '../../src/identity/record.ts'
import { recordIn } from '../../src/mail/pair-letter.ts'
import { Refusal } from '../../src/refusal.ts'
import { type PairRecord, pairRecord } from '../../src/wire/pair.ts'
import type { Core } from '../core.ts'

/**
 * @param agent the sender's, by its card
 * @throws Refusal if it is one of these and does not hold
 */
export const pairIn = async (
  core: Pick<Core, 'net' | 'agent'>,
  letter: Buffer,
  agent: string,
): Promise<Pick<PairRecord, 'name' | 'addresses' | 'answer'> | undefined> => {
  const jws = recordIn(letter)
  if (jws === undefined) return undefined
  const { by, body } = await verifyRecord(jws, core.net, 'PAIR')
  const { to, name, addresses, answer } = pairRecord(body, 'PAIR')
  if (by !== agent || to !== core.agent.id)
    throw new Refusal('agent-mismatch', 'the PAIR record is of another agent than the letter, or for another')
  return { name, addresses, answer }
}
