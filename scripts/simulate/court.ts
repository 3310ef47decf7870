/**
 * What every honest agent does once a day about each of its links, by the rules of src/credit/conduct.ts,
 * and what becomes of a link that is suspended:
 *
 *   active --R1 or R2--> suspended --its neighbour has cut whoever handed it the same letters--> probation --14 days--> active
 *                        suspended --7 days--> revoked, for good: no owner overrules anything here
 *
 * Attackers cut nobody. Both ends of a link that one of them has cut carry nothing.
 */
import { type Conduct, judge, marked, newConduct, sampled } from '../../src/credit/conduct.ts'
import { ACTIVE_LIMIT, DAY_MS, PROBATION_LIMIT } from '../../src/credit/credit.ts'
import { type Critic, counted, criticised, isSerial } from '../../src/credit/critic.ts'
import { PROBATION_MS, PUNISHED_EVERY_MS, SUSPENDED_MS } from '../../src/link/ruling.ts'
import { degree, type Graph, ownersOf } from './graph.ts'
import type { Carried, Ledger } from './ledger.ts'

export type Rule = 'R1' | 'R2'
/** A link cut at `side`, by whoever that side belongs to. `keys`: the letters it was cut for. */
export type Cut = { side: number; rule: Rule; at: number; keys: ReadonlySet<string>; ended?: 'punished' | 'expired' }

/** A letter on credit, as those who carry it know it. */
export type Case = { key: string; from: number; to: number; carried: Carried }

export type Court = {
  cuts: readonly Cut[]
  /** A letter came to its recipient. */
  came(one: Case, now: number): void
  /** The recipient complains: everybody on the way marks it. */
  marked(one: Case, now: number): void
  /** The daily look at every link. */
  assess(now: number): void
}

/** All links are older than this at the beginning. */
const AGE_MS = 28 * DAY_MS

/** The source of complaints by the one who lives there. */
const HERE = 'here'
const isAbroad = (via: string): boolean => via !== HERE

export const openCourt = (
  graph: Graph,
  ledger: Ledger,
  isAttacker: Uint8Array,
  rules: readonly Rule[],
  begin: number,
): Court => {
  const { to, twin } = graph
  const owners = ownersOf(graph)
  const conducts: Conduct[] = Array.from(to, newConduct)
  const since = new Float64Array(to.length).fill(begin - AGE_MS)
  const critics = new Map<number, Critic>()
  const cuts: Cut[] = []
  const standing = new Map<number, Cut>() // by side, while it is cut
  const cutsBy = new Map<number, Cut[]>() // by agent, also what is over
  const punishedAt = new Map<number, number>() // by side
  const onProbation = new Set<number>()

  const markAt = (side: number, mark: Conduct['marks'][number], now: number): void => {
    conducts[side] = marked(conducts[side] ?? newConduct(), mark, now)
  }

  const settle = (side: number): void => {
    const other = twin[side] ?? 0
    const isShut = standing.has(side) || standing.has(other) ? 1 : 0
    ledger.isShut[side] = isShut
    ledger.isShut[other] = isShut
  }

  const cut = (side: number, rule: Rule, now: number): void => {
    const keys = new Set((conducts[side]?.marks ?? []).map(({ key }) => key))
    const made: Cut = { side, rule, at: now, keys }
    cuts.push(made)
    const by = owners[side] ?? 0
    cutsBy.set(by, [...(cutsBy.get(by) ?? []), made])
    standing.set(side, made)
    onProbation.delete(side)
    settle(side)
  }

  /** Whoever belongs to the other end has cut somebody for one of the same letters, and has not said so lately. */
  const hasPunished = ({ side, at, keys }: Cut): boolean => {
    if (at - (punishedAt.get(side) ?? 0) < PUNISHED_EVERY_MS) return false
    const theirs = cutsBy.get(to[side] ?? 0) ?? []
    const isAbout = (one: Cut): boolean => [...one.keys].some((key) => keys.has(key))
    // Of letters that were delivered before a cut, people complain after it, too.
    const isMarked = (one: Cut): boolean => (conducts[one.side]?.marks ?? []).some(({ key }) => keys.has(key))
    return theirs.some((one) => isAbout(one) || isMarked(one))
  }

  const serve = (one: Cut, now: number): void => {
    if (one.ended !== undefined) return
    if (isAttacker[to[one.side] ?? 0] === 0 && hasPunished(one)) {
      one.ended = 'punished'
      punishedAt.set(one.side, now)
      standing.delete(one.side)
      conducts[one.side] = newConduct()
      since[one.side] = now
      ledger.limits[one.side] = PROBATION_LIMIT
      onProbation.add(one.side)
      settle(one.side)
    } else if (now - one.at >= SUSPENDED_MS) one.ended = 'expired'
  }

  const assessOne = (side: number, now: number): void => {
    const credit = ledger.credits[side]
    const limit = ledger.limits[side] ?? ACTIVE_LIMIT
    if (credit === undefined) return
    const conduct = sampled(conducts[side] ?? newConduct(), credit, limit, now)
    conducts[side] = conduct
    if (conduct.marks.length === 0) return // nothing to find
    const others = degree(graph, owners[side] ?? 0) - 1
    const bounds = { limit, since: since[side] ?? begin, others, isLink: isAbroad }
    const found = judge(conduct, credit, bounds, now)
    if (found !== undefined && rules.includes(found.rule)) cut(side, found.rule, now)
  }

  return {
    cuts,

    came({ from, to: recipient }, now) {
      critics.set(recipient, counted(critics.get(recipient), String(recipient), String(from), now))
    },

    marked({ key, from, to: recipient, carried: { way } }, now) {
      const was = critics.get(recipient)
      const counts = was === undefined || !isSerial(was)
      if (was !== undefined) critics.set(recipient, criticised(was, 1))
      for (const [i, out] of way.entries()) {
        const next = way[i + 1]
        const via = next === undefined ? HERE : String(to[next])
        const before = i === 0 ? from : (owners[way[i - 1] ?? 0] ?? from)
        markAt(twin[out] ?? 0, { at: now, via, key, before: String(before), counts }, now)
      }
    },

    assess(now) {
      for (const one of cuts) serve(one, now)
      for (const side of onProbation)
        if (now - (since[side] ?? 0) >= PROBATION_MS) {
          ledger.limits[side] = ACTIVE_LIMIT
          onProbation.delete(side)
        }
      for (let side = 0; side < to.length; side++)
        if (isAttacker[owners[side] ?? 0] === 0 && ledger.isShut[side] === 0) assessOne(side, now)
    },
  }
}
