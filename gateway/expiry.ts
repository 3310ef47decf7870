/** Which keys here end soon: for the clock, which tells their owners, and for `vouchsafe status`. */
import type { EntityId } from '../src/address.ts'
import type { Entity } from '../src/identity/entity.ts'
import { usableUntil } from '../src/identity/subkeys.ts'
import { endsSoon } from '../src/report/expiring.ts'
import type { Core } from './core.ts'
import type { Keyring } from './keys.ts'

type Ending = { entity: EntityId; address: string; ends: number }

export const endingKeys = async (keyring: Keyring, now: number): Promise<Ending[]> => {
  const found: Ending[] = []
  // One after the other: a thousand keys are looked at in about a second, and nobody waits for it.
  for (const { id, address, key } of keyring.entities().values()) {
    const ends = await keyEnds(key, now)
    if (endsSoon(ends, now)) found.push({ entity: id, address, ends })
  }
  return found
}

/** As `usableUntil`; that a key begins later, for it was made while the clock was ahead, is no end. */
export const keyEnds = (key: Entity['key'], now: number): Promise<number> =>
  usableUntil(key, Math.max(now, key.getCreationTime().getTime()))

/** Raises what there is to tell; whether it is told now, the decision knows. */
export const warnOfEnds = async ({ engine, keyring, metrics, now }: Core): Promise<void> => {
  const ending = await endingKeys(keyring, now())
  metrics.keysEnding.set(ending.length)
  for (const { entity, ends } of ending) await engine.handle({ on: 'expiring', entity, ends })
}
