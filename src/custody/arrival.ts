/**
 * An envelope arrives over a link: ours to deliver, or ours to hand on. Its chain of stamps has
 * been checked; one for an entity here has been opened and its sender's signature verified.
 */

import type { Answer, Effect, Step } from '../effect.ts'
import { type Envelope, keyOf } from '../envelope/envelope.ts'
import type { RefusalCode } from '../refusal.ts'
import { about, owe, owedKey } from '../report/owed.ts'
import { choose } from '../route/choose.ts'
import type { State } from '../state.ts'
import type { Custody } from './custody.ts'
import { advance } from './handing.ts'
import { folderFor } from './origin.ts'

export type Arrival = {
  from: string
  envelope: Envelope
  stamps: string[]
  /** Agents that have had it, origin first, `from` last. */
  path: string[]
  advice: string[]
  body: number
  /** Who signed what was inside, when it is for an entity here. `body` is then the opened message. */
  opened?: { from: string; address: string; messageId: string }
}

export const arrived = (state: State, arrival: Arrival, now: number): Step => {
  const { envelope, from, stamps } = arrival
  const key = keyOf(envelope.origin, envelope.id)
  const accepted: Answer = { say: 'accepted', key, at: now, chainOf: { envelope: envelope.jws, stamps } }
  const was = state.custody.get(key)
  if (was !== undefined) return repeated(state, was, from, accepted, now)

  const row: Custody = {
    key,
    id: envelope.id,
    origin: envelope.origin,
    role: 'relay',
    state: 'waiting',
    to: envelope.to,
    body: arrival.body,
    envelope: envelope.jws,
    stamps,
    path: [...arrival.path, state.me],
    from,
    advice: arrival.advice,
    onward: [],
    avoid: [],
    size: envelope.size,
    priority: envelope.priority,
    created: envelope.created,
    expires: envelope.expires,
    acceptedAt: now,
    retryAt: null,
    attempts: 0,
    awaits: null,
    delayTold: false,
    trail: [],
  }
  const local = state.locals.get(envelope.to)
  if (local !== undefined) return { ...deliver(state, row, arrival, local, now), answer: accepted }
  // Custody is a promise: whoever knows no way onward says so while the sender can still go round.
  if (choose(state, { entity: envelope.to, path: row.path, avoid: [], advice: row.advice }, now) === undefined)
    return refuse('no-route', 'this gateway knows no way to the recipient')
  const onward = advance(state, row, now)
  return { changes: onward.changes, effects: [taken(row, 'accepted'), ...onward.effects], answer: accepted }
}

const deliver = (
  state: State,
  row: Custody,
  arrival: Arrival,
  local: { entity: string; account: number },
  now: number,
): Step => {
  const { opened } = arrival
  if (opened === undefined) return refuse('seal-broken', 'the payload was not opened')
  const outcome = { event: 'delivered', by: state.me, at: now } as const
  const done: Custody = {
    ...row,
    role: 'destination',
    state: 'done',
    body: null,
    stamps: [],
    messageId: opened.messageId,
    outcome,
  }
  const folder = folderFor(state, local.entity, opened.from)
  const provenance = { key: row.key, from: opened.from, address: opened.address, path: row.path, at: now }
  const report = { own: { ...about(row.key, now), event: 'delivered' as const } }
  const owed = owe(undefined, arrival.from, row.key, [report], forgetAfter(row))
  return {
    changes: [
      { deliver: { account: local.account, folder, body: arrival.body, provenance } },
      { put: 'custody', row: done },
      { put: 'owed', row: owed },
    ],
    effects: [taken(done, 'delivered', folder), { do: 'settle', to: arrival.from }],
  }
}

const forgetAfter = (row: Custody): number => row.expires + (row.expires - row.created)

/**
 * A second copy. Over the same link it is a lost receipt, which is given again. Over another one
 * it went round: a destination tells that neighbour the outcome too, a relay says it has it already.
 */
const repeated = (state: State, was: Custody, from: string, accepted: Answer, now: number): Step => {
  const outcome = was.outcome
  if (outcome && outcome.event !== 'delivered')
    return refuse(outcome.code ?? 'expired', 'this gateway had it before, and it ended so')
  if (was.from === from) return { changes: [], effects: [taken(was, 'repeated')], answer: accepted }
  if (was.role === 'relay') return refuse('path-loops', 'this gateway has it already, by another path')
  if (was.role === 'origin') return refuse('path-loops', 'this gateway sent it')
  const report = { own: { ...about(was.key, outcome?.at ?? now), event: 'delivered' as const } }
  const before = state.owed.get(owedKey(from, was.key))
  const owed = before ?? owe(undefined, from, was.key, [report], forgetAfter(was))
  return {
    changes: [{ put: 'owed', row: owed }],
    effects: [taken(was, 'repeated'), { do: 'settle', to: from }],
    answer: accepted,
  }
}

const refuse = (code: RefusalCode, detail: string): Step => ({
  changes: [],
  effects: [],
  answer: { say: 'refused', code, detail },
})

const taken = (row: Custody, event: string, detail?: string): Effect => ({
  do: 'log',
  event,
  key: row.key,
  ...(row.messageId && { messageId: row.messageId }),
  ...(detail && { detail }),
})
