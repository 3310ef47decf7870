/**
 * Which messages a command means, by number or by uid, and what is said of those that went meanwhile.
 *
 * A message that was expunged but not yet told of can still be read (RFC 2180 §4.1.1). Named by its number for
 * anything else, it is answered with NO [EXPUNGEISSUED] (RFC 5530); a uid of nobody is passed over in silence
 * (RFC 3501 §6.4.8).
 */

import type { Range } from '../../../store/range.ts'
import { bad, no, type Reply } from '../reply.ts'
import { SAVED } from '../wire/sequence.ts'
import type { Selected } from './selected.ts'
import type { Numbered } from './shown.ts'

export type By = 'seq' | 'uid'

type Meant = { messages: Numbered[]; someAreGone: boolean }

/** The messages shown, those that are gone among them; undefined if a number is none of theirs. */
export const shownAs = ({ view, saved }: Selected, by: By, ranges: readonly Range[]): Numbered[] | undefined => {
  if (ranges === SAVED) return view.byUid(saved)
  return by === 'uid' ? view.byUid(ranges) : view.bySeq(ranges)
}

export const meant = (selected: Selected, by: By, ranges: readonly Range[]): Meant | undefined => {
  const all = shownAs(selected, by, ranges)
  if (!all) return undefined
  const messages = all.filter(({ row }) => !row.isGone)
  return { messages, someAreGone: by === 'seq' && messages.length < all.length }
}

export const noSuchNumber: Reply = bad('there is no message of such a number')
/** RFC 9586 §3. */
export const uidRequired: Reply = { ...bad('with UIDONLY messages are named by uid'), code: 'UIDREQUIRED' }
export const expungeIssued: Reply = no('EXPUNGEISSUED', 'Some of these messages are gone')
