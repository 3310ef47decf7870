/**
 * abuse@ at the gateway's domain: a report there (ARF, RFC 5965) by somebody who lives here, about a
 * message they received, is a complaint. What can't be taken as one is answered; any other letter goes
 * to whoever answers for the gateway (RFC 2142), unless somebody has the address as theirs.
 */
import { domainOf, localOf } from '../../src/address.ts'
import { type Feedback, type Flaw, feedbackPieces, readFeedback } from '../../src/complaint/feedback.ts'
import { COMPLAINT_LIFE_MS, idOf } from '../../src/complaint/gesture.ts'
import { answerTo, type Unfit } from '../../src/complaint/words.ts'
import { ownerOf, type State } from '../../src/state.ts'
import { discardDraft } from '../../store/spool.ts'
import { custody } from '../../store/web.ts'
import { readDraft } from '../carry/spool.ts'
import type { Core } from '../core.ts'
import type { SessionOptions } from '../smtp/session.ts'
import type { Submission } from '../smtp/submission.ts'
import { foundByName } from './found.ts'
import type { Gestures } from './gestures.ts'

/** Whether it is abuse@ here and nobody's own. */
export const isAbuseDesk = (state: State, address: string): boolean =>
  localOf(address) === 'abuse' && state.domains.has(domainOf(address)) && !state.addresses.has(address)

type Submit = SessionOptions['submit']

/** Stands before `submit`: takes what is for abuse@ out of a submission, durably, before 250 is said. */
export const openAbuseDesk = (core: Core, gestures: Gestures, submit: Submit): Submit => {
  const { state } = core.engine
  const isToAbuse = ({ address }: { address: string }) =>
    localOf(address) === 'abuse' && state.domains.has(domainOf(address))

  /** Takes what it can as a complaint. @returns to whom the letter goes besides */
  const withoutDesk = async (given: Submission): Promise<Submission['recipients']> => {
    const unfit = await report(given)
    const others = given.recipients.filter((one) => !isAbuseDesk(state, one.address))
    if (unfit === undefined || others.length === given.recipients.length) return others
    const owner = ownerOf(state)
    if (unfit !== 'not-a-report') await answer(given, unfit)
    else if (owner && !others.some((one) => one.address === owner.address))
      return [...others, { address: owner.address, notify: [] }]
    return others
  }

  /** Nothing was promised where it fails. */
  const recipientsOf = (given: Submission): Promise<Submission['recipients']> =>
    withoutDesk(given).catch(async (error) => {
      await discardDraft(core.home, given.body)
      throw error
    })

  /** @returns why it is no complaint */
  const report = async (given: Submission): Promise<Unfit | undefined> => {
    const feedback = await feedbackOf(core.home, given)
    if (typeof feedback === 'string') return feedback
    const provenance = await foundByName(core.store.db, given, feedback)
    if (provenance === undefined) return 'not-found'
    if (feedback.verdict === 'not-spam') {
      await gestures.takeBack(idOf(given.account, provenance))
      return undefined
    }
    if (core.now() > provenance.at + COMPLAINT_LIFE_MS) return 'too-old'
    return (await gestures.raise(given.account, provenance, feedback.verdict)) ? undefined : 'done-before'
  }

  const answer = async ({ id, account, from }: Submission, unfit: Unfit): Promise<void> => {
    await core.engine.handle({
      on: 'answer',
      letter: { to: { account, address: from }, ...answerTo(unfit), id: `abuse.${id}` },
    })
  }

  /** Whoever answers a letter wanted it. */
  const wantedBy = async ({ entityId }: Submission, messageId: string): Promise<void> => {
    const rows = await custody.by(core.store.db, 'message_id', [messageId]).catch(() => [])
    for (const { key, role, to, path, created } of rows)
      if (role === 'destination' && to === entityId) gestures.answered({ key, path, at: created })
  }

  return async (given) => {
    const recipients = given.recipients.some(isToAbuse) ? await recipientsOf(given) : given.recipients
    if (recipients.length === 0) await discardDraft(core.home, given.body)
    const custodians = recipients.length > 0 ? await submit({ ...given, recipients }) : undefined
    const { inReplyTo } = given.parsed()
    if (inReplyTo !== null) void wantedBy(given, inReplyTo)
    return custodians
  }
}

const feedbackOf = async (home: string, { body, parsed }: Submission): Promise<Feedback | Flaw> => {
  const pieces = feedbackPieces(parsed().root)
  if (typeof pieces === 'string') return pieces
  const [fields, original] = await Promise.all([
    readDraft(home, body, pieces.fields),
    readDraft(home, body, pieces.original),
  ])
  return readFeedback(pieces, fields, original)
}
