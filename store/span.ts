/**
 * One piece of work inside a commit (commit.ts): what it may call while it runs, and what it has written so far.
 *
 *   insertMany, updateMany, later ─> unsent ──something is read, 1 MiB, or the work ends──> sent, in one trip
 *
 * A statement is a trip to a thread, and on a busy gateway each waits for the main thread to come round.
 */
import type { EventEmitter } from 'node:events'
import type { Change } from './change.ts'
import type { Db, Drawn, Reader, Seen, Tx } from './db.ts'
import { inserts, type Statement, sizeOf, updates } from './engine/bulk.ts'
import type { Connection, Param } from './engine/sqlite.ts'

/** Company saves a trip, of some 0.2 ms; it is not worth holding many letters in memory once more. */
const UNSENT_BYTES = 1 << 20

/** What all work of a database shares. */
type Shared = Pick<Db, 'changes' | 'blobDir' | 'fresh' | 'keeping'> & {
  writer: Connection
  drawn: Record<Drawn, number>
  seen: Seen
}

export class Span {
  isOver = false
  error: unknown
  readonly effects: (() => void)[] = []
  /** Writes that wait for company. */
  unsent: Statement[] = []
  unsentBytes = 0
  /** Once what has to be said before its first statement is. */
  entered: Promise<void> | undefined
  private readonly writer: Connection
  private readonly enter: () => Promise<void>

  constructor(writer: Connection, enter: () => Promise<void>) {
    this.writer = writer
    this.enter = enter
  }

  async send(): Promise<void> {
    const { unsent } = this
    this.unsent = []
    this.unsentBytes = 0
    this.entered ??= this.enter()
    await this.entered
    if (unsent.length > 0) await this.writer.write(unsent)
  }
}

/** What the work of a span may call. */
export const txOf = (span: Span, { writer, changes, drawn, blobDir, fresh, keeping, seen }: Shared): Tx => {
  const failed = (error: unknown): never => {
    span.error ??= error
    throw error
  }
  const live = <Args extends unknown[], Result>(work: (...args: Args) => Promise<Result>) => {
    return async (...args: Args): Promise<Result> => {
      // A statement that comes too late would join somebody else's transaction; one after a
      // failure may be outside of any, and PostgreSQL would not take it either.
      if (span.isOver) throw new Error('this transaction is over: something in it was not awaited')
      if (span.error !== undefined) throw span.error
      return work(...args).catch(failed)
    }
  }
  const sent = <Args extends unknown[], Result>(work: (...args: Args) => Promise<Result>) =>
    live((...args: Args) =>
      span.entered && span.unsent.length === 0
        ? span.entered.then(() => work(...args))
        : span.send().then(() => work(...args)),
    )
  // Before anything is written. An UPDATE that returns rows is no reading.
  const asked = <Args extends unknown[], Result>(work: (sql: string, ...args: Args) => Promise<Result>) => {
    const later = sent(work)
    const now = live(work)
    return (sql: string, ...args: Args): Promise<Result> =>
      !span.entered && span.unsent.length === 0 && sql.startsWith('SELECT') ? now(sql, ...args) : later(sql, ...args)
  }
  const gather = live(async (statements: Iterable<Statement>) => {
    for (const statement of statements) {
      span.unsent.push(statement)
      span.unsentBytes += sizeOf(statement.params)
      if (span.unsentBytes > UNSENT_BYTES) await span.send()
    }
  })
  const read = readerOf({
    all: asked(writer.all) as Connection['all'],
    range: asked(writer.range) as Connection['range'],
    blobs: asked(writer.blobs),
    texts: asked(writer.texts) as Connection['texts'],
  })
  const { all, one, range, blobs, texts } = read
  // Not `...read`: an object that begins with a spread grows by each of the others, 1 µs becomes 11.
  const tx: Tx = {
    all,
    one,
    range,
    blobs,
    texts,
    read,
    blobDir,
    fresh,
    keeping,
    seen,
    run: sent(writer.run),
    later: (sql, params) => gather([{ sql, params }]),
    insertMany: (...rows) => gather(inserts(...rows)),
    updateMany: (...rows) => gather(updates(...rows)),
    draw(table, count) {
      const first = drawn[table] + 1
      drawn[table] += count
      return first
    },
    publish: (change) => void span.effects.push(() => emitToEach(changes, change)),
    afterCommit: (then) => void span.effects.push(() => guarded(then)),
    transaction: (part) => part(tx).catch(failed),
  }
  return tx
}

export const readerOf = ({
  all,
  range,
  blobs,
  texts,
}: Pick<Connection, 'all' | 'range' | 'blobs' | 'texts'>): Reader => ({
  all,
  range,
  blobs,
  texts,
  one: async <T>(sql: string, params?: readonly Param[]) => (await all<T>(sql, params))[0],
})

/** A listener's bug is its own: the commit stands, and the other listeners and the writer must hear of it. */
const emitToEach = (changes: EventEmitter<{ change: [Change] }>, change: Change): void => {
  for (const listener of changes.rawListeners('change')) guarded(() => listener(change))
}

const guarded = (then: () => void): void => {
  try {
    then()
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : new Error(String(error)))
  }
}
