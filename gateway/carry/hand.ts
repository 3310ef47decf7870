/**
 * A letter out: the payload is sealed and made durable, then stamped and handed to the next hop,
 * whose signed receipt comes back as an event.
 */
import type { Custody } from '../../src/custody/custody.ts'
import { checkReceipt } from '../../src/envelope/chain.ts'
import { chainHash } from '../../src/envelope/envelope.ts'
import type { Agent } from '../../src/identity/agent.ts'
import { signShared } from '../../src/identity/record.ts'
import { seal, sealStream } from '../../src/identity/seal.ts'
import { Refusal, type RefusalCode } from '../../src/refusal.ts'
import type { EnvelopeRecord } from '../../src/wire/record.ts'
import { bodyFrom, openBody, readBody } from '../../store/blob.ts'
import { type BodyDraft, startBody } from '../../store/spool.ts'
import type { Core } from '../core.ts'
import { custodyOf, submissionOf } from '../engine/batch.ts'
import { cardOf, ownCard } from './card.ts'

/** Up to this the whole message is sealed in memory; above it streams, in constant memory. */
export const WHOLE_BYTES = 1024 * 1024

/** What no second try would change. A full disk is not among them: the sender was told 250. */
const unsealable: ReadonlySet<string> = new Set<RefusalCode>(['card-invalid', 'sender-not-yours'])

/** Ends in `sealed` or `unsealable`; a fault leaves the row spooled, and it is tried again. */
export const sealRow = async (core: Core, key: string): Promise<void> => {
  const row = await custodyOf(core, key)
  if (row === undefined || row.state !== 'spooled' || row.body === null) return
  try {
    const body = await sealed(core, row, row.body)
    const { id, to = '', priority, created, expires, permit } = row
    const payload = { hash: body.sha256, size: body.size }
    const record: EnvelopeRecord = { id, to, ...payload, priority, created, expires, ...(permit && { permit }) }
    const jws = await signShared(core.agent, core.net, 'ENVELOPE', record)
    const envelope = { ...record, origin: core.agent.id, jws }
    await core.engine.handle(([body = 0]) => ({ on: 'sealed', key, envelope, body }), [{ body }])
  } catch (error) {
    if (!(error instanceof Refusal) || !unsealable.has(error.code)) throw error
    core.log.warn({ event: 'unsealable', envelope: row.id, messageId: row.messageId, code: error.code }, error.detail)
    await core.engine.handle({ on: 'unsealable', key, code: error.code })
  }
}

const sealed = async (core: Core, row: Custody, body: number): Promise<BodyDraft> => {
  const submission = await submissionOf(core, row.submission ?? '')
  const from = submission && core.keyring.entity(submission.entity)
  if (!from) throw new Refusal('sender-not-yours', 'the account that sent it has left this gateway')
  const to = await cardOf(core, row.to ?? '')
  const letter = { from, to, id: row.id, card: await ownCard(core, from) }
  const writer = startBody(core.home)
  try {
    if (row.size <= WHOLE_BYTES)
      await writer.write(await seal({ ...letter, plaintext: await readBody(core.store.db, body) }))
    else
      for await (const chunk of await sealStream({ ...letter, plaintext: await openBody(core.store.db, body) }))
        await writer.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    return await writer.finish()
  } catch (error) {
    await writer.abort()
    throw error
  }
}

/** What we took with a key that was stolen since goes on under that key: the stamps before name it. */
export const keyUnder = ({ agent, keyring }: Pick<Core, 'agent' | 'keyring'>, { path }: Pick<Custody, 'path'>): Agent =>
  keyring.former.find(({ id }) => id === path.at(-1)) ?? agent

/** It is read for each try, until it expires: so whoever reads the log has to hear what helps. */
const ownCopy = (core: Core, { id }: Custody, body: number, from: number) =>
  bodyFrom(core.store.db, body, from).catch((cause: Error) => {
    const advice = `\`vouchsafe verify\` names what is damaged, and \`vouchsafe queue drop ${id}\` gives it up`
    throw new Error(`our own copy of it can not be read (${cause.message}): ${advice}`, { cause })
  })

/** Ends in `accepted`, `rejected` or `unreachable`. */
export const handRow = async (core: Core, key: string, to: string): Promise<void> => {
  const row = await custodyOf(core, key)
  if (row === undefined || row.state !== 'handing' || row.next !== to) return
  const { envelope, hash, body } = row
  if (!envelope || !hash || body === null) return
  const at = core.now()
  const stamp = await signShared(keyUnder(core, row), core.net, 'STAMP', {
    id: row.id,
    chain: chainHash(envelope, row.stamps),
    to,
    at,
  })
  const stamps = [...row.stamps, stamp]
  try {
    const payload = { size: row.size, sha256: hash, open: (from: number) => ownCopy(core, row, body, from) }
    const answer = await core.link.hand(to, { envelope, stamps, route: row.onward }, payload)
    if ('refused' in answer)
      return void (await core.engine.handle({ on: 'rejected', key, by: to, code: answer.refused }))
    const expect = {
      net: core.net,
      by: to,
      from: core.agent.id,
      origin: row.origin,
      id: row.id,
      chain: chainHash(envelope, stamps),
    }
    await checkReceipt(answer.accepted, expect)
    await core.engine.handle({ on: 'accepted', key, by: to, receipt: answer.accepted })
  } catch (error) {
    // A receipt that does not hold is no receipt: the neighbour is asked again, and the log says why.
    const why = error instanceof Error ? error.message : String(error)
    core.log.warn({ event: 'hand-failed', envelope: row.id, messageId: row.messageId, to }, why)
    await core.engine.handle({ on: 'unreachable', key, by: to, why })
  }
}
