/**
 * The letter beside a copy in Outgoing that says where it stands, for mail clients that show no keywords: a
 * recipient after the other, each with the steps of its way. It answers the copy, so clients show the two together.
 */
import type { Custody } from '../custody/custody.ts'
import { isOver, overall, type Stage, type Submission } from '../custody/submission.ts'
import type { State } from '../state.ts'
import { letterOf } from './letter.ts'
import { clean, time, wrap } from './lines.ts'
import { nameOf, tellTrail } from './words.ts'

/** What a list of messages shows: it has room for few words, the first of them. */
const headings: Record<Stage, string> = {
  Queued: 'Waiting',
  Routing: 'Waiting',
  InCustody: 'On its way',
  Delayed: 'Delayed',
  Delivered: 'Delivered',
  Failed: 'Not delivered',
}

const sentences: Record<Stage, string> = {
  Queued: 'it waits here to be handed on',
  Routing: 'this gateway looks for a way',
  InCustody: 'another gateway has it, and has signed for it',
  Delayed: 'it is late, and is still being tried',
  Delivered: 'it has arrived',
  Failed: 'it could not be delivered; a notice in INBOX says why',
}

export type Progress = { subject: string; text: string }

/** @param rows the custody of those recipients that live elsewhere */
export const progressOf = (state: State, submission: Submission, rows: readonly Custody[]): Progress => {
  const about = submission.recipients.map(({ address, envelope, stage }) => {
    const row = rows.find(({ id }) => id === envelope) // not the one that another is in place of: custody/again.ts
    const steps = row ? tellTrail(state, row.trail, submission.at) : []
    return [
      wrap(`${address}: ${sentenceOf(state, stage, row)}.`, '', '  '),
      ...steps.map(({ text, at }) => wrap(`${time(at)}: ${text}`, '  ', '      ')),
    ].join('\n')
  })
  const closing = 'Your mail gateway keeps this letter up to date, and takes it away with the copy it belongs to.'
  const subject = `${headings[overall(submission.recipients)]}: ${clean(submission.subject) || '(no subject)'}`
  return { subject, text: [...about, wrap(closing, '')].join('\n\n') }
}

/** As long as it is here, what it waits for says more than its stage. */
const sentenceOf = (state: State, stage: Stage, row: Custody | undefined): string => {
  const what = isOver(stage) || row === undefined ? undefined : waitsFor(state, row)
  if (what === undefined) return sentences[stage]
  return stage === 'Delayed' ? `it is late: ${what}` : what
}

const waitsFor = (state: State, { state: at, awaits, heldUntil, isHeldBack, lodge }: Custody): string | undefined => {
  if (isHeldBack && at !== 'handed') return 'the administrator of this gateway holds it back'
  const [kind, of = ''] = (awaits ?? '').split(/:(.*)/s)
  if (at === 'spooled' && kind === 'who') return 'nobody has said yet that this address is theirs; the others are asked'
  if (at === 'spooled' && heldUntil !== undefined) return `it is kept here until ${time(heldUntil)}, as you asked`
  if (lodge) return 'the server that keeps the mail of people here has not taken it yet'
  if (at !== 'waiting') return undefined
  if (kind === 'up' && state.links.get(of)?.up) return `it waits here: ${nameOf(state, of)} is asked again to take it`
  if (kind === 'up') return `it waits here until ${nameOf(state, of)} can be reached`
  if (kind === 'credit') return `it waits here until ${nameOf(state, of)} takes more mail from this gateway`
  return kind === 'who' ? sentences.Routing : undefined
}

export const progressLetter = (
  { id, from, messageId, account }: Submission,
  { subject, text }: Progress,
  gateway: string,
  now: number,
): Buffer =>
  letterOf(
    { to: { account, address: from }, gateway, now, subject, id: `progress.${id}.${now}`, about: messageId },
    text,
  )
