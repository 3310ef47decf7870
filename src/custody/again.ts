/**
 * Permits at the origin: kept with the contact they were given for, and left out where the recipient
 * no longer knows the sender.
 *
 * Such an envelope has ended at every agent it came to. The message goes once more, in an envelope of
 * another id, as a stranger's: on credit, and into Requests. Its sender is told nothing of that.
 */
import { createHash } from 'node:crypto'
import type { Step } from '../effect.ts'
import { keyOf, priorityOf } from '../envelope/envelope.ts'
import { type Change, type Contact, contactKey, type State } from '../state.ts'
import { type Custody, SEAL_GUARD_MS } from './custody.ts'

/** What the recipient's gateway gave with its report: the next envelope to them bears it. */
export const permitted = (state: State, row: Custody): Change[] => {
  const permit = row.trail.findLast((step) => step.event === 'delivered')?.permit
  const contact = state.contacts.get(contactKey(row.sender ?? '', row.to ?? ''))
  return permit === undefined || contact === undefined || contact.permit === permit
    ? []
    : [{ put: 'contact', row: { ...contact, permit } }]
}

/** @returns nothing where the message itself is here no more, or its envelope bore no permit */
export const again = (state: State, was: Custody, now: number): Pick<Step, 'changes' | 'effects'> | undefined => {
  const submission = state.submissions.get(was.submission ?? '')
  if (was.permit === undefined || submission === undefined || submission.body === null) return undefined
  // Drawn from the first id, since a decision has no dice: nobody else can name it before it is sealed.
  const id = createHash('sha256').update(`${was.id} again`).digest('hex').slice(0, 32)
  // Nothing that became of the first holds for the second: only whose message it is, and until when.
  const { origin, role, to, sender, address, messageId, path, created, expires, delayAt } = was
  const row: Custody = {
    key: keyOf(state.me, id),
    id,
    origin,
    role,
    state: 'spooled',
    ...(to && { to }),
    submission: submission.id,
    ...(sender && { sender }),
    ...(address && { address }),
    ...(messageId && { messageId }),
    body: submission.body,
    stamps: [],
    path,
    advice: [],
    onward: [],
    avoid: [],
    tried: [],
    size: submission.size,
    priority: priorityOf(submission.size),
    created,
    expires,
    retryAt: now + SEAL_GUARD_MS,
    attempts: 0,
    awaits: null,
    delayAt,
    trail: [],
  }
  const recipients = submission.recipients.map((one) => (one.envelope === was.id ? { ...one, envelope: id } : one))
  return {
    changes: [
      { put: 'custody', row },
      { put: 'submission', row: { ...submission, recipients } },
      ...forgetPermit(state.contacts.get(contactKey(was.sender ?? '', was.to ?? ''))),
    ],
    effects: [{ do: 'seal', key: row.key }],
  }
}

const forgetPermit = (contact: Contact | undefined): Change[] => {
  if (contact === undefined) return []
  const { permit, ...row } = contact
  return [{ put: 'contact', row }]
}
