/**
 * Mail between the people of a village, one each at every agent, and what they think of it.
 */
import { debtAt } from '../../src/credit/credit.ts'
import type { Agent } from './agent.ts'
import { pass } from './scene.ts'
import { HOUR, judge, MINUTE, type Village, write } from './village.ts'

export const DAY = 24 * HOUR

export const addressOf = (village: Village, agent: Agent): string => `p@${village.agents.indexOf(agent)}.test`

/** @returns the keys of what came of it, within the hour */
export const writes = (village: Village, from: Agent, to: Agent, count = 1): string[] => {
  const before = village.written.length
  for (let i = 0; i < count; i++) write(village, from, [{ address: addressOf(village, to) }])
  pass(village, HOUR)
  const keys = village.written.slice(before).map(({ key }) => key)
  return keys.filter((key) => to.mail.some(({ provenance }) => provenance?.key === key))
}

export const complains = (village: Village, agent: Agent, keys: readonly string[]): void => {
  for (const key of keys) judge(village, agent, key, 'abuse')
  pass(village, MINUTE)
}

/** What `agent` is owed by `other`. */
export const debt = (village: Village, agent: Agent, other: Agent): number => {
  const credit = agent.state.credits.get(other.id)
  return credit ? Math.round(debtAt(credit, village.clock.now) * 1000) / 1000 : 0
}
