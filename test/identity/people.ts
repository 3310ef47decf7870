/** People to write to each other in tests: an entity, its agent, its card. */
import { type Agent, generateAgent } from '../../src/identity/agent.ts'
import { type Card, makeCard, readCard } from '../../src/identity/card.ts'
import { type Entity, generateEntity } from '../../src/identity/entity.ts'
import type { RefusalCode } from '../../src/refusal.ts'
import { Refusal } from '../../src/refusal.ts'

export const NET = 'village'
export const DAY = 24 * 60 * 60 * 1000

export type Person = { entity: Entity; agent: Agent; card: Card }

export const person = async (name: string, now = Date.now()): Promise<Person> => {
  const entity = await generateEntity({ name, address: `${name}@${name}.test`, now })
  const agent = generateAgent()
  return { entity, agent, card: await readCard(await makeCard(entity, agent.id, NET, { now, seq: 1 }), NET, now) }
}

/** The code by which a promise is refused; any other end is an error of the test. */
export const refusalOf = async (promise: Promise<unknown>): Promise<RefusalCode> => {
  const outcome = await promise.then(
    () => new Error('it was not refused'),
    (error: unknown) => error,
  )
  if (outcome instanceof Refusal) return outcome.code
  throw outcome
}
