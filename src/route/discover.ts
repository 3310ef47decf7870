/**
 * Finding a path to somebody never met: WHO goes out in rings of growing ttl, PATH comes back
 * signed by every hop, NONE says that a branch is exhausted. (DSR and endairA; docs/protocol.md, "Finding a path".)
 *
 *   asker   queued --its turn--> ring 1 --all NONE, some cut--> ring 2 … ring 5 --> undecided
 *           any ring --PATH--> found, and for one second more ways that share no link with it
 *           any ring --all NONE, none cut--> unknown
 *           any ring --its time is up--> next ring, after the last: undecided
 *   relay   WHO --> asks its neighbours --PATH--> passes it back, signed
 *                                       --all NONE--> NONE back, cut if any branch was
 *
 * `cut` means: somebody beyond was not asked (the ttl ended there, a link is down, or a relay had no
 * token left). Only a search without any cut may say that nobody knows the address; the rest stays undecided.
 * A repeated WHO is answered NONE without cut: its first copy covers that part of the web; if the
 * repeat may go further, it is sent on in the place of the first.
 * Signatures of a PATH are verified before its event exists. Times are epoch ms.
 */
import { targetOfAddress, targetOfEntity } from '../address.ts'
import { type Effect, nothing, type Step } from '../effect.ts'
import { isActive } from '../link/standing.ts'
import type { Change, State } from '../state.ts'
import { type Asking, ended, MORE_MS, ringEnds } from './ask.ts'
import { isBlamed } from './blame.ts'
import { add, ROUTE_LIFE_MS, renew } from './cache.ts'
import { conflict, weigh } from './known.ts'
import type { Known, Path } from './search.ts'

/** A branch is exhausted. From somebody who was not asked, or a second time: ignored. */
export const exhausted = (state: State, from: string, qid: string, cut: boolean, now: number): Step => {
  const was = state.searches.get(qid)
  if (was === undefined || !('asked' in was) || !was.asked.has(from)) return nothing
  const row = { ...was, asked: without(was.asked, from), cut: was.cut || cut }
  if (row.asked.size > 0) return { changes: [{ put: 'search', row }], effects: [] }
  if (row.at === 'asking')
    return row.moreUntil === undefined ? ringEnds(state, row, now) : { changes: [ended(row)], effects: [] }
  const { target, until, ttl } = row
  return {
    changes: [{ put: 'search', row: { at: 'over', qid, target, until, ttl } }],
    effects: [{ do: 'tell', to: row.from, message: { t: 'NONE', qid, cut: row.cut } }],
  }
}

const without = (asked: ReadonlySet<string>, from: string): Set<string> =>
  new Set([...asked].filter((agent) => agent !== from))

/** An answer comes by. The asker takes it; a relay on its route signs it and passes it back; to others it is none. */
export const answered = (state: State, from: string, path: Path, now: number): Step => {
  const { route, qid, target } = path.record
  const search = state.searches.get(qid)
  const i = route.indexOf(state.me)
  if (search === undefined || !('asked' in search)) return nothing
  if (!search.asked.has(from)) return nothing // one answer each: every one costs its verification
  const isSound = search.target === target && route[i + 1] === from && path.record.expires > now
  const isOurs = search.at === 'asking' ? i === 0 : route[i - 1] === search.from
  if (!isSound || !isOurs || !isActive(state.links.get(from))) return exhausted(state, from, qid, true, now)
  if (search.at === 'asking') return found(state, { ...search, asked: without(search.asked, from) }, path, now)
  if (!isActive(state.links.get(search.from))) return nothing
  return {
    changes: [{ put: 'search', row: { at: 'over', qid, target, until: search.until } }],
    effects: [{ do: 'pass', to: search.from, message: path.message }],
  }
}

/**
 * The first answer whose card is worth something; an outdated one is no answer, and another may still
 * come. Answers of the next second are further ways, and so is one over somebody who was silent lately:
 * it is kept, and the rings go on.
 */
const found = (state: State, search: Asking, path: Path, now: number): Step => {
  const { known, card, record } = path
  if (search.moreUntil !== undefined && now > search.moreUntil) return nothing
  const worth = weigh(state, known)
  const heard: Change = { put: 'search', row: search }
  if (worth === 'outdated') return { changes: [heard], effects: [outdated(known)] }
  if (worth === 'conflict') {
    const claim = contest(state, path, now)
    const unsettled: Effect = { do: 'searched', target: search.target, result: 'undecided' }
    return { changes: [ended(search), ...claim.changes], effects: [...claim.effects, unsettled] }
  }
  const news: Change[] = worth === 'news' ? [{ put: 'known', row: known, card }] : []
  const isFirstHand = path.message.cached === undefined
  const way = {
    entity: known.entity,
    hops: record.route,
    expires: Math.min(record.expires, now + ROUTE_LIFE_MS),
    ...(isFirstHand && { isProven: true as const }),
  }
  const proof = isFirstHand ? JSON.stringify(path.message) : undefined
  if (search.moreUntil !== undefined) {
    const more = add(state, way, now, proof)
    return { changes: [heard, ...news, ...more], effects: more.length > 0 ? wakeFor(known) : [] }
  }
  if (record.route.some((agent) => isBlamed(state.blamed.get(agent), now)))
    return {
      changes: [...news, ...add(state, way, now, proof), { put: 'search', row: { ...search, hasWay: true } }],
      effects: wakeFor(known),
    }
  const moreUntil = now + MORE_MS
  return {
    changes: [...news, ...renew(state, way, now, proof), { put: 'search', row: { ...search, moreUntil } }],
    effects: [
      { do: 'searched', target: search.target, result: 'found' },
      ...wakeFor(known),
      { do: 'ring', qid: search.qid, at: moreUntil },
    ],
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
    return isLate ? [{ put: 'search', row: { at: 'over', qid, target, until, ttl: one.ttl } }] : []
  }),
  effects: [],
})
