/**
 * How many people of one gateway may write here before anybody here knows one of them.
 *
 * A new entity is whitelisted by a person: whoever lets a gateway into the web whitelists its household, a
 * handful of people. Beyond that each needs somebody here who trusts them, and everybody who does makes
 * room for as many again. So a family, a club, a firm never notices; and whoever draws a thousand identities at a
 * gateway of their own has a handful of them heard, however much credit its links have earned.
 *
 * Relays can't see who writes, and a gateway may lie about its own people: so the recipient's gateway counts.
 */
import type { Change, State } from '../state.ts'

/** A large family. */
const ROOM = 8
/** A stranger who found no answer for so long makes room. */
const REMEMBERED_MS = 30 * 86_400_000
/** Beyond 64 known ones there is room for 520 strangers a month: no more are counted. */
const MOST_KNOWN = 64

/** Somebody at `agent` writes to somebody here who does, or does not, trust them. @returns undefined if there is no room */
export const welcomed = (
  state: State,
  { agent, entity, isKnown }: { agent: string; entity: string; isKnown: boolean },
  now: number,
): Change[] | undefined => {
  const was = state.households.get(agent) ?? { agent, strangers: [], known: [] }
  if (was.known.includes(entity)) return []
  if (isKnown) {
    if (was.known.length >= MOST_KNOWN) return []
    const strangers = was.strangers.filter((one) => one.entity !== entity)
    return [{ put: 'household', row: { agent, strangers, known: [...was.known, entity] } }]
  }
  const strangers = was.strangers.filter(({ at }) => at > now - REMEMBERED_MS)
  if (strangers.some((one) => one.entity === entity)) return []
  if (strangers.length >= ROOM * (1 + was.known.length)) return undefined
  return [{ put: 'household', row: { ...was, strangers: [...strangers, { entity, at: now }] } }]
}

/** Of whom nobody is remembered any more, nothing is. */
export const forgetHouseholds = (state: State, now: number): Change[] =>
  [...state.households.values()]
    .filter(({ strangers, known }) => known.length === 0 && strangers.every(({ at }) => at <= now - REMEMBERED_MS))
    .map(({ agent }) => ({ drop: 'household', agent }))
