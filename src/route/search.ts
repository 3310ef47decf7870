/**
 * A search for somebody, as its asker and its relays remember it. `discover.ts` says what happens.
 * Times are epoch ms.
 */
import type { PathMessage, PathRecord } from '../wire/record.ts'

/**
 * What is known of somebody elsewhere: the agent that represents them, from their verified card.
 * `seq` is their delegation's; a row without one counts as 0. `rival` is another key that claims the
 * address: a person has to say which is right.
 */
export type Known = {
  entity: string
  address: string
  agent: string
  seq?: number
  expires: number
  rival?: { entity: string; agent: string; at: number }
}

/** What a neighbour said: nothing yet, an exhausted branch, or a branch that was cut. */
type Answer = 'asked' | 'none' | 'cut'
type Asked = { qid: string; target: string; asked: Map<string, Answer>; cut: boolean; until: number }
export type Search =
  | (Asked & { at: 'asking'; seed: string; ttl: number; ringUntil: number })
  | (Asked & { at: 'relaying'; from: string; hops: string[]; answerUntil: number })
  | { at: 'over'; qid: string; target: string; until: number }

/**
 * A PATH whose every signature holds: the route runs from the asker to the agent that answered.
 * `kept`: the card we hold for this address, where it is another key's.
 */
export type Path = { record: PathRecord; known: Known; card: string; kept?: string; message: PathMessage }
