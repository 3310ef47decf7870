/**
 * Two webs from a seed, the usual models of who knows whom.
 *
 *   Holme–Kim        Phys. Rev. E 65, 026107 (2002): preferential attachment with triads; hubs and clusters
 *   Watts–Strogatz   Nature 393, 440 (1998): a ring with some links moved; clusters, no hubs
 */
import type { Random } from '../../test/village/random.ts'
import { type Graph, graphOf } from './graph.ts'

/**
 * @param m links each newcomer brings
 * @param p how likely each link after its first closes a triangle with the one before
 */
export const holmeKim = (size: number, m: number, p: number, random: Random): Graph => {
  const neighbours = Array.from({ length: size }, () => new Set<number>())
  const ends: number[] = [] // every agent once for each of its links: a pick from it prefers hubs
  const link = (a: number, b: number): void => {
    neighbours[a]?.add(b)
    neighbours[b]?.add(a)
    ends.push(a, b)
  }
  for (let founder = 0; founder < m; founder++) link(m, founder)
  for (let a = m + 1; a < size; a++) {
    const mine = neighbours[a] ?? new Set()
    let last: number | undefined
    while (mine.size < m) {
      const triad = last !== undefined && random.chance(p) ? [...(neighbours[last] ?? [])] : []
      const open = triad.filter((b) => b !== a && !mine.has(b))
      const other = random.pick(open.length > 0 ? open : ends)
      if (other === a || mine.has(other)) continue
      link(a, other)
      if (open.length === 0) last = other
    }
  }
  return graphOf(
    size,
    neighbours.flatMap((set, a) => [...set].map((b) => [a, b] as const)),
  )
}

/**
 * @param k neighbours on the ring, both sides together
 * @param beta how likely a link is moved to somebody at random
 */
export const wattsStrogatz = (size: number, k: number, beta: number, random: Random): Graph => {
  const keyOf = (a: number, b: number): number => Math.min(a, b) * size + Math.max(a, b)
  const links = new Set<number>()
  for (let a = 0; a < size; a++) for (let i = 1; i <= k / 2; i++) links.add(keyOf(a, (a + i) % size))
  for (let a = 0; a < size; a++)
    for (let i = 1; i <= k / 2; i++) {
      if (!random.chance(beta)) continue
      const other = random.between(0, size - 1)
      if (other === a || links.has(keyOf(a, other))) continue
      links.delete(keyOf(a, (a + i) % size))
      links.add(keyOf(a, other))
    }
  return graphOf(
    size,
    [...links].map((key) => [Math.floor(key / size), key % size] as const),
  )
}
