/**
 * Where two agents become neighbours here, whichever way they came: by invitation, by a knock that was
 * approved, by open exchange, or through the web. What was asked or awaited of the other is settled by it.
 */
import { isId } from '../address.ts'
import { type Effect, refuse, type Step } from '../effect.ts'
import { fingerprintWords } from '../identity/words.ts'
import type { Change, Link, State } from '../state.ts'
import { restated } from './sentence.ts'
import { isLinked } from './standing.ts'

/** A new neighbour is a new part of the web: whoever waits for a path looks again, also who was refused by it before. */
export const linked = (state: State, link: Link): Step => {
  // Whoever has a stolen key may make invitations with it, too.
  if (state.revoked.has(link.agent)) return refuse('agent-revoked', 'the key of that gateway was stolen from its owner')
  return {
    changes: [
      { put: 'link', row: withHistory(state.links.get(link.agent), link) },
      ...settled(state, link.agent),
      ...hopeful(state),
    ],
    effects: [...newsOf(state, link), ...(link.up ? greet(link.agent) : []), { do: 'wake', awaits: 'who:' }],
  }
}

/**
 * What the owner said of it before stands. Whom a rule has cut or suspended (ruling.ts) a person takes back, and it
 * begins on probation; whom the owner parted with is as new.
 */
const withHistory = (was: Link | undefined, link: Link): Link => {
  const { ruling, punishedAt, limit, rekeyed, alerts } = was ?? {}
  // A REKEY that was taken once is not taken again because the two have paired since.
  const kept = {
    ...(limit !== undefined && { limit }),
    ...(rekeyed !== undefined && { rekeyed }),
    ...(alerts !== undefined && { alerts }),
  }
  const isCut = was?.state === 'suspended' || (was?.state === 'revoked' && ruling?.ended?.how === 'expired')
  if (!isCut || ruling === undefined) return { ...kept, ...link }
  const ended = ruling.ended ?? { at: link.since, how: 'overruled' as const }
  return {
    ...kept,
    ...link,
    state: 'probation',
    ruling: { ...ruling, ended },
    ...(punishedAt !== undefined && { punishedAt }),
  }
}

const newsOf = (state: State, { agent, name }: Link): Effect[] =>
  isLinked(state.links.get(agent)) ? [] : [{ do: 'log', event: 'linked', detail: `${agent} ${name}` }]

/** A person has compared words with the owner: explicit trust ends probation at once. */
export const vouched = (state: State, agent: string, now: number): Step => {
  const was = state.links.get(agent)
  if (was?.state !== 'probation') return { changes: [], effects: [] }
  return restated(state, { ...was, state: 'active', stateSince: now }, now)
}

/** A neighbour this new may not have been asked yet by anybody who waits for a path. */
const NEW_MS = 600_000
/** Those who asked before have half of the ten searches a minute (src/route/ask.ts); the others have their own time. */
const SEEKERS = 5

/** Whoever waits for a path looks again before its time when a new neighbour connects, or the first after none. */
export const soughtBy = (state: State, link: Link, now: number): Effect[] => {
  if (link.up) return []
  const isNew = now - link.since < NEW_MS
  return isNew || ![...state.links.values()].some(({ up }) => up) ? [{ do: 'seek', most: SEEKERS }] : []
}

/** What nobody knew may be known beyond a neighbour that was not there. */
export const hopeful = (state: State): Change[] => (state.missing.size > 0 ? [{ note: { of: 'hope' } }] : [])

/** What is kept of a stranger, by its id or by the words that were all we knew, is kept no longer. */
export const settled = (state: State, agent: string): Change[] =>
  [agent, ...(isId(agent) ? [fingerprintWords(agent)] : [])]
    .filter((who) => state.knocks.has(who))
    .map((who) => ({ drop: 'knock', who }))

/** A neighbour that connects gets what has waited for it, what it is owed, and hears where we are. */
export const greet = (agent: string): Effect[] => [
  { do: 'wake', awaits: `up:${agent}` },
  { do: 'settle', to: agent },
  { do: 'announce', to: agent },
]
