/**
 * Agent keys that are dead, by their own word: the one thing that everybody tells everybody.
 *
 * REVOKED is signed by the key that it ends, so nobody can end another's; a thief who has the key can do no more
 * with it than its owner wants done. It names no successor: only neighbours may learn one, from the operator
 * whom they know (moved.ts). It goes to all neighbours once, and for a week to whoever connects. What keeps the
 * flood small: what is known is not passed on again, a neighbour may bring so many in a day, and so many are kept of
 * agents that nobody here knows. Times are epoch ms; the signature is verified before the event exists.
 */
import { done, type Effect, nothing, type Step } from '../effect.ts'
import { ownerLetter } from '../report/owner.ts'
import { dropped } from '../route/cache.ts'
import type { Change, State } from '../state.ts'
import { alarmed } from './alarm.ts'
import type { Revocation } from './revocation.ts'
import { isActive, isLinked } from './standing.ts'

/** From one neighbour in a day. A key is stolen once in years; a web of 10^5 agents has a few a day. */
const MOST_A_DAY = 16
const DAY_MS = 86_400_000
/** Kept of agents nobody here knows, the last ones: only so that no copy goes round again. */
const MOST_STRANGERS = 1000
/** Whoever connects hears those of the last week, the last so many. */
const TOLD_MS = 7 * DAY_MS
const MOST_TOLD = 16

export type Word = { agent: string; at: number; jws?: string }

/** @param from the neighbour who brings it; undefined where the word is our own, or came with MOVED */
export const revoked = (state: State, from: string | undefined, word: Word, now: number): Step => {
  const was = state.revoked.get(word.agent)
  if (was !== undefined) return from === undefined && was.jws === undefined ? keepSigned(state, was, word) : done
  if (from !== undefined && !isActive(state.links.get(from))) return refuse('link-suspended')
  if (from !== undefined && broughtBy(state, from, now) >= MOST_A_DAY) return refuse('rate-limited')
  const row: Revocation = {
    ...word,
    heardAt: now,
    ...(from !== undefined && { from }),
    ...(isKnown(state, word.agent) && { isKnown: true }),
  }
  const alarm = isLinked(state.links.get(word.agent))
    ? alarmed(state, word.agent, { what: 'stolen', at: word.at }, now)
    : nothing
  return {
    changes: [
      { put: 'revocation', row },
      ...makeRoom(state, row),
      ...dropWaysOver(state, word.agent),
      ...alarm.changes,
      ...ownLetter(state, from, word, now),
    ],
    effects: [
      { do: 'log', event: 'agent-revoked', to: word.agent, ...(from && { detail: `brought by ${from}` }) },
      ...tellAll(state, word, from),
      ...alarm.effects,
    ],
    answer: { say: 'done' },
  }
}

/** Somebody has our own key, and says so with it. */
const ownLetter = (state: State, from: string | undefined, { agent }: Word, now: number): Change[] => {
  const letter =
    from !== undefined && agent === state.me
      ? ownerLetter(state, now, {
          subject: 'The key of this gateway was stolen',
          paragraphs: [
            'Somebody has revoked the key of this gateway, with the very key: so they have it. Neighbours take nothing from it any more.',
            '`vouchsafe link rekey --compromise` makes another key, and tells the neighbours in the name of the operator here.',
          ],
        })
      : undefined
  return letter ? [letter] : []
}

/** A neighbour that connects may have been away when it went round. */
export const revocationsFor = (state: State, agent: string, now: number): Effect[] =>
  [...state.revoked.values()]
    .filter((one) => now - one.heardAt < TOLD_MS && one.from !== agent)
    .sort((a, b) => b.heardAt - a.heardAt)
    .slice(0, MOST_TOLD)
    .flatMap(({ jws }) => telling(agent, jws))

const keepSigned = (state: State, was: Revocation, word: Word): Step =>
  word.jws === undefined
    ? done
    : {
        ...done,
        changes: [{ put: 'revocation', row: { ...was, jws: word.jws } }],
        effects: tellAll(state, word, undefined),
      }

const tellAll = ({ links }: State, { agent, jws }: Word, from: string | undefined): Effect[] =>
  [...links.values()]
    .filter((link) => isActive(link) && link.up && link.agent !== from && link.agent !== agent)
    .flatMap((link) => telling(link.agent, jws))

const telling = (to: string, jws: string | undefined): Effect[] =>
  jws === undefined ? [] : [{ do: 'tell', to, message: { t: 'REVOKED', revoked: jws } }]

const broughtBy = ({ revoked }: State, from: string, now: number): number =>
  [...revoked.values()].filter((one) => one.from === from && now - one.heardAt < DAY_MS).length

const isKnown = ({ me, links, known, routes }: State, agent: string): boolean =>
  agent === me ||
  links.has(agent) ||
  [...known.values()].some((one) => one.agent === agent) ||
  [...routes.values()].flat().some(({ hops }) => hops.includes(agent))

const makeRoom = ({ revoked }: State, row: Revocation): Change[] => {
  const strangers = row.isKnown ? [] : [...revoked.values()].filter((one) => !one.isKnown)
  if (strangers.length < MOST_STRANGERS) return []
  const oldest = strangers.reduce((a, b) => (b.heardAt < a.heardAt ? b : a))
  return [{ drop: 'revocation', agent: oldest.agent }]
}

const dropWaysOver = ({ routes }: State, agent: string): Change[] =>
  [...routes.values()]
    .flat()
    .filter(({ hops }) => hops.includes(agent))
    .map(dropped)

const refuse = (code: 'rate-limited' | 'link-suspended'): Step => ({
  ...nothing,
  answer: { say: 'refused', code, detail: 'nothing is heard of stolen keys from you at present' },
})
