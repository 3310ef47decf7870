/**
 * What all agents of a web keep about all their neighbours: a Credit of src/credit for each side, and
 * whether the link is shut. A letter along a way is admitted, judged and charged at every hop by the
 * gateway's own arithmetic. The receiver's word decides; the sender keeps the same debt with the other sign.
 */
import {
  ACTIVE_LIMIT,
  admit,
  type Credit,
  complained,
  exactDebt,
  newCredit,
  reserve,
  type Weights,
  wanted,
} from '../../src/credit/credit.ts'
import { type Graph, ownersOf } from './graph.ts'

/** A letter that was delivered and waits for its judgement: the sides it left by, and what it weighs at each. */
export type Carried = { way: readonly number[]; weights: readonly number[] }

export type Ledger = {
  /** By side, both ends the same. */
  isShut: Uint8Array
  credits: readonly Credit[]
  /** L, by the side of whoever receives. */
  limits: Float64Array
  /** The least a message of this neighbour has weighed so far, by the side of whoever received it. */
  leastWeight: Float64Array
  /** Whether whoever is at the other end would take a letter that leaves by this side. */
  hasCredit(out: number, now: number): boolean
  /** Nothing, where a hop has no credit for it. */
  carry(way: readonly number[], now: number): Carried | undefined
  want(carried: Carried, now: number): void
  complain(carried: Carried, now: number): void
  /** The largest difference between what both ends of a link keep. */
  disagreement(now: number): number
}

export const openLedger = (graph: Graph, weights: Weights, begin: number): Ledger => {
  const { to, twin } = graph
  const owners = ownersOf(graph)
  const names = Array.from({ length: graph.size }, (_, a) => `agent-${a}`)
  const credits = Array.from(to, () => newCredit(begin))
  const limits = new Float64Array(to.length).fill(ACTIVE_LIMIT)
  const leastWeight = new Float64Array(to.length).fill(1)
  const receiving = (out: number): number => twin[out] ?? 0
  const creditAt = (side: number): Credit => credits[side] as Credit

  const weightFor = (out: number, now: number): number =>
    admit(creditAt(receiving(out)), 'theirs', limits[receiving(out)] ?? ACTIVE_LIMIT, now, weights)

  /** Where the receiver of hop `i` sent it on to, as its count of wanted mail names it. */
  const viaOf = ({ way }: Carried, i: number): string => {
    const next = way[i + 1]
    return next === undefined ? 'here' : (names[to[next] ?? 0] ?? '')
  }

  return {
    isShut: new Uint8Array(to.length),
    credits,
    limits,
    leastWeight,

    hasCredit: (out, now) => weightFor(out, now) > 0,

    carry(way, now) {
      const taken = way.map((out) => weightFor(out, now))
      if (taken.includes(0)) return undefined
      for (const [i, out] of way.entries()) {
        const side = receiving(out)
        const weight = taken[i] ?? 1
        reserve(creditAt(side), 'theirs', weight)
        if (weight < (leastWeight[side] ?? 1)) leastWeight[side] = weight
      }
      return { way, weights: taken }
    },

    want(carried, now) {
      for (const [i, out] of carried.way.entries())
        wanted(creditAt(receiving(out)), 'theirs', carried.weights[i] ?? 1, viaOf(carried, i), now)
    },

    complain(carried, now) {
      for (const [i, out] of carried.way.entries()) {
        complained(creditAt(receiving(out)), 'theirs', carried.weights[i] ?? 1, now, now)
        complained(creditAt(out), 'ours', 0, now, now)
      }
    },

    disagreement(now) {
      let most = 0
      for (const [side, credit] of credits.entries()) {
        if (owners[side] === undefined) continue
        most = Math.max(most, Math.abs(exactDebt(credit, now) + exactDebt(creditAt(receiving(side)), now)))
      }
      return most
    },
  }
}
