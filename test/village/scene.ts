/** What scenes have in common: time passes, a row is looked at, calls are meddled with. */
import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import type { Custody } from '../../src/custody/custody.ts'
import { admitLocal } from '../../src/state.ts'
import type { Agent } from './agent.ts'
import type { Carrier } from './carrier.ts'
import { at, entityOf, found, MINUTE, type Village, write } from './village.ts'

export const pass = (village: Village, ms: number): void => village.clock.passUntil(village.clock.now + ms)

/** Links of one agent go up or down. */
export const turn = (village: Village, agent: Agent, others: readonly Agent[], up: boolean): void => {
  for (const other of others) village.carrier.turn(agent.id, other.id, up)
  pass(village, 1000)
}

/** A knows B over R1 and, once it is switched on, over R2. */
export const diamond = (seed = 1) => {
  const village = found(seed, 4, [
    [0, 1],
    [1, 3],
    [0, 2],
    [2, 3],
  ])
  const [a, r1, r2, b] = [at(village, 0), at(village, 1), at(village, 2), at(village, 3)]
  pass(village, 1000)
  turn(village, r2, [a, b], false)
  write(village, a, [{ address: 'p@3.test' }])
  pass(village, MINUTE)
  expect(b.mail).to.have.length(1)
  return { village, a, r1, r2, b }
}

export const rowAt = (agent: Agent, key: string): Custody => {
  const row = agent.state.custody.get(key) ?? agent.ends.get(key)
  if (row === undefined) throw new Error('no such envelope here')
  return row
}

/** It is switched off, and its disk is thrown away. */
export const bury = (village: Village, agent: Agent): void => {
  agent.crash()
  const { carrier } = village
  for (const link of [...carrier.links]) {
    if (!link.includes(agent.id)) continue
    carrier.turn(link[0], link[1], false)
    carrier.links.splice(carrier.links.indexOf(link), 1)
  }
}

/** Another inhabitant of an agent. */
export const moveIn = ({ notary }: Village, agent: Agent, address: string): void => {
  const entity = entityOf(address)
  admitLocal(agent.state, { entity, account: 1, address })
  agent.cards.set(entity, notary.sign(entity, 'CARD', { entity, address, agent: agent.id }))
}

/** Looks at every call before the carrier does; `true` takes it off its hands. */
export const dropCalls = (village: Village, look: (...call: Parameters<Carrier['call']>) => boolean): void => {
  const { call } = village.carrier
  village.carrier.call = (...args) => {
    if (!look(...args)) call(...args)
  }
}

/** Limits are those of a new web: no owner has said anything. */
export const withoutLimits = ({ agents }: Village): void => {
  for (const { state } of agents) for (const [agent, { limit, ...link }] of state.links) state.links.set(agent, link)
}

/** Two neighbours are none any more; those further on do not know. */
export const revoke = ({ carrier }: Village, one: Agent, other: Agent): void => {
  carrier.turn(one.id, other.id, false)
  for (const [mine, theirs] of [
    [one, other],
    [other, one],
  ] as const) {
    const link = mine.state.links.get(theirs.id)
    if (link) apply(mine.state, { put: 'link', row: { ...link, state: 'revoked', up: false } })
  }
}
