/** A letter to whoever runs this gateway. */
import { createHash } from 'node:crypto'
import { type Change, ownerOf, type State } from '../state.ts'
import { letterHome } from './letter.ts'

/** @returns undefined while nobody has an account */
export const ownerLetter = (
  state: State,
  now: number,
  { subject, paragraphs }: { subject: string; paragraphs: string[] },
): Change | undefined => {
  const to = ownerOf(state)
  const id = createHash('sha256').update(`${now} ${subject} ${paragraphs}`).digest('hex').slice(0, 32)
  return to && letterHome({ to, gateway: state.domain, now, subject, paragraphs, id })
}
