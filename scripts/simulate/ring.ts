/**
 * Searches in rings over a web, by the gateway's own decisions: every WHO, NONE and PATH goes
 * through `step` of src/web.ts. Only signatures are left out. Each search meets relays that remember
 * nothing of the ones before, so no cache helps it; nothing is lost, and a hop takes 20 to 80 ms.
 */
import { targetOfEntity } from '../../src/address.ts'
import { apply } from '../../src/apply.ts'
import type { Effect } from '../../src/effect.ts'
import type { Event } from '../../src/event.ts'
import type { Path } from '../../src/route/search.ts'
import { admitLocal, emptyState, type Link, type State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import type { Message } from '../../src/wire/record.ts'
import { openClock } from '../../test/village/clock.ts'
import type { Random } from '../../test/village/random.ts'
import { type Graph, neighboursOf } from './graph.ts'

/** `tookMs`: from the question to the answer. `hops`: links of the path, 0 where there is none. */
export type Searched = {
  isFound: boolean
  who: number
  none: number
  path: number
  rings: number
  hops: number
  tookMs: number
}

const BEGIN = 1_700_000_000_000
const DAY_MS = 86_400_000
/** All rings together wait some two minutes. */
const LONGEST_MS = 600_000

const agentOf = (a: number): string => `agent-${a}`
const numberOf = (agent: string): number => Number(agent.slice('agent-'.length))
const entityOf = (a: number): string => `entity-${a}`
const addressOf = (a: number): string => `p@${a}.test`

type Searching = { search(from: number, to: number): Searched }

/** Each gateway knows the people at its neighbours': neighbours write to each other. */
export const openSearching = (graph: Graph, random: Random): Searching => {
  const clock = openClock(BEGIN)
  const homes = new Map<number, State>()
  const homeOf = (a: number): State => {
    const kept = homes.get(a)
    if (kept !== undefined) return kept
    const made = { ...emptyState(agentOf(a), `${a}.test`), links: new Map(linksAt(graph, a)) }
    admitLocal(made, { entity: entityOf(a), account: 1, address: addressOf(a) })
    for (const b of neighboursOf(graph, a)) apply(made, { put: 'known', row: personAt(b), card: '' })
    homes.set(a, made)
    return made
  }
  /** Its neighbours and whom it knows, and no memory of earlier searches. */
  const fresh = (a: number): State => {
    const { me, domain, links, locals, addresses, targets, known, knownAt, knownTargets } = homeOf(a)
    const whom = { known: new Map(known), knownAt: new Map(knownAt), knownTargets: new Map(knownTargets) }
    return { ...emptyState(me, domain), links, locals, addresses, targets, ...whom }
  }

  const search = (from: number, to: number): Searched => {
    const states = new Map<number, State>()
    const seen: Searched = { isFound: false, who: 0, none: 0, path: 0, rings: 0, hops: 0, tookMs: 0 }
    const begun = clock.now
    let isOver = false
    const paths = new Map<Message, Path>()

    const raise = (a: number, event: Event): void => {
      const state = states.get(a) ?? fresh(a)
      states.set(a, state)
      const { changes, effects } = step(state, event, clock.now)
      for (const change of changes) apply(state, change)
      for (const effect of effects) perform(a, effect)
    }

    const perform = (a: number, effect: Effect): void => {
      if (effect.do === 'tell') tell(a, effect.to, effect.message)
      if (effect.do === 'pass') tell(a, effect.to, effect.message) // a hop's signature would be added here
      if (effect.do === 'answer') answer(a, effect)
      if (effect.do === 'ring') {
        if (!isOver) seen.rings += 1 // after the answer it only ends the wait for further ways
        clock.in(effect.at - clock.now, () => isOver || raise(a, { on: 'ring', qid: effect.qid }))
      }
      if (effect.do === 'searched' && a === from && !isOver) {
        isOver = true
        seen.isFound = effect.result === 'found'
        seen.tookMs = clock.now - begun
      }
    }

    const answer = (a: number, { to: asker, qid, target, entity, route }: Extract<Effect, { do: 'answer' }>): void => {
      const expires = clock.now + DAY_MS
      const message: Message = { t: 'PATH', path: qid, hops: [], card: '' }
      const record = { qid, target, entity, route, card: '', expires }
      const known = personAt(a)
      paths.set(message, { record, known, card: '', message })
      tell(a, asker, message)
    }

    const tell = (a: number, other: string, message: Message): void => {
      const event = eventOf(agentOf(a), message)
      if (event === undefined) return
      if (event.on === 'who') seen.who += 1
      if (event.on === 'none') seen.none += 1
      if (event.on === 'path') {
        seen.path += 1
        if (numberOf(other) === from) seen.hops ||= event.path.record.route.length - 1
      }
      clock.in(random.between(20, 80), () => raise(numberOf(other), event))
    }

    const eventOf = (sender: string, message: Message): Event | undefined => {
      if (message.t === 'WHO') return { on: 'who', from: sender, who: message }
      if (message.t === 'NONE') return { on: 'none', from: sender, qid: message.qid, cut: message.cut }
      const path = paths.get(message)
      return path && { on: 'path', from: sender, path }
    }

    raise(from, { on: 'search', target: targetOfEntity(entityOf(to)), seed: random.id() })
    // Also what is still under way after the answer was paid for by somebody.
    clock.passUntil(begun + LONGEST_MS)
    return seen
  }
  return { search }
}

const personAt = (a: number) => ({
  entity: entityOf(a),
  address: addressOf(a),
  agent: agentOf(a),
  seq: 1,
  expires: BEGIN + 1000 * DAY_MS,
})

const linksAt = (graph: Graph, a: number): [string, Link][] =>
  [...neighboursOf(graph, a)].map((b) => {
    const agent = agentOf(b)
    return [agent, { agent, name: agent, addresses: [], state: 'active', since: BEGIN - DAY_MS, up: true }]
  })
