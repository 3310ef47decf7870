/**
 * Finding a path to somebody never met: WHO goes out in rings of growing ttl, PATH comes back
 * signed by every hop, NONE says that a branch is exhausted. (DSR and endairA; docs/protocol.md, "Finding a path".)
 *
 *   asker   ring 1 --all NONE, some cut--> ring 2 … ring 5 --> undecided
 *           any ring --PATH--> found        any ring --all NONE, none cut--> unknown
 *           any ring --its time is up--> next ring, after the last: undecided
 *   relay   WHO --> asks its neighbours --PATH--> passes it back, signed
 *                                       --all NONE--> NONE back, cut if any branch was
 *
 * `cut` means: somebody beyond was not asked (the ttl ended there, or a link is down). Only a
 * search without any cut may say that nobody knows the address; the rest stays undecided.
 * A repeated WHO is answered NONE without cut: its first copy covers that part of the web.
 * Signatures of a PATH are verified before its event exists. Times are epoch ms.
 */
import { createHash } from 'node:crypto'
import { targetOfAddress, targetOfEntity } from '../address.ts'
import type { Effect, Step } from '../effect.ts'
import { isActive } from '../link/standing.ts'
import type { Change, State } from '../state.ts'
import type { Message, Who } from '../wire/record.ts'
import { MAX_HOPS } from '../wire/record.ts'
import { conflict, weigh } from './known.ts'
import type { Known, Path, Search } from './search.ts'

/** Rings find 99 % of the real web of trust by the fifth. */
const LAST_RING = 5
/** Ring i waits 2·2^i s for its answers, unless every branch has answered before. */
export const ringWaitMs = (ttl: number): number => 2000 * 2 ** ttl
/** Most neighbours a relay asks. */
const FAN_OUT = 32
/** What a query may need from one agent to the next; time that is left after it goes on with the query. */
const HOP_MS = 100
/** A query is recognised this long after it was seen. */
const SEEN_MS = 600_000
/** Queries remembered: up to 3 KB each while answers are waited for, 300 bytes after; 60 MB at the very worst. */
const SEEN_MAX = 20_000
/** Longest a route is used before it is searched again. */
export const ROUTE_LIFE_MS = 86_400_000

const qidOf = (seed: string, ttl: number): string =>
  createHash('sha256').update(`${seed}${ttl}`).digest('hex').slice(0, 32)

/** Starts a search; one that is under way for the same target is joined. `seed`: 128 random bits from the caller. */
export const ask = (state: State, target: string, seed: string, now: number): Step => {
  for (const one of state.searches.values()) if (one.at === 'asking' && one.target === target) return nothing
  return ring(state, target, seed, 1, now)
}

const ring = (state: State, target: string, seed: string, ttl: number, now: number): Step => {
  const qid = qidOf(seed, ttl)
  const neighbours = [...state.links.values()].filter(isActive)
  const up = neighbours.filter((link) => link.up)
  const search: Search = {
    at: 'asking',
    qid,
    target,
    seed,
    ttl,
    asked: new Map(up.map((link) => [link.agent, 'asked'])),
    cut: up.length < neighbours.length,
    ringUntil: now + ringWaitMs(ttl),
    until: now + SEEN_MS,
  }
  if (up.length === 0) return over(search, search.cut ? 'undecided' : 'unknown')
  const who: Who = { t: 'WHO', qid, target, ttl, hops: [state.me], withinMs: ringWaitMs(ttl) }
  return {
    changes: [{ put: 'search', row: search }],
    effects: [...up.map((link) => tell(link.agent, who)), { do: 'ring', qid, at: search.ringUntil }],
  }
}

/** A neighbour asks. `local` is the entity here that the target names, if any. */
export const asked = (state: State, from: string, who: Who, local: string | undefined, now: number): Step => {
  if (!isActive(state.links.get(from))) return nothing
  const none = (cut: boolean): Step => ({ changes: [], effects: [tell(from, { t: 'NONE', qid: who.qid, cut })] })
  if (state.searches.has(who.qid) || who.hops.includes(state.me)) return none(false)
  if (who.withinMs <= HOP_MS || who.hops.at(-1) !== from || who.hops.length >= MAX_HOPS) return none(true)
  if (state.searches.size >= SEEN_MAX) return none(true)
  const until = now + SEEN_MS
  if (local !== undefined) {
    const route = [...who.hops, state.me]
    const seen: Change = { put: 'search', row: { at: 'over', qid: who.qid, target: who.target, until } }
    return {
      changes: [seen],
      effects: [{ do: 'answer', to: from, qid: who.qid, target: who.target, entity: local, route }],
    }
  }
  const others = [...state.links.values()].filter((link) => isActive(link) && !who.hops.includes(link.agent))
  const up = spread(
    others.filter((link) => link.up).map((link) => link.agent),
    who.qid,
  ).slice(0, FAN_OUT)
  const cut = up.length < others.length
  if (others.length === 0) return none(false)
  if (who.ttl === 1 || up.length === 0) return none(true)
  const row: Search = {
    at: 'relaying',
    qid: who.qid,
    target: who.target,
    from,
    hops: who.hops,
    asked: new Map(up.map((agent) => [agent, 'asked'])),
    cut,
    answerUntil: now + who.withinMs,
    until,
  }
  const onward: Who = { ...who, ttl: who.ttl - 1, hops: [...who.hops, state.me], withinMs: who.withinMs - HOP_MS }
  return { changes: [{ put: 'search', row }], effects: up.map((agent) => tell(agent, onward)) }
}

/** A branch is exhausted. From somebody who was not asked, or a second time: ignored. */
export const exhausted = (state: State, from: string, qid: string, cut: boolean, now: number): Step => {
  const was = state.searches.get(qid)
  if (was === undefined || was.at === 'over' || was.asked.get(from) !== 'asked') return nothing
  const row = { ...was, asked: new Map(was.asked).set(from, cut ? 'cut' : 'none'), cut: was.cut || cut }
  if ([...row.asked.values()].includes('asked')) return { changes: [{ put: 'search', row }], effects: [] }
  if (row.at === 'asking') return ringEnds(state, row, now)
  return {
    changes: [{ put: 'search', row: { at: 'over', qid, target: row.target, until: row.until } }],
    effects: [tell(row.from, { t: 'NONE', qid, cut: row.cut })],
  }
}

/** The time of a ring is up: whoever has not answered counts as cut. */
export const ringTimeout = (state: State, qid: string, now: number): Step => {
  const was = state.searches.get(qid)
  return was?.at === 'asking' ? ringEnds(state, { ...was, cut: true }, now) : nothing
}

const ringEnds = (state: State, row: Extract<Search, { at: 'asking' }>, now: number): Step => {
  if (!row.cut) return over(row, 'unknown')
  if (row.ttl >= LAST_RING) return over(row, 'undecided')
  const next = ring(state, row.target, row.seed, row.ttl + 1, now)
  const ended: Change = { put: 'search', row: { at: 'over', qid: row.qid, target: row.target, until: row.until } }
  return { changes: [ended, ...next.changes], effects: next.effects }
}

const over = (row: Extract<Search, { at: 'asking' }>, result: 'unknown' | 'undecided'): Step => ({
  changes: [{ put: 'search', row: { at: 'over', qid: row.qid, target: row.target, until: row.until } }],
  effects: [{ do: 'searched', target: row.target, result }],
})

/** An answer comes by. The asker takes it; a relay on its route signs it and passes it back; others drop it. */
export const answered = (state: State, from: string, path: Path, now: number): Step => {
  const { route, qid, target } = path.record
  const search = state.searches.get(qid)
  const i = route.indexOf(state.me)
  if (search === undefined || search.at === 'over' || search.target !== target || !search.asked.has(from))
    return nothing
  if (route[i + 1] !== from || !isActive(state.links.get(from)) || path.record.expires <= now) return nothing
  if (search.at === 'asking') return i === 0 ? found(state, search, path, now) : nothing
  if (route[i - 1] !== search.from || !isActive(state.links.get(search.from))) return nothing
  return {
    changes: [{ put: 'search', row: { at: 'over', qid, target, until: search.until } }],
    effects: [{ do: 'pass', to: search.from, message: path.message }],
  }
}

/** The first answer whose card is worth something; an outdated one is no answer, and another may still come. */
const found = (state: State, search: Extract<Search, { at: 'asking' }>, path: Path, now: number): Step => {
  const { known, card, record } = path
  const ended: Change = {
    put: 'search',
    row: { at: 'over', qid: search.qid, target: search.target, until: search.until },
  }
  const worth = weigh(state, known)
  if (worth === 'outdated') return { changes: [], effects: [outdated(known)] }
  if (worth === 'conflict') {
    const claim = contest(state, path, now)
    const unsettled: Effect = { do: 'searched', target: search.target, result: 'undecided' }
    return { changes: [ended, ...claim.changes], effects: [...claim.effects, unsettled] }
  }
  const expires = Math.min(record.expires, now + ROUTE_LIFE_MS)
  const news: Change[] = worth === 'news' ? [{ put: 'known', row: known, card }] : []
  return {
    changes: [ended, ...news, { put: 'route', row: { entity: known.entity, hops: record.route, expires } }],
    effects: [{ do: 'searched', target: search.target, result: 'found' }, ...wakeFor(known)],
  }
}

/** The key we know is kept, and the claim beside it; whoever waits for the address hears of both. */
const contest = (state: State, { known, kept }: Path, now: number): Step => {
  const holder = state.known.get(state.knownAt.get(known.address) ?? '')
  if (holder === undefined || kept === undefined) return { changes: [], effects: [conflict(state, known)] }
  const { entity, agent } = known
  if (holder.rival?.entity === entity) return { changes: [], effects: wakeFor(holder) }
  const row: Known = { ...holder, rival: { entity, agent, at: now } }
  return { changes: [{ put: 'known', row, card: kept }], effects: [conflict(state, known), ...wakeFor(holder)] }
}

/** Whoever waits for them, by either of the names they are searched by. */
export const wakeFor = ({ entity, address }: Known): Effect[] =>
  [targetOfEntity(entity), targetOfAddress(address)].map((target) => ({ do: 'wake', awaits: `who:${target}` }))

const outdated = ({ address, agent }: Known): Effect => ({
  do: 'log',
  event: 'card-outdated',
  detail: `${address}: ${agent} shows an older delegation than the one known here`,
})

/** Queries that nobody needs to recognise any more are forgotten, and of those nobody waits for only the name is kept. */
export const forget = (state: State, now: number): Step => ({
  changes: [...state.searches.values()].flatMap((one): Change[] => {
    const { qid, target, until } = one
    if (until <= now) return [{ drop: 'search', qid }]
    const isLate = one.at === 'relaying' && one.answerUntil <= now
    return isLate ? [{ put: 'search', row: { at: 'over', qid, target, until } }] : []
  }),
  effects: [],
})

/** An order over agents that differs by query, so that no neighbour is always asked last; the same on every run. */
const spread = (agents: string[], qid: string): string[] => {
  const rank = (agent: string) => createHash('sha256').update(qid).update(agent).digest('hex')
  return agents
    .map((agent) => ({ agent, at: rank(agent) }))
    .sort((a, b) => (a.at < b.at ? -1 : 1))
    .map(({ agent }) => agent)
}

const nothing: Step = { changes: [], effects: [] }
const tell = (to: string, message: Message): Effect => ({ do: 'tell', to, message })
