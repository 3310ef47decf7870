/**
 * The cards of entities here: made when first needed, and again well before their delegation ends.
 * The cards of others: as kept, read once for all that is sealed by them.
 */
import { type Card, makeCard, readCard } from '../../src/identity/card.ts'
import type { Entity } from '../../src/identity/entity.ts'
import { readStatement } from '../../src/identity/statement.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Known } from '../../src/route/search.ts'
import { cards } from '../../store/web.ts'
import type { Core } from '../core.ts'

/** A card is shown for a day, so that a new name or key is soon everywhere. */
const SHOWN_MS = 86_400_000

const made = new WeakMap<Entity, { text: Promise<string>; at: number }>()

export const ownCard = (core: Pick<Core, 'agent' | 'net' | 'now'>, entity: Entity): Promise<string> => {
  const now = core.now()
  const kept = made.get(entity)
  // One from the future, where the clock was set back since, holds nowhere: what bears it would be refused for good.
  if (kept && kept.at <= now && now < kept.at + SHOWN_MS) return kept.text
  // Times serve as sequence numbers: a later card replaces an earlier one, on whatever machine it was made.
  const text = makeCard(entity, core.agent.id, core.net, { now, seq: now })
  made.set(entity, { text, at: now })
  text.catch(() => made.delete(entity)) // the next one who asks may have more luck
  return text
}

const read = new WeakMap<Known, string>()

/** @throws Refusal `card-invalid` if there is none, or it holds no longer */
export const cardOf = async ({ engine, store, net, now }: Core, entity: string): Promise<Card> => {
  const known = engine.state.known.get(entity)
  const text = (known && read.get(known)) ?? (await cards.load(store.db, [entity]))[0]?.card
  if (text === undefined) throw new Refusal('card-invalid', 'no card of the recipient is kept here')
  // It held when it was learned: should it be from the future now, our clock was set back since, and may be wrong.
  const card = await readCard(text, net, Math.max(now(), Number(readStatement(text).at)))
  // What was just learned may not be in the store yet: then this is the card before it, and is not remembered.
  if (known?.seq === card.delegation.seq && known.agent === card.agentId) read.set(known, text)
  return card
}
