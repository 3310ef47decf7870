/**
 * Permits at the origin: kept with the contact they were given for.
 *
 * A message goes once more, in an envelope of another id, where its permit has ended: as a stranger's
 * then, on credit, and into Requests; and where it was refused for want of credit and its permit has come
 * since. Nobody holds the first envelope any more in either case, and its sender is told nothing.
 */
import { createHash } from 'node:crypto'
import type { Step } from '../effect.ts'
import { type Change, type Contact, contactKey, type State } from '../state.ts'
import { type Custody, mayBeElsewhere, SEAL_GUARD_MS, unsent } from './custody.ts'
import { logged } from './log.ts'
import { freed } from './meter.ts'

/** What the recipient's gateway gave with its report: the next envelope to them bears it. */
export const permitted = (state: State, row: Custody): Change[] => {
  const permit = row.trail.findLast((step) => step.event === 'delivered')?.permit
  const contact = state.contacts.get(contactKey(row.sender ?? '', row.to ?? ''))
  return permit === undefined || contact === undefined || contact.permit === permit
    ? []
    : [{ put: 'contact', row: { ...contact, permit } }]
}

/** @returns nothing where its envelope bore no permit, or the message itself is here no more */
export const again = (state: State, was: Custody, now: number): Anew | undefined => {
  const anew = was.permit === undefined ? undefined : envelopeAnew(state, was, undefined, now)
  const contact = state.contacts.get(contactKey(was.sender ?? '', was.to ?? ''))
  return anew && { ...anew, changes: [...anew.changes, ...forgetPermit(contact)] }
}

/** @returns nothing where there is no permit now either, or somebody may have the envelope without it */
export const withPermit = (state: State, was: Custody, now: number): Step | undefined => {
  const { role, permit: before, tried } = was
  const permit = state.contacts.get(contactKey(was.sender ?? '', was.to ?? ''))?.permit
  if (role !== 'origin' || before !== undefined || permit === undefined) return undefined
  if (tried.length === 0 || mayBeElsewhere(was) || tried.some(({ again }) => again)) return undefined
  const anew = envelopeAnew(state, was, permit, now)
  // A neighbour may have taken it once, and said no when it came again.
  const { changes } = freed(state, was, now)
  return anew && { ...anew, changes: [{ drop: 'custody', key: was.key }, ...changes, ...anew.changes] }
}

type Anew = Pick<Step, 'changes' | 'effects'>

const envelopeAnew = (state: State, was: Custody, permit: string | undefined, now: number): Anew | undefined => {
  const submission = state.submissions.get(was.submission ?? '')
  if (submission === undefined || submission.body === null) return undefined
  // Drawn from the first id, since a decision has no dice: nobody else can name it before it is sealed.
  const id = createHash('sha256').update(`${was.id} again`).digest('hex').slice(0, 32)
  // Nothing that became of the first holds for the second: only whose message it is, until when, and what a person said.
  const { to, sender, address, messageId, created, expires, delayAt, returnAt, isHeldBack } = was
  const row = unsent(state.me, {
    id,
    submission: submission.id,
    ...(to && { to }),
    ...(sender && { sender }),
    ...(address && { address }),
    ...(messageId && { messageId }),
    ...(permit && { permit }),
    body: submission.body,
    size: submission.size,
    created,
    expires,
    retryAt: isHeldBack ? null : now + SEAL_GUARD_MS,
    delayAt,
    ...(returnAt !== undefined && { returnAt }),
    ...(isHeldBack && { isHeldBack }),
  })
  const recipients = submission.recipients.map((one) => (one.envelope === was.id ? { ...one, envelope: id } : one))
  return {
    changes: [
      { put: 'custody', row },
      { put: 'submission', row: { ...submission, recipients } },
    ],
    effects: [
      ...(isHeldBack ? [] : [{ do: 'seal', key: row.key } as const]),
      logged('anew', row, { detail: `${permit ? 'with' : 'without'} a permit, in place of ${was.id}` }),
    ],
  }
}

const forgetPermit = (contact: Contact | undefined): Change[] => {
  if (contact === undefined) return []
  const { permit, ...row } = contact
  return [{ put: 'contact', row }]
}
