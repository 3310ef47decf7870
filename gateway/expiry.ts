/** Which keys here end soon: for the clock, which tells their owners, and for `vouchsafe status`. */
import type { EntityId } from '../src/address.ts'
import { usableUntil } from '../src/identity/subkeys.ts'
import { endsSoon } from '../src/report/expiring.ts'
import type { Core } from './core.ts'
import type { Keyring } from './keys.ts'

export type Ending = { entity: EntityId; address: string; ends: number }

export const endingKeys = async (keyring: Keyring, now: number): Promise<Ending[]> => {
  const found: Ending[] = []
  // One after the other: a thousand keys are looked at in about a second, and nobody waits for it.
  for (const { id, address, key } of keyring.entities().values()) {
    const ends = await usableUntil(key, now)
    if (endsSoon(ends, now)) found.push({ entity: id, address, ends })
  }
  return found
}

/** Raises what there is to tell; whether it is told now, the decision knows. */
export const warnOfEnds = async ({ engine, keyring, metrics, now }: Core): Promise<void> => {
  const ending = await endingKeys(keyring, now())
  metrics.keysEnding.set(ending.length)
  for (const { entity, ends } of ending) await engine.handle({ on: 'expiring', entity, ends })
}
