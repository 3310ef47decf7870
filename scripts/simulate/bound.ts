/**
 * The most unwanted mail that attackers can bring to honest people, whatever they do.
 *
 * Of one attack link with limit L, at its honest end: each complaint raises the debt by 1; decay and what
 * attackers complain about alone lower it. So complaints = debt + decayed + complaints of attackers. A message
 * is taken only while debt + reserved + its weight <= L, so with weights of at least w, debt and messages not
 * judged yet are together at most L/w, and so no more than 0.105·L/w decay a day. Summed over the attack links:
 *
 *   unwanted <= Σ L/w · (1 + 0.105·days) + honest letters about which attackers complain
 *
 * With strict weights w = 1, and this is the bound of docs/protocol.md §7 for strict weights. With earned weights w is
 * below 1 only on a link that has carried wanted mail before (src/credit/credit.ts).
 */
import type { Graph } from './graph.ts'

const DECAYED_A_DAY = 0.105

/** The sides that honest agents have towards attackers: E_A. */
export const attackSides = ({ size, first, to }: Graph, isAttacker: Uint8Array): number[] => {
  const sides: number[] = []
  for (let a = 0; a < size; a++)
    for (let side = first[a] ?? 0; side < (first[a + 1] ?? 0); side++)
      if (isAttacker[a] === 0 && isAttacker[to[side] ?? 0] === 1) sides.push(side)
  return sides
}

/** @param limits and the least weights by side: L is that of the honest end, the highest it ever was */
export const spamBound = (
  { limits, leastWeight }: { limits: Float64Array; leastWeight: Float64Array },
  sides: readonly number[],
  forged: number,
  days: number,
): number => {
  let sum = 0
  for (const side of sides) sum += (limits[side] ?? 0) / (leastWeight[side] ?? 1)
  return sum * (1 + DECAYED_A_DAY * days) + forged
}
