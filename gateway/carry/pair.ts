/**
 * PAIR letters, written as one of our entities. They are submitted and carried as any letter, so relays see
 * nothing of what is in them; their sender sees them in Outgoing.
 */
import { randomBytes } from 'node:crypto'
import { signRecord } from '../../src/identity/record.ts'
import { pairLetter, SUBJECT } from '../../src/mail/pair-letter.ts'
import type { PairRecord } from '../../src/wire/pair.ts'
import { startBody } from '../../store/spool.ts'
import type { Core } from '../core.ts'
import { walked } from './open.ts'
import { submit } from './submit.ts'

/** @param as an entity here @param to an address at `agent`, whose card is known */
export const sendPair = async (
  core: Core,
  { as, to, agent, answer }: { as: string; to: string; agent: string; answer: boolean },
): Promise<void> => {
  const local = core.engine.state.locals.get(as)
  if (local === undefined) return // it has left meanwhile
  const now = core.now()
  const record: PairRecord = { to: agent, name: core.self.name, addresses: core.self.addresses(), answer, at: now }
  const id = randomBytes(16).toString('hex')
  const messageId = `<pair.${id}@${core.engine.state.domain}>`
  const letter = pairLetter({
    from: local.address,
    to,
    id: messageId,
    record: await signRecord(core.agent, core.net, 'PAIR', record),
    now,
  })
  const { body, parsed } = await walked(startBody(core.home), Buffer.alloc(0), [letter])
  await submit(core, {
    id,
    account: local.account,
    entityId: as,
    from: local.address,
    recipients: [{ address: to, notify: ['NEVER'] }], // `link list` tells what came of it
    ret: 'HDRS',
    messageId,
    subject: SUBJECT,
    authors: [local.address],
    header: letter.subarray(0, letter.indexOf('\r\n\r\n') + 4),
    body,
    parsed: () => parsed,
    at: now,
  })
}
