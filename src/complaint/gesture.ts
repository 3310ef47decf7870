/**
 * What a person says about one message by what they do with it: Junk, and out of Junk again.
 *
 *   (nothing)  --junk--> pending  --out, within the grace--> (nothing)
 *   pending    --due---> made | distrusted, the sender was known: their trust is gone instead
 *   made, distrusted --out--> undoing --due--> undone
 *   undone     --junk--> pending
 *   undoing    --junk--> pending | distrusted again, where the trust between people here was not given back yet
 *   pending, undoing --refused--> refused, with the code; --out--> (nothing)
 *   made, undone, distrusted, refused --due, weeks later--> (nothing)
 *
 * A message on the Junk button by mistake is back within the grace, and nobody ever heard of it. Whom
 * the person knows is not complained about: that trust is taken back (docs/protocol.md §7); between people of
 * one gateway it is `distrusting` meanwhile, so that a crash makes no complaint of it.
 * A gesture may be seen twice, for what mail clients do is told after it is done. Times are epoch ms.
 */
import type { Provenance } from '../state.ts'
import type { Grievance } from './verdict.ts'

export type Stage = 'pending' | 'made' | 'undoing' | 'undone' | 'distrusting' | 'distrusted' | 'refused'

export type Gesture = {
  /** `idOf`: one a message and recipient. */
  id: string
  account: number
  /** The message pressed; a copy of it has another id. Absent if it was reported in another way. */
  message?: number
  provenance: Provenance
  /** It bore $NotJunk when it was thrown on Junk: that it still does says nothing. */
  wasMarked?: boolean
  reason: Grievance
  stage: Stage
  /** When it came to this stage, and when something is to be done about it. */
  at: number
  dueAt: number
  /** The trust that was taken back, between people of one gateway. */
  took?: 'explicit' | 'implicit'
  code?: string
}

export const idOf = (account: number, { key }: Provenance): string => `${account}/${key}`

/** A complaint is valid so long after the delivery; later nobody on the way remembers the message. */
export const COMPLAINT_LIFE_MS = 7 * 86_400_000
/** What came of it can be looked up so long: as long as complaints count (src/credit). */
const SHOWN_MS = 28 * 86_400_000

type Pressed = Pick<Gesture, 'account' | 'message' | 'provenance' | 'reason' | 'wasMarked'>

/** @param graceMs 0 for a report that says in words what it wants @returns undefined where it changes nothing */
export const junk = (was: Gesture | undefined, pressed: Pressed, graceMs: number, now: number): Gesture | undefined => {
  if (was !== undefined && was.stage !== 'undone' && was.stage !== 'undoing') return undefined
  if (now > pressed.provenance.at + COMPLAINT_LIFE_MS) return undefined
  // That trust has not been given back yet: it stays taken, and nobody is complained about.
  if (was?.stage === 'undoing' && was.took !== undefined) return done({ ...was, ...pressed }, 'distrusted', now)
  const id = idOf(pressed.account, pressed.provenance)
  return { id, ...pressed, stage: 'pending', at: now, dueAt: now + graceMs }
}

/** @returns `forget` where it is as if nothing had happened */
export const out = (was: Gesture, now: number): Gesture | 'forget' | undefined => {
  switch (was.stage) {
    case 'pending':
    case 'refused':
      return 'forget'
    case 'made':
    case 'distrusting':
    case 'distrusted':
      return { ...was, stage: 'undoing', at: now, dueAt: now }
    case 'undoing':
    case 'undone':
      return undefined
  }
}

/** What is to be done when the time has come. */
export type Deed = 'complain' | 'distrust' | 'withdraw' | 'forget'

/** @param isKnown the sender lives here, too, and the recipient trusts them; for others, the web knows */
export const due = (stage: Stage, isKnown: boolean): Deed => {
  switch (stage) {
    case 'pending':
      return isKnown ? 'distrust' : 'complain'
    case 'distrusting':
      return 'distrust'
    case 'undoing':
      return 'withdraw'
    case 'made':
    case 'undone':
    case 'distrusted':
    case 'refused':
      return 'forget'
  }
}

/** It was done, or refused for good with a code. */
export const done = (was: Gesture, stage: Stage, now: number, more: Pick<Gesture, 'took' | 'code'> = {}): Gesture => ({
  ...was,
  ...more,
  stage,
  at: now,
  dueAt: now + SHOWN_MS,
})
