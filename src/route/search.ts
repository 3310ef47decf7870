/**
 * A search for somebody, as its asker and its relays remember it. `discover.ts` says what happens.
 * Times are epoch ms.
 */
import type { PathMessage, PathRecord } from '../wire/record.ts'

/** Rings find 99 % of the real web of trust by the fifth. */
export const LAST_RING = 5

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

/** `asked`: the neighbours that have not answered yet. `cut`: one of their branches was. */
type Asked = { qid: string; target: string; ttl: number; asked: ReadonlySet<string>; cut: boolean; until: number }
/**
 * What the asker keeps through all rings. `without`: neighbours that are not asked, since what they took was lost.
 * `isAgain`: a search before this one came to nothing, or found what led nowhere: relays answer nothing from memory.
 */
export type Quest = { target: string; seed: string; without: string[]; isAgain: boolean }

export type Search =
  /** Ours, but the minute has had its share: `ring` begins it. */
  | (Quest & { at: 'queued'; qid: string; until: number })
  /** `hasWay`: one was found, over somebody who was silent lately. `moreUntil`: one was found, and others may follow. */
  | (Asked & Quest & { at: 'asking'; ringUntil: number; hasWay?: true; moreUntil?: number })
  | (Asked & { at: 'relaying'; from: string; hops: string[]; answerUntil: number })
  /** `ttl`: it came to nothing here, and a copy that may go further is another question. `told`: whom the target has answered. */
  | { at: 'over'; qid: string; target: string; until: number; ttl?: number; told?: string[] }

/** Two searches of one name are one. */
export const questName = ({ target, without }: Pick<Quest, 'target' | 'without'>): string =>
  [target, ...without].join(' ')

/**
 * A PATH whose every signature holds: the route runs from the asker to the agent that answered.
 * `kept`: the card we hold for this address, where it is another key's.
 */
export type Path = { record: PathRecord; known: Known; card: string; kept?: string; message: PathMessage }
