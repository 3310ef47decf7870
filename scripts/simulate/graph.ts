/**
 * A web as numbers: agents 0…size−1, and each link as two directed *sides*, one at either end.
 *
 *   sides of agent a: first[a] … first[a+1]−1;  to[side]: whose end the other is;  twin[side]: that other end
 *
 * So a side is "what a holds about its neighbour to[side]", and typed arrays hold 10^4 agents in 1 MB.
 */
import type { Random } from '../../test/village/random.ts'

export type Graph = { size: number; first: Int32Array; to: Int32Array; twin: Int32Array }

/** Repeats and links to oneself are left out. */
export const graphOf = (size: number, links: Iterable<readonly [number, number]>): Graph => {
  const neighbours = Array.from({ length: size }, () => new Set<number>())
  for (const [a, b] of links) {
    if (a === b) continue
    neighbours[a]?.add(b)
    neighbours[b]?.add(a)
  }
  const first = new Int32Array(size + 1)
  for (const [a, set] of neighbours.entries()) first[a + 1] = (first[a] ?? 0) + set.size
  const to = new Int32Array(first[size] ?? 0)
  const twin = new Int32Array(to.length)
  const sideOf = new Map<number, number>()
  for (const [a, set] of neighbours.entries())
    for (const [i, b] of [...set].sort((x, y) => x - y).entries()) {
      const side = (first[a] ?? 0) + i
      to[side] = b
      sideOf.set(a * size + b, side)
    }
  for (const [a, set] of neighbours.entries())
    for (const b of set) twin[sideOf.get(a * size + b) ?? 0] = sideOf.get(b * size + a) ?? 0
  return { size, first, to, twin }
}

export const linksOf = (graph: Graph): number => graph.to.length / 2
export const degree = ({ first }: Graph, a: number): number => (first[a + 1] ?? 0) - (first[a] ?? 0)
export const neighboursOf = ({ first, to }: Graph, a: number): Int32Array => to.subarray(first[a], first[a + 1])

/** An agent's sides are numbers in a row. */
export function* sidesOf({ first }: Graph, a: number): Generator<number> {
  for (let side = first[a] ?? 0; side < (first[a + 1] ?? 0); side++) yield side
}

/** The agent at whose end each side is. */
export const ownersOf = (graph: Graph): Int32Array => {
  const owners = new Int32Array(graph.to.length)
  for (let a = 0; a < graph.size; a++) owners.fill(a, graph.first[a], graph.first[a + 1])
  return owners
}

/** Links from one agent to every other; −1: out of reach. */
export const distances = (graph: Graph, from: number): Int32Array => {
  const far = new Int32Array(graph.size).fill(-1)
  const queue = new Int32Array(graph.size)
  let [head, tail] = [0, 1]
  queue[0] = from
  far[from] = 0
  while (head < tail) {
    const a = queue[head++] ?? 0
    for (const b of neighboursOf(graph, a)) {
      if (far[b] !== -1) continue
      far[b] = (far[a] ?? 0) + 1
      queue[tail++] = b
    }
  }
  return far
}

/** The largest part in which everybody reaches everybody, renumbered. */
export const largestPart = (graph: Graph): Graph => {
  const part = new Int32Array(graph.size).fill(-1)
  let best = { part: -1, size: 0 }
  for (let a = 0; a < graph.size; a++) {
    if (part[a] !== -1) continue
    let size = 0
    for (const [b, far] of distances(graph, a).entries())
      if (far >= 0) {
        part[b] = a
        size += 1
      }
    if (size > best.size) best = { part: a, size }
  }
  const numbers = new Map<number, number>()
  for (const [a, mine] of part.entries()) if (mine === best.part) numbers.set(a, numbers.size)
  const links = [...numbers].flatMap(([a, i]) =>
    [...neighboursOf(graph, a)].map((b) => [i, numbers.get(b) ?? i] as const),
  )
  return graphOf(numbers.size, links)
}

export type Shape = {
  agents: number
  links: number
  /** Mean over agents of the share of their neighbours' pairs that are linked. */
  clustering: number
  meanPath: number
  /** Longest of the distances looked at. */
  diameter: number
}

/** Distances from more agents than this are not exact enough to wait for: 500 BFS of 10^4 agents take a second. */
const MOST_SOURCES = 1000

export const shapeOf = (graph: Graph, random: Random): Shape => {
  const everybody = Array.from({ length: graph.size }, (_, a) => a)
  const sources = graph.size <= MOST_SOURCES ? everybody : random.shuffled(everybody).slice(0, MOST_SOURCES / 4)
  let [sum, pairs, diameter] = [0, 0, 0]
  for (const source of sources)
    for (const far of distances(graph, source)) {
      if (far <= 0) continue
      sum += far
      pairs += 1
      diameter = Math.max(diameter, far)
    }
  const clustering = everybody.reduce((total, a) => total + clusteringOf(graph, a), 0) / graph.size
  return {
    agents: graph.size,
    links: linksOf(graph),
    clustering,
    meanPath: sum / pairs,
    diameter,
  }
}

const clusteringOf = (graph: Graph, a: number): number => {
  const mine = new Set(neighboursOf(graph, a))
  if (mine.size < 2) return 0
  let closed = 0
  for (const b of mine) for (const c of neighboursOf(graph, b)) if (mine.has(c)) closed += 1
  return closed / (mine.size * (mine.size - 1))
}
