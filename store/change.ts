/**
 * What a committed transaction changed in the mailboxes, and whom it locked out of them.
 *
 * Published after the commit and in its order, before the one who wrote it goes on. IMAP sessions,
 * the web pages and the Junk listener all live on this one stream. A listener that also reads may
 * see a change in its rows before it hears of it: compare uid and modseq, and the repeat is harmless.
 */

/** RFC 9051 §2.3.2; \Recent is no flag of a message but of a session. */
export const flag = { seen: 1, answered: 2, flagged: 4, deleted: 8, draft: 16 } as const

/** A message as a mailbox lists it. `internalDate` is epoch ms, `keywords` as in keyword.ts. */
export type Row = {
  id: number
  uid: number
  modseq: number
  flags: number
  keywords: string
  internalDate: number
  size: number
}

export type Flagged = { uid: number; modseq: number; flags: number; keywords: string }

export type Change =
  /** `from` names the mailbox they were copied or moved from. */
  | { on: 'added'; mailbox: number; account: number; messages: Row[]; from?: number }
  /** `bits` are the flags that some message gained or lost; `isWorded`: some keyword was. */
  | { on: 'flagged'; mailbox: number; account: number; messages: Flagged[]; bits: number; isWorded: boolean }
  | { on: 'expunged'; mailbox: number; account: number; uids: number[]; modseq: number }
  /** Noted of the mailbox; of the account itself where that is 0. `names` are of entries (annotation.ts). */
  | { on: 'annotated'; mailbox: number; account: number; names: string[] }
  /** `name` is the new one of a renamed mailbox, the last one of a deleted; `mailbox` 0: only its subscription was left. */
  | {
      on: 'mailbox'
      account: number
      what: 'created' | 'renamed' | 'deleted' | 'subscribed' | 'unsubscribed'
      mailbox: number
      name: string
    }
  /** A password is no more: removed, replaced, or gone with its account. It belongs to no mailbox. */
  | { on: 'password'; mailbox: 0; account: number; id: number }
