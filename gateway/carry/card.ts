/**
 * The cards of entities here: made when first needed, and again well before their delegation ends.
 */
import { makeCard } from '../../src/identity/card.ts'
import type { Entity } from '../../src/identity/entity.ts'
import type { Core } from '../core.ts'

/** A card is shown for a day, so that a new name or key is soon everywhere. */
const SHOWN_MS = 86_400_000

const made = new WeakMap<Entity, { text: Promise<string>; until: number }>()

export const ownCard = (core: Pick<Core, 'agent' | 'net' | 'now'>, entity: Entity): Promise<string> => {
  const now = core.now()
  const kept = made.get(entity)
  if (kept && kept.until > now) return kept.text
  // Times serve as sequence numbers: a later card replaces an earlier one, on whatever machine it was made.
  const text = makeCard(entity, core.agent.id, core.net, { now, seq: now })
  made.set(entity, { text, until: now + SHOWN_MS })
  text.catch(() => made.delete(entity)) // the next one who asks may have more luck
  return text
}
