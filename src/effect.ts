/**
 * What a decision wants done, once its changes are durable. Effects run at least once: after a
 * crash the engine raises `due` for every envelope not done, and the decision asks again.
 * `tell` and `answer` are the exception: searches are memory only, and the asker asks anew.
 */
import type { Stated } from './credit/books.ts'
import { Refusal, type RefusalCode } from './refusal.ts'
import type { Change } from './state.ts'
import type { Message, PathMessage, RerrRecord } from './wire/record.ts'

export type Effect =
  /** Seal a spooled message for its recipient; ends in the event `sealed` or `unsealable`. */
  | { do: 'seal'; key: string }
  /** Stamp and hand over; ends in `accepted`, `rejected` or `unreachable`. */
  | { do: 'hand'; key: string; to: string }
  /** Give what is for somebody here to the server that keeps their mail; ends in `lodged`. */
  | { do: 'lodge'; key: string }
  /** The same with a letter of ours; ends in `posted`. */
  | { do: 'post'; id: string }
  /** What was held for somebody here is delivered now; ends in `released`. */
  | { do: 'release'; key: string }
  /** Send the neighbour what it is owed; ends in `acknowledged`, or is tried again. */
  | { do: 'settle'; to: string }
  /** Sign what we are owed and tell the neighbour; lost, it comes with the next. */
  | { do: 'state'; to: string; stated: Stated }
  /**
   * Search for an entity or address, not over the neighbours in `without`; the engine draws the query's
   * seed. `isAgain`: one that came to nothing before, and may wait for a quiet moment.
   */
  | { do: 'search'; target: string; without?: string[]; isAgain?: true }
  | { do: 'searched'; target: string; result: 'found' | 'unknown' | 'undecided' }
  /** Raise `due` for every envelope that waits for this; `who:` alone: for every one that waits for a path. */
  | { do: 'wake'; awaits: string; most?: number }
  /** Raise `seek` for so many of those that wait for a path. */
  | { do: 'seek'; most: number }
  /** Raise `ring` at this time. */
  | { do: 'ring'; qid: string; at: number }
  | { do: 'tell'; to: string; message: Message }
  /** Sign a PATH for an entity here and send it. */
  | { do: 'answer'; to: string; qid: string; target: string; entity: string; route: string[] }
  /** The same for somebody elsewhere, by the way under `key` and the signatures kept with it. */
  | { do: 'recall'; to: string; qid: string; target: string; key: string; route: string[] }
  /** Sign a PATH as one of its hops and send it on. */
  | { do: 'pass'; to: string; message: PathMessage }
  /** Sign a RERR and send it. */
  | { do: 'rerr'; to: string; record: Omit<RerrRecord, 'at'> }
  /** Find out who was silent about an envelope handed to `by`, from the receipts shown; may end in `silent`. */
  | { do: 'blame'; key: string; by: string }
  /** Write a PAIR letter, the answer to one, as an entity here to an address at this agent. */
  | { do: 'pair'; as: string; to: string; agent: string }
  /** Sign our own reachability for this neighbour and send it. */
  | { do: 'announce'; to: string }
  /** Ask a neighbour where `agent` is, showing the last announcement that was made for us. */
  | { do: 'where'; to: string; agent: string; pass: string }
  /** Ask directories where a neighbour is; what they know ends in `announced`. */
  | { do: 'look-up'; agent: string }
  /** The addresses of neighbours are others than before: dial there. */
  | { do: 'redial' }
  /** Two have become neighbours, perhaps again: what they shared before need not fit any more. */
  | { do: 'paired'; agent: string }
  /** LINK1 found something about a neighbour: log and metric. */
  | { do: 'alert'; agent: string; what: string; detail: string }
  /** One line of an envelope's life, for the log; `warn`: somebody should look at it. */
  | {
      do: 'log'
      event: string
      level?: 'warn'
      key?: string
      messageId?: string
      /** Neighbours, or other agents. */
      from?: string
      to?: string
      /** An address. */
      recipient?: string
      detail?: string
    }

/** What the one who raised the event is told, after the commit. */
export type Answer =
  | { say: 'done' }
  /** Custody was taken, or had been before: a receipt is signed for the very chain that was shown. */
  | { say: 'accepted'; at: number }
  | { say: 'refused'; code: RefusalCode; detail: string }

export type Step = { changes: Change[]; effects: Effect[]; answer?: Answer }

/** Steps that change nothing: without a word, with one, or because of a no. */
export const nothing: Step = { changes: [], effects: [] }
export const done: Step = { ...nothing, answer: { say: 'done' } }
export const refuse = (code: RefusalCode, detail: string): Step => ({
  ...nothing,
  answer: { say: 'refused', code, detail },
})

/** @throws Refusal, if that is the answer */
export const unlessRefused = (answer: Answer): Exclude<Answer, { say: 'refused' }> => {
  if (answer.say === 'refused') throw new Refusal(answer.code, answer.detail)
  return answer
}
