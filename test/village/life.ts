/**
 * One village from its founding to its oblivion, under the trouble its seed brings.
 */
import { holdsInTheBooks, holdsWhenForgotten, holdsWhenSettled } from './claims.ts'
import { planOf, shapeOf } from './plan.ts'
import { seeded } from './random.ts'
import { judgeAll, suffer, worsen } from './trouble.ts'
import { FOUNDED, found, HOUR, heal, tidy } from './village.ts'

/** @throws with the seed, the village and how to live it through again */
export const live = (seed: number): void => {
  const random = seeded(seed)
  const { count, links } = shapeOf(random)
  const plan = planOf(random)
  const village = found(seed, count, links, plan.terms)
  try {
    village.clock.passUntil(village.clock.now + 1000)
    suffer(village, plan)
    // Everything was written in the first hour, and the last word is heard half an hour after the end.
    const ended = Math.max(FOUNDED + plan.terms.knownLifeMs + 2 * HOUR, village.healedAt + HOUR)
    village.clock.passUntil(ended)
    holdsWhenSettled(village, !plan.detours && plan.revoked === 0)
    judgeAll(village)
    worsen(village, plan)
    village.clock.passUntil(ended + 6 * 24 * HOUR)
    heal(village)
    // What strangers sent may be complained about for a week, and the complaint needs its time, too.
    const forgotten = ended + 10 * 24 * HOUR
    tidy(village, 20 * HOUR, forgotten)
    village.clock.passUntil(forgotten)
    holdsInTheBooks(village)
    holdsWhenForgotten(village)
  } catch (error) {
    const again = `VILLAGE_SEED=${seed} npx mocha -g village`
    const world = `${count} agents, ${links.map(([a, b]) => `${a}-${b}`).join(' ')}, trouble for ${plan.troubleMs / 1000} s`
    if (error instanceof Error) error.message = `seed ${seed} (${world}): ${error.message}\n    again: ${again}`
    throw error
  }
}
