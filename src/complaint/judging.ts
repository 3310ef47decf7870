/**
 * A person here judges a message that was delivered to them: what verdict.ts draws, at the destination.
 *
 * A complaint about somebody they trust costs nobody: it takes the trust back, and with it the permit. So it does
 * where the letter came before the trust: it stays on credit until its time is over. Reading alone does not free
 * the credit at once: most spam is recognised by whoever opens it.
 */
import type { Custody } from '../custody/custody.ts'
import { isUnjudged } from '../custody/custody.ts'
import { praised } from '../custody/meter.ts'
import { done, refuse, type Step } from '../effect.ts'
import { type Change, type Contact, contactKey, type State } from '../state.ts'
import { isTrusted } from '../trust/contact.ts'
import { charged, undone } from './charge.ts'
import { passOn, passPraise } from './passing.ts'
import type { Opinion } from './verdict.ts'

export type Judgement = {
  key: string
  opinion: Opinion
  at: number
  /** The complaint or its withdrawal, as it travels; none with `wanted`. */
  signed?: { complaint: string; card: string }
  /** For the sender's gateway, should the recipient know the sender by now. */
  permit: string
}

/** Between reading and pressing Junk may lie a night. */
const SECOND_THOUGHT_MS = 86_400_000

export const judged = (state: State, judgement: Judgement, now: number): Step => {
  const was = state.custody.get(judgement.key)
  if (was === undefined || was.role !== 'destination' || was.outcome?.event !== 'delivered')
    return refuse('complaint-unknown', 'nothing is remembered here of how this message came')
  if (judgement.opinion === 'wanted') return wanted(state, was, judgement, now)
  return judgement.opinion === 'not-spam'
    ? forgiven(state, was, judgement, now)
    : complaint(state, was, judgement.opinion, judgement, now)
}

const wanted = (state: State, was: Custody, { at, permit }: Judgement, now: number): Step => {
  if (!isUnjudged(was)) return done
  const verdict = { how: 'wanted', at } as const
  if (!isTrusted(state, was.to ?? '', was.sender ?? '')) {
    const by = Math.min(was.judgeBy ?? now, now + SECOND_THOUGHT_MS)
    return { ...done, changes: [{ put: 'custody', row: { ...was, judgeBy: by, verdict } }] }
  }
  const { row, changes } = praised(state, { ...was, verdict }, now)
  const owed = passPraise(row, permit)
  return { ...done, changes: [{ put: 'custody', row }, ...changes, ...owed.changes], effects: owed.effects }
}

const complaint = (
  state: State,
  was: Custody,
  reason: Exclude<Opinion, 'wanted' | 'not-spam'>,
  { at, signed }: Judgement,
  now: number,
): Step => {
  const before = was.verdict?.how
  if (before === 'complaint' || before === 'withdrawn' || before === 'distrusted') return done
  const contact = state.contacts.get(contactKey(was.to ?? '', was.sender ?? ''))
  if (contact !== undefined && contact.trust !== 'none') {
    const row: Custody = { ...was, verdict: { how: 'distrusted', at, was: contact.trust } }
    return { ...done, changes: [{ put: 'custody', row }, put({ ...contact, trust: 'none', at: now })] }
  }
  if (!isUnjudged(was)) return refuse('complaint-late', 'more than a week has passed, or it counted as wanted')
  const { row, changes } = charged(state, was, { via: was.to ?? '', reason, at }, now)
  const owed = passOn(row, signed)
  return {
    ...done,
    changes: [...changes, ...owed.changes],
    effects: [{ do: 'log', event: 'complained', key: row.key, detail: reason }, ...owed.effects],
  }
}

const forgiven = (state: State, was: Custody, { signed }: Judgement, now: number): Step => {
  const { verdict } = was
  if (verdict?.how === 'distrusted') {
    const contact = state.contacts.get(contactKey(was.to ?? '', was.sender ?? ''))
    const { verdict: _, ...row } = was
    const again: Change[] = contact?.trust === 'none' ? [put({ ...contact, trust: verdict.was, at: now })] : []
    return { ...done, changes: [{ put: 'custody', row }, ...again] }
  }
  if (verdict?.how !== 'complaint') return done
  const { row, changes } = undone(state, was, verdict, now)
  const owed = passOn(row, signed)
  return {
    ...done,
    changes: [...changes, ...owed.changes],
    effects: [{ do: 'log', event: 'complaint-withdrawn', key: row.key }, ...owed.effects],
  }
}

const put = (row: Contact): Change => ({ put: 'contact', row })
