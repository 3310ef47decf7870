/**
 * A verified card says who somebody elsewhere is and which agent represents them. What it is worth
 * beside what is known already:
 *
 *   conflict  its address is known as another key's: never chosen in silence
 *   outdated  it names another agent than one of a higher `seq`, which replaced all lower ones
 *   older     the same agent, in the same words or yesterday's: true still, and nothing new
 *   news      to be known from now on
 */
import type { Effect } from '../effect.ts'
import type { Card } from '../identity/card.ts'
import type { State } from '../state.ts'
import type { Known } from './search.ts'

export const knownOf = ({ entityId, address, agentId, delegation, expires }: Card): Known => ({
  entity: entityId,
  address,
  agent: agentId,
  seq: delegation.seq,
  expires,
})

export const weigh = (state: State, card: Known): 'conflict' | 'outdated' | 'older' | 'news' => {
  const holder = state.knownAt.get(card.address)
  if (holder !== undefined && holder !== card.entity) return 'conflict'
  const was = state.known.get(card.entity)
  if (was === undefined || (card.seq ?? 0) > (was.seq ?? 0)) return 'news'
  if ((card.seq ?? 0) === (was.seq ?? 0) && !isSame(was, card)) return 'news'
  return was.agent === card.agent ? 'older' : 'outdated'
}

/** A word of theirs settles a rival's claim: that alone is news. */
const isSame = (was: Known, card: Known): boolean =>
  was.agent === card.agent && was.address === card.address && was.expires === card.expires && was.rival === undefined

/** For a person to look at. */
export const conflict = (state: State, { address, entity }: Known): Effect => ({
  do: 'log',
  event: 'card-conflict',
  detail: `${address}: known as ${state.knownAt.get(address)}, now claimed by ${entity}`,
})
