/**
 * How two strangers become neighbours without an invitation: each side's owner wishes it, in either order.
 *
 *   (nothing) ──knocked──> pending ──our owner approves──> linked
 *                             └──our owner refuses──> refused
 *   (nothing) ──our owner asks──> asked ──knocked, or told "linked"──> linked
 *                                   └──told no──> denied
 *   all of these ──until──> (nothing)
 *
 * The owner's wish may also go by letter through the web, to an agent that permits it: pair.ts.
 *
 * `pending` and `refused` are guests: what they said at first stands, so that nobody is approved under another
 * name than was shown. `asked` and `denied` are hosts: our own wish, and what became of it. Where no more is known of
 * a host than six words, they stand for its id until it has shown its key. Nothing else is taken from either.
 */
import { isId } from '../address.ts'
import { nothing, refuse, type Step } from '../effect.ts'
import { fingerprintWords } from '../identity/words.ts'
import { ownerLetter } from '../report/owner.ts'
import type { Change, Link, State } from '../state.ts'
import type { Knocking } from '../wire/pair.ts'
import { linked, settled } from './become.ts'
import type { Knock } from './knock.ts'
import { isSettled } from './standing.ts'

/** Guests that wait for our owner, in all; each holds the only seat of its place. */
const MOST_PENDING = 100
/**
 * Where all seats are taken, whoever has waited longest gives way, after a day: the owner has had a letter. So who has
 * a hundred networks keeps others out for a day, not for a week.
 */
const SEAT_MS = 86_400_000
/** A week: an owner on holiday finds the guest waiting, and a list that nobody looks at empties itself. */
const LIFE_MS = 7 * 86_400_000

export type Guest = Pick<Knocking, 'name' | 'addresses' | 'software' | 'note'> & { agent: string; place: string }

export type Wish = Pick<Knock, 'who' | 'way' | 'name' | 'addresses' | 'letter'>
export type Reply = { agent: string; said: 'linked' | 'pending' | 'refused'; name: string; addresses: string[] }

/** A stranger knocks, perhaps not for the first time. */
export const knocked = (state: State, { agent, ...guest }: Guest, now: number): Step => {
  if (isSettled(state.links.get(agent))) return nothing
  const was = rowOf(state, agent, now)
  if (was?.at === 'asked') return become(state, { ...was, ...guest, who: agent }, now)
  if (was?.at === 'pending') return nothing
  if (was?.at === 'refused') return refuse('knock-refused', 'the owner of this gateway does not want the link')
  const pending = [...state.knocks.values()].filter((one) => one.at === 'pending' && one.until > now)
  if (pending.some((one) => one.place === guest.place))
    return refuse(
      'knocks-full',
      'somebody else from your network address waits already; try again when they were heard',
    )
  const oldest = pending.reduce<Knock | undefined>((a, b) => (a !== undefined && a.since <= b.since ? a : b), undefined)
  const isFull = pending.length >= MOST_PENDING
  if (isFull && (oldest === undefined || now - oldest.since < SEAT_MS))
    return refuse('knocks-full', 'too many wait already; try again in some days, or ask the owner for an invitation')
  const row: Knock = { who: agent, at: 'pending', way: 'knock', ...guest, since: now, until: now + LIFE_MS }
  const freed: Change[] = isFull && oldest ? [{ drop: 'knock', who: oldest.who }] : []
  return { changes: [...freed, { put: 'knock', row }, ...tellOwner(state, row, pending, now)], effects: [] }
}

/** One letter a day, however many knock; without their own words, which nobody has asked for. */
const TOLD_EVERY_MS = 86_400_000

const tellOwner = (state: State, { who }: Knock, others: readonly Knock[], now: number): Change[] => {
  if (others.some(({ since }) => since > now - TOLD_EVERY_MS)) return []
  const letter = ownerLetter(state, now, {
    subject: 'Somebody asks to become a neighbour',
    paragraphs: [
      `A gateway that nobody here knows asks to become a neighbour of yours. Its six words are: ${fingerprintWords(who)}.`,
      'Nothing is taken from it before you have decided. `vouchsafe link list` shows who asks, `vouchsafe link show` what it says of itself; then `vouchsafe link approve` or `vouchsafe link refuse`. Unanswered it is forgotten in a week.',
      'Others may ask today: you get one letter a day about them.',
    ],
  })
  return letter ? [letter] : []
}

/** Our owner wants the link, with an agent or with whoever has these words; the answer to one who waits, too. */
export const wished = (state: State, { who, way, name, addresses, letter }: Wish, now: number): Step => {
  const agent = isId(who) ? who : agentBy(state, who)
  if (agent !== undefined && isSettled(state.links.get(agent))) return nothing
  const was = rowOf(state, agent ?? who, now)
  if (was?.at === 'pending' || was?.at === 'refused') return become(state, was, now) // they wish it, too
  const asked: Knock = { who: agent ?? who, at: 'asked', way, name, addresses, since: now, until: now + LIFE_MS }
  const row = letter === undefined ? asked : { ...asked, letter }
  return { changes: [{ put: 'knock', row }], effects: [] }
}

/** What a host answered to our knock; nobody is believed whom our owner did not ask. */
export const replied = (state: State, { agent, said, name, addresses }: Reply, now: number): Step => {
  const was = rowOf(state, agent, now)
  if (was?.at !== 'asked') return nothing
  const told = {
    ...was,
    who: agent,
    name: name || was.name,
    addresses: addresses.length > 0 ? addresses : was.addresses,
  }
  if (said === 'linked') return become(state, told, now)
  const row: Knock = said === 'refused' ? { ...told, at: 'denied' } : told
  if (JSON.stringify(row) === JSON.stringify(was)) return nothing
  return { changes: [...settled(state, agent), { put: 'knock', row }], effects: [] }
}

/** Our owner says no to a guest, or wants no more what they asked for. */
export const declined = (state: State, who: string): Step => {
  const was = state.knocks.get(who)
  if (was === undefined || was.at === 'refused') return nothing
  if (was.at !== 'pending') return { changes: [{ drop: 'knock', who }], effects: [] }
  const { place: _freed, ...row } = was
  return { changes: [{ put: 'knock', row: { ...row, at: 'refused' } }], effects: [] }
}

export const forgetKnocks = (state: State, now: number): Change[] =>
  [...state.knocks.values()].filter(({ until }) => until <= now).map(({ who }) => ({ drop: 'knock', who }))

/** What a person chose is active; what two agents settled between them begins on probation. */
export const become = (
  state: State,
  { who, way, name, addresses, voucher }: Pick<Knock, 'who' | 'way' | 'name' | 'addresses'> & Pick<Link, 'voucher'>,
  now: number,
): Step => {
  const up = state.links.get(who)?.up ?? false
  const standing = way === 'web' ? 'probation' : 'active'
  const link: Link = { agent: who, name, addresses, state: standing, since: now, up }
  const made = linked(state, voucher === undefined ? link : { ...link, voucher })
  if (made.answer) return made
  return { ...made, effects: [...made.effects, { do: 'paired', agent: who }, { do: 'redial' }] }
}

/** By its id, or by the words that are all we knew of it. */
const rowOf = (state: State, who: string, now: number): Knock | undefined => {
  const row = state.knocks.get(who) ?? (isId(who) ? state.knocks.get(fingerprintWords(who)) : undefined)
  return row !== undefined && row.until > now ? row : undefined
}

/** Whoever has these words: a neighbour, or somebody who knocked. */
const agentBy = (state: State, words: string): string | undefined =>
  [...state.links.keys(), ...state.knocks.keys()].find((who) => isId(who) && fingerprintWords(who) === words)
