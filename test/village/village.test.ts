/**
 * Many agents, one process, the same decisions, and everything goes wrong. See claims.ts for what
 * must hold. A failure names its seed; `VILLAGE_SEED=<seed> npx mocha -g village` lives that one
 * through again, `VILLAGE_SEEDS=<how many>` tries more than usual.
 */
import { live } from './life.ts'

const one = process.env.VILLAGE_SEED
const many = Number(process.env.VILLAGE_SEEDS ?? 240)
const GROUP = 20

describe('the village: every accepted message ends as delivered once or as a notice', function () {
  this.timeout(60_000)
  if (one !== undefined) {
    it(`with seed ${one}`, () => live(Number(one)))
    return
  }
  for (let first = 1; first <= many; first += GROUP) {
    const last = Math.min(first + GROUP - 1, many)
    it(`with the seeds ${first} to ${last}`, () => {
      for (let seed = first; seed <= last; seed++) live(seed)
    })
  }
})
