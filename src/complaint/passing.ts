/**
 * Judgements go back the way the message came, from neighbour to neighbour, each owed until it is
 * acknowledged durably, like reports.
 *
 * A complaint is believed only from a neighbour the message was handed to, signed by the very
 * recipient it was for, about the very payload, once, and while credit is still reserved for it: so
 * there are never more complaints than messages, and whoever holds somebody else's receipt or a copy
 * of the complaint can do nothing with either.
 */
import { type Custody, forgetAt, isUnjudged } from '../custody/custody.ts'
import { praised } from '../custody/meter.ts'
import { done, refuse, type Step } from '../effect.ts'
import { CREATED_AHEAD_MS } from '../envelope/chain.ts'
import { partsOfKey } from '../envelope/envelope.ts'
import { oweMessage } from '../report/owed.ts'
import { type Change, contactKey, type State } from '../state.ts'
import type { Message } from '../wire/record.ts'
import { charged, undone } from './charge.ts'
import { pardoned, reproached } from './repute.ts'
import type { Complaint, Grievance } from './verdict.ts'

/** A clock may be this far ahead of ours. */
const CLOCK_SKEW_MS = 15 * 60_000

export const complained = (state: State, from: string, given: Complaint, now: number): Step => {
  const was = state.custody.get(`${given.origin}/${given.id}`)
  if (was === undefined) return refuse('complaint-unknown', 'nothing is remembered here of this message')
  if (!was.tried.some((one) => one.by === from))
    return refuse('complaint-foreign', 'this message was not handed to you')
  if (given.entity !== was.to || given.hash !== was.hash)
    return refuse('complaint-foreign', 'only the recipient complains, about what they got')
  if (given.reason === 'not-spam') return takeBack(state, was, from, given, now)
  if (was.verdict?.how === 'complaint' || was.verdict?.how === 'withdrawn') return done // a repeat, or overtaken
  if (was.isJudged || was.permit !== undefined || now > (was.judgeBy ?? now) || given.at < earliest(was))
    return refuse('complaint-late', 'it was judged before, a week is over, or the recipient knows the sender')
  if (given.at > now + CLOCK_SKEW_MS) return refuse('record-malformed', 'the complaint is from the future')
  const { row, changes } = charged(state, was, { via: from, reason: given.reason, at: given.at }, now)
  const owed = passOn(row, { complaint: given.text, card: given.card })
  const here = ofSender(state, row, given.reason, given.at, now)
  return {
    ...done,
    changes: [...changes, ...owed.changes, ...here.changes],
    effects: [
      { do: 'log', event: 'complaint', key: row.key, to: from, detail: given.reason },
      ...owed.effects,
      ...here.effects,
    ],
  }
}

/** `created` is the origin's word, which all on the way took so far ahead of their clocks: the recipient's may be right. */
const earliest = ({ created }: Custody): number => created - CREATED_AHEAD_MS

const takeBack = (state: State, was: Custody, from: string, given: Complaint, now: number): Step => {
  if (was.verdict?.how === 'withdrawn') return done
  const text = { complaint: given.text, card: given.card }
  if (was.verdict?.how === 'complaint') {
    const { row, changes } = undone(state, was, was.verdict, now)
    const owed = passOn(row, text)
    const here = row.sender === undefined ? nothing : pardoned(state, row.sender, row.key, given.entity)
    return {
      ...done,
      changes: [...changes, ...owed.changes, ...here.changes],
      effects: [...owed.effects, ...here.effects],
    }
  }
  if (was.isJudged || was.permit !== undefined) return refuse('complaint-late', 'nobody has complained about it')
  // It came before its complaint: that one will find it judged, here and further on.
  const praise = praised(state, was, now)
  const verdict = { how: 'withdrawn', reason: given.reason, at: given.at, via: from, weight: 0 } as const
  const row: Custody = { ...praise.row, verdict }
  const owed = passOn(row, text)
  return { ...done, changes: [{ put: 'custody', row }, ...praise.changes, ...owed.changes], effects: owed.effects }
}

/** At the origin: what it leads to for the one here who sent it. */
const ofSender = (state: State, row: Custody, reason: Grievance, at: number, now: number): Passed =>
  row.role !== 'origin' || row.sender === undefined
    ? nothing
    : reproached(
        state,
        row.sender,
        { key: row.key, by: row.to ?? '', reason, at, ...(row.messageId && { messageId: row.messageId }) },
        now,
      )

/** Whoever has it says that it was wanted: from another, that refused it or was silent, it would keep the complaint of that one out. */
export const wantedThere = (state: State, from: string, key: string, permit: string | undefined, now: number): Step => {
  const was = state.custody.get(key)
  if (was === undefined || !isUnjudged(was) || !hasIt(was, from)) return done
  const { row, changes } = praised(state, { ...was, verdict: { how: 'wanted', at: now } }, now)
  const owed = passPraise(row, permit)
  const contact = state.contacts.get(contactKey(row.sender ?? '', row.to ?? ''))
  const known: Change[] =
    row.role === 'origin' && contact && permit ? [{ put: 'contact', row: { ...contact, permit } }] : []
  return { ...done, changes: [{ put: 'custody', row }, ...changes, ...known, ...owed.changes], effects: owed.effects }
}

/** `next` may be waited for yet, or have said no since. */
const hasIt = ({ next, tried }: Custody, agent: string): boolean =>
  next === agent && tried.some(({ by, saidNo }) => by === agent && !saidNo)

type Passed = Pick<Step, 'changes' | 'effects'>

/** Owed to whoever handed it to us, who was charged for it. A withdrawal is a message of its own: either may come first. */
export const passOn = (row: Custody, signed: { complaint: string; card: string } | undefined): Passed => {
  const [origin, id] = partsOfKey(row.key)
  const name = row.verdict?.how === 'withdrawn' ? 'withdrawal' : 'complaint'
  return signed ? pass(row, name, { t: 'COMPLAINT', origin, id, ...signed }) : nothing
}

/** Told to all who brought a copy: each hears it of whom it believes to have it. */
export const passPraise = (row: Custody, permit: string | undefined): Passed => {
  const [origin, id] = partsOfKey(row.key)
  return pass(row, 'wanted', { t: 'WANTED', origin, id, ...(permit && { permit }) }, row.also)
}

/** To whoever handed it to us, who was charged for it; and to these. */
const pass = (row: Custody, name: string, message: Message, also: readonly string[] = []): Passed => {
  if (row.from === undefined) return nothing
  const them = [row.from, ...also]
  return {
    changes: them.map((to) => ({ put: 'owed', row: oweMessage(to, `${name} ${row.key}`, message, forgetAt(row)) })),
    effects: them.map((to) => ({ do: 'settle', to })),
  }
}

const nothing: Passed = { changes: [], effects: [] }
