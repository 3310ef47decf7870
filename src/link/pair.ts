/**
 * Two agents that reach each other by relays become neighbours without a person deciding it anew: a PAIR
 * record goes in a sealed letter from an entity of one to an entity of the other, and one comes back.
 *
 *   ours asks: link pair ──PAIR──> theirs trusts our entity explicitly, and its owner permits it: linked, on probation
 *   linked, on probation  <──PAIR (answer)──
 *
 * The letter is what proves who asks: its signature is the entity's, the record's the agent's that the
 * entity's card names. Only explicit trust counts: a person has compared words with that very entity. And one
 * person's trust makes few links.
 */
import { refuse, type Step } from '../effect.ts'
import { fingerprintWords } from '../identity/words.ts'
import type { RefusalCode } from '../refusal.ts'
import { ownerLetter } from '../report/owner.ts'
import { type Change, contactKey, type State } from '../state.ts'
import type { PairRecord } from '../wire/pair.ts'
import { become } from './knocked.ts'
import { isLinked } from './standing.ts'

/** A PAIR record as it came: from which entity to which of ours, and of which agent. */
export type Paired = Pick<PairRecord, 'name' | 'addresses' | 'answer'> & {
  agent: string
  from: string
  /** The sender's address, where the answer goes. */
  address: string
  to: string
}

export const paired = (state: State, pair: Paired, now: number): Step => {
  const { agent, name, addresses } = pair
  const link = state.links.get(agent)
  const wish = state.knocks.get(agent)
  const answer: Step = {
    changes: [],
    effects: pair.answer ? [] : [{ do: 'pair', as: pair.to, to: pair.address, agent }],
  }
  if (isLinked(link)) return answer // ours was lost
  const isWished = wish?.at === 'asked' && wish.until > now
  if (!isWished && pair.answer) return { changes: [], effects: [] } // nobody asks any more
  if (!isWished && !permits(state, pair, now)) return refused
  const how = isWished ? { way: wish.way } : { way: 'web' as const, voucher: pair.to }
  const made = become(state, { who: agent, ...how, name, addresses }, now)
  const told = isWished ? undefined : tellOwner(state, pair, now)
  if (made.answer) return refused
  return { changes: [...made.changes, ...(told ? [told] : [])], effects: [...made.effects, ...answer.effects] }
}

/** Nobody here was asked: so whoever runs this gateway hears of it. */
const tellOwner = (state: State, { agent, name, address, to }: Paired, now: number): Change | undefined => {
  const voucher = state.locals.get(to)?.address ?? 'somebody'
  return ownerLetter(state, now, {
    subject: 'A new neighbour, through the web',
    paragraphs: [
      `The gateway "${name}" (${fingerprintWords(agent)}) is a neighbour of yours now: ${voucher} has compared words with ${address}, who lives there. It is on probation.`,
      '`vouchsafe link revoke` parts with it. With `pair = "never"` under [link] in the configuration nobody becomes a neighbour without you.',
    ],
  })
}

/** Whom our owner parted with comes back by a person's word alone. */
const permits = (state: State, { agent, from, to }: Paired, now: number): boolean =>
  state.pairs === 'trusted' &&
  state.links.get(agent) === undefined &&
  state.contacts.get(contactKey(to, from))?.trust === 'explicit' &&
  vouchedLately(state, to, now) < MOST_VOUCHED

/**
 * Every link may cost a few unwanted messages. Whoever has an account here and draws agents elsewhere would make as
 * many links as they like, and with them as much unwanted mail: so one person's trust makes few.
 */
const MOST_VOUCHED = 3
const VOUCHED_MS = 28 * 86_400_000

/** Also those that are no more: to part with one makes no room for the next. */
const vouchedLately = (state: State, voucher: string, now: number): number =>
  [...state.links.values()].filter((link) => link.voucher === voucher && link.since > now - VOUCHED_MS).length

/** At the agent that asked: its letter came back with a no. */
export const unpaired = (state: State, agent: string | undefined, code: RefusalCode | undefined): Change[] => {
  const wish = state.knocks.get(agent ?? '')
  if (code !== 'pair-refused' || wish?.way !== 'web' || wish.at !== 'asked') return []
  return [{ put: 'knock', row: { ...wish, at: 'denied' } }]
}

const refused = refuse(
  'pair-refused',
  'the recipient has not compared words with the sender, or the owner here wants no links through the web',
)
