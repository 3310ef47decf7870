/**
 * What whoever reads and writes sees of the database: commit.ts opens it.
 */
import type { EventEmitter } from 'node:events'
import type { Change } from './change.ts'
import type { Cell, OnRepeat, Value } from './engine/bulk.ts'
import type { Connection, Param } from './engine/sqlite.ts'
import type { FreshBodies } from './fresh.ts'

export type Reader = Pick<Connection, 'all' | 'range' | 'blobs' | 'texts'> & {
  one<T>(sql: string, params?: readonly Param[]): Promise<T | undefined>
}

/** Where a store function reads (and, inside a transaction, sees what was written there so far). */
export type Source = { read: Reader; blobDir: string; fresh: FreshBodies }
/** Where a mailbox stands: numbering.ts; `vanishedAfter`: vanished.ts. */
export type Numbering = { account: number; uidNext: number; modseq: number; vanishedAfter: number }
/** How many bytes an account keeps, and its own limit: quota.ts. */
export type Keeping = { used: number; own: number | null }

/**
 * Where it writes. In a transaction `transaction` is a part of it: an error there undoes the whole.
 * `keeping` is by account, as last committed, of those with a change since the start: each message is asked about,
 * and a read of the database costs a tenth of what taking the message does.
 */
export type Sink = Source & {
  keeping: Map<number, Keeping>
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
}

export type Tx = Sink &
  Reader & {
    run(sql: string, params?: readonly Param[]): Promise<{ changes: number }>
    /** As `run`, with values named `?1`, `?2` …, in its turn: whoever awaits it may not have it yet, a read always has. */
    later(sql: string, params: readonly Value[]): Promise<void>
    /** This and `updateMany` as `later`. */
    insertMany(
      table: string,
      columns: readonly string[],
      rows: readonly (readonly Cell[])[],
      repeat?: OnRepeat,
    ): Promise<void>
    updateMany(
      table: string,
      key: string,
      columns: readonly string[],
      rows: readonly (readonly Cell[])[],
    ): Promise<void>
    /** The first of `count` fresh ids in a row. Drawn here and not by the engine, so that bulk writes need no answer. */
    draw(table: Drawn, count: number): number
    /** What has not to be read again. Whoever writes such a row in another way than those who read here forgets it. */
    seen: Seen
    publish(change: Change): void
    /** Runs once the work is on the disk, in the order of the commits. */
    afterCommit(then: () => void): void
  }

export type Db = Sink & {
  changes: EventEmitter<{ change: [Change] }>
  /** Keeps no pages in memory until they are asked for again. */
  rest(): Promise<void>
  close(): Promise<void>
}

/** It was closed before this work began: the gateway stops. */
export class Closed extends Error {
  override readonly name = 'Closed'
}

/** Rows as the transaction sees them, by id: what of them is not committed is forgotten with it. */
export type Seen = { mailboxes: Map<number, Numbering>; accounts: Map<number, Keeping>; forget(): void }

/** Tables whose ids are drawn. One process writes (lock.ts), so the counter can live in it. */
export type Drawn = 'body' | 'message'
