/**
 * A submitted message becomes an event: ids are drawn, and where somebody of this gateway is among
 * the recipients, the message with the trace fields of a delivery here is prepared beside it.
 */
import type { Recipient, Submission } from '../../src/custody/submission.ts'
import { unlessRefused } from '../../src/effect.ts'
import { keyOf } from '../../src/envelope/envelope.ts'
import type { Event } from '../../src/event.ts'
import { beneath } from '../../src/mail/beneath.ts'
import { traceHeader } from '../../src/mail/trace.ts'
import { discardDraft, startBody } from '../../store/spool.ts'
import type { Core } from '../core.ts'
import type { NewBody } from '../engine/batch.ts'
import { drawId } from '../id.ts'
import type { Custodians } from '../smtp/accept.ts'
import type { Submission as Submitted } from '../smtp/submission.ts'
import { isNamed } from '../spelled.ts'
import type { FirstHops } from './first-hop.ts'
import { walked } from './open.ts'
import { openDraft } from './spool.ts'

/** Resolves once it is durable: only then may 250 be said; and, where `firstHops` are waited for, says who has it by then. */
export const submit = async (core: Core, given: Submitted, firstHops?: FirstHops): Promise<Custodians | undefined> => {
  const recipients = given.recipients.map((one): Recipient => ({ ...one, envelope: drawId(), stage: 'Queued' }))
  const { state } = core.engine
  const here = recipients.filter((one) => state.addresses.has(one.address))
  const [first] = here
  const elsewhere = recipients.some((one) => !state.addresses.has(one.address))
  const copy = first && (await forHere(core, given, first, here.length === 1))
  // Nobody elsewhere: only the copy for here is kept.
  if (!elsewhere) await discardDraft(core.home, given.body)
  const drafts: NewBody[] = [
    ...(elsewhere ? [{ body: given.body, parsed: given.parsed() }] : []),
    ...(copy ? [copy] : []),
  ]
  const submission: Omit<Submission, 'body'> = {
    id: given.id,
    account: given.account,
    entity: given.entityId,
    from: given.from,
    messageId: given.messageId,
    subject: given.subject,
    header: given.header.toString('base64'),
    ret: given.ret,
    ...(given.envid && { envid: given.envid }),
    ...(given.holdUntil !== undefined && { holdUntil: given.holdUntil }),
    ...(given.deliverBy && { deliverBy: given.deliverBy }),
    size: given.body.size,
    at: given.at,
    recipients,
    clearAt: null,
  }
  const away = recipients.filter((one) => !here.includes(one)).map((one) => keyOf(state.me, one.envelope))
  const submitted = (bodies: number[]): Event => ({
    on: 'submitted',
    submission: { ...submission, body: elsewhere ? (bodies[0] ?? 0) : null },
    here: bodies.at(-1) ?? 0,
    ...(given.waited !== undefined && { waited: given.waited }),
  })
  unlessRefused(await core.engine.handle(submitted, drafts))
  const isHeld = given.holdUntil !== undefined && core.now() < given.holdUntil
  if (firstHops && isHeld) return { agents: [], signed: 0, envelopes: away.length } // no receipt comes before its time
  return firstHops?.wait(away)
}

/** One copy serves all recipients here, so it names none of them if they are several. */
const forHere = async (core: Core, given: Submitted, recipient: Recipient, isOnly: boolean): Promise<NewBody> => {
  const head = traceHeader({
    returnPath: given.from,
    by: core.engine.state.domain,
    at: core.now(),
    envelope: recipient.envelope,
    ...(isOnly && { recipient: recipient.address }),
    sender: given.from,
    findings: {
      sealed: false,
      signed: false,
      entity: given.entityId,
      known: 'own',
      isAuthor: isNamed(given.authors, given.from),
    },
    path: [],
  })
  const text = 'bytes' in given.body ? [given.body.bytes] : openDraft(core.home, given.body)
  return walked(startBody(core.home), head, text, beneath(head, given.parsed())).catch(async (error) => {
    await discardDraft(core.home, given.body) // nothing was promised yet, and nothing is left behind
    throw error
  })
}
