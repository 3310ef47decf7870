/**
 * Shortest ways through a web, from both ends at once: a search of 10^4 agents touches some hundred of
 * them. Of equally short ways it takes one at random. A way is the list of sides it leaves by.
 *
 * This stands for a search in rings that ends well (rings.ts has those): relays do not pass queries
 * on over links that are shut or without credit, so neither does this.
 */
import type { Random } from '../../test/village/random.ts'
import type { Graph } from './graph.ts'

export type Ways = {
  /** @param isShut by side, both ends the same. @param without sides not to leave by, this time */
  find(from: number, to: number, isShut: Uint8Array, without: ReadonlySet<number>): number[] | undefined
}

type Front = { mark: Int32Array; via: Int32Array; queue: Int32Array; head: number; tail: number }

export const openWays = ({ size, first, to, twin }: Graph, random: Random): Ways => {
  const front = (): Front => ({
    mark: new Int32Array(size),
    via: new Int32Array(size),
    queue: new Int32Array(size),
    head: 0,
    tail: 0,
  })
  const [ahead, back] = [front(), front()]
  let search = 0

  const begin = (side: Front, agent: number): void => {
    side.mark[agent] = search
    side.via[agent] = -1
    side.queue[0] = agent
    side.head = 0
    side.tail = 1
  }

  /** One link further from one end. @returns where the two met */
  const widen = (
    mine: Front,
    other: Front,
    isBack: boolean,
    isShut: Uint8Array,
    without: ReadonlySet<number>,
  ): number => {
    for (const end = mine.tail; mine.head < end; mine.head++) {
      const agent = mine.queue[mine.head] ?? 0
      const [low, high] = [first[agent] ?? 0, first[agent + 1] ?? 0]
      const turn = Math.floor(random.next() * (high - low))
      for (let i = 0; i < high - low; i++) {
        const side = low + ((i + turn) % (high - low))
        const next = to[side] ?? 0
        if (mine.mark[next] === search || isShut[side] === 1) continue
        const out = isBack ? (twin[side] ?? 0) : side
        if (without.has(out)) continue
        mine.mark[next] = search
        mine.via[next] = out
        if (other.mark[next] === search) return next
        mine.queue[mine.tail++] = next
      }
    }
    return -1
  }

  const wayOver = (meeting: number): number[] => {
    const way: number[] = []
    for (let at = meeting; (ahead.via[at] ?? -1) !== -1; ) {
      const out = ahead.via[at] ?? 0
      way.push(out)
      at = to[twin[out] ?? 0] ?? 0
    }
    way.reverse()
    for (let at = meeting; (back.via[at] ?? -1) !== -1; ) {
      const out = back.via[at] ?? 0
      way.push(out)
      at = to[out] ?? 0
    }
    return way
  }

  return {
    find(from, goal, isShut, without) {
      search += 1
      begin(ahead, from)
      begin(back, goal)
      while (ahead.head < ahead.tail && back.head < back.tail) {
        const isBack = back.tail - back.head < ahead.tail - ahead.head
        const met = isBack ? widen(back, ahead, true, isShut, without) : widen(ahead, back, false, isShut, without)
        if (met !== -1) return wayOver(met)
      }
      return undefined
    },
  }
}
