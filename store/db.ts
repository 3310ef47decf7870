/**
 * The database: reads on one connection, writes on another, and group commit between them.
 *
 *   transaction(a) ─┐
 *   transaction(b) ─┼─> a  b  c  COMMIT; BEGIN ─> changes published ─> a, b and c answered
 *   transaction(c) ─┘
 *
 * Whoever asks while others are being served joins their commit: one fsync serves all. Each runs alone, under a
 * savepoint of its own if any ran before it, so a failure takes back only its own work. What is answered
 * is on the disk; should the commit itself fail, all of them fail, and nothing was written.
 * Whatever waits for something else than the database does so before its transaction: all wait with it.
 *
 * A statement is a trip to a thread, and on a busy gateway each waits for the main thread to come round. So bulk writes
 * gather until something is read, or the work ends, and go in one. Work that is this one statement needs no savepoint,
 * for a statement undoes itself, and if it has no company no transaction either: the statement is one. Nor does what is
 * read before: nobody else writes meanwhile.
 * After all other work the next transaction is begun with the commit: until its first statement it holds no lock and
 * sees no snapshot.
 */
import { EventEmitter } from 'node:events'
import { dirname, join } from 'node:path'
import type { Change } from './change.ts'
import { type Cell, inserts, type OnRepeat, type Statement, sizeOf, updates, type Value } from './engine/bulk.ts'
import { type Connection, openSqlite, type Param, type Texts } from './engine/sqlite.ts'
import { type FreshBodies, freshBodies } from './fresh.ts'
import { migrate } from './migrate.ts'

export type Reader = {
  all<T>(sql: string, params?: readonly Param[]): Promise<T[]>
  one<T>(sql: string, params?: readonly Param[]): Promise<T | undefined>
  /** Many rows of numbers and texts at once, no bytes. */
  range<T>(sql: string, params?: readonly Param[]): Promise<T[]>
  /** Many rows `id, bytes`. */
  blobs(sql: string, params?: readonly Param[]): Promise<Map<number, Buffer>>
  /** Many rows of an id and texts under these names, none of them NULL. */
  texts<Name extends string>(sql: string, names: readonly Name[], params?: readonly Param[]): Promise<Texts<Name>>
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

/** Rows as the transaction sees them, by id: what of them is not committed is forgotten with it. */
export type Seen = { mailboxes: Map<number, Numbering>; accounts: Map<number, Keeping>; forget(): void }

/** Tables whose ids are drawn. One process writes (lock.ts), so the counter can live in it. */
type Drawn = 'body' | 'message'

/** A commit takes in no more after so many, or so long: the first of them waits for it. */
const GROUP_MAX = 256
const GROUP_MS = 20

/** Company saves a trip, of some 0.2 ms; it is not worth holding many letters in memory once more. */
const UNSENT_BYTES = 1 << 20

type Job = { run(tx: Tx): Promise<unknown>; resolve(value: unknown): void; reject(error: unknown): void }
type Ran = { job: Job; value: unknown; effects: (() => void)[] }
/** Who shares a commit. `isDone`: it is on the disk already. */
type Group = { ran: Ran[]; hasSavepoint: boolean; isDone: boolean; isSmall: boolean }
/**
 * What belongs to a job while it runs. `enter`: what has to be said before its first statement; `entered` once that is.
 * `unsent`: writes that wait for company.
 */
type Span = {
  isOver: boolean
  enter(): Promise<void>
  entered: Promise<void> | undefined
  error: unknown
  effects: (() => void)[]
  unsent: Statement[]
  unsentBytes: number
}

/** Opens the database, creating or migrating it as needed. Large bodies lie beside it in `blob/`. */
export const openDb = async (file: string): Promise<Db> => {
  const writer = await openSqlite(file, 'write')
  await migrate(writer)
  const reader = await openSqlite(file, 'read')
  const drawn = { body: await writer.lastId('body'), message: await writer.lastId('message') }
  return new GroupCommit(writer, reader, join(dirname(file), 'blob'), drawn)
}

class GroupCommit implements Db {
  readonly changes = new EventEmitter<{ change: [Change] }>()
  readonly read: Reader
  readonly blobDir: string
  readonly fresh = freshBodies()
  readonly keeping = new Map<number, Keeping>()
  private readonly seen: Seen = {
    mailboxes: new Map(),
    accounts: new Map(),
    forget() {
      this.mailboxes.clear()
      this.accounts.clear()
    },
  }
  private readonly writer: Connection
  private readonly reader: Connection
  private readonly drawn: Record<Drawn, number>
  private queue: Job[] = []
  private working: Promise<void> | null = null
  private isBegun = false
  private closing: Promise<void> | null = null

  constructor(writer: Connection, reader: Connection, blobDir: string, drawn: Record<Drawn, number>) {
    this.writer = writer
    this.reader = reader
    this.blobDir = blobDir
    this.drawn = drawn
    this.read = readerOf(reader)
    this.changes.setMaxListeners(0) // every IMAP session listens
  }

  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    if (this.closing) return Promise.reject(new Error('the store is closed'))
    return new Promise<T>((resolve, reject) => {
      this.queue.push({ run: work, resolve: resolve as (value: unknown) => void, reject })
      this.working ??= this.work()
    })
  }

  async rest(): Promise<void> {
    await Promise.all([this.reader.rest(), this.writer.rest()])
  }

  close(): Promise<void> {
    this.closing ??= this.end()
    return this.closing
  }

  private async end(): Promise<void> {
    await this.working
    await this.reader.close()
    await this.writer.close() // last: it puts the log back into the database
  }

  private async work(): Promise<void> {
    while (this.queue.length > 0) await this.group()
    this.working = null
  }

  /** One commit with all that wait, and those that come meanwhile. */
  private async group(): Promise<void> {
    const group: Group = { ran: [], hasSavepoint: false, isDone: false, isSmall: true }
    const { ran } = group
    const until = performance.now() + GROUP_MS
    let job: Job | undefined
    try {
      for (let taken = 0; taken < GROUP_MAX && (taken === 0 || performance.now() < until); taken++) {
        job = group.isDone ? undefined : this.queue.shift()
        if (!job) break
        const done = await this.runJob(job, group)
        if (done) ran.push(done)
        job = undefined
      }
      if (ran.length > 0 && this.isBegun) await this.commit(group) // and with it the last savepoint
    } catch (error) {
      // The engine gave up the whole transaction, or can't write it: nobody's work is on the disk.
      this.isBegun = false
      this.seen.forget()
      await this.writer.exec('ROLLBACK').catch(() => {})
      job?.reject(error)
      for (const each of ran) each.job.reject(error)
      return
    }
    for (const { job, value, effects } of ran) {
      for (const effect of effects) effect()
      job.resolve(value)
    }
  }

  /** What comes next is mostly like what came last. */
  private async commit({ ran, isSmall }: Group): Promise<void> {
    const isLast = isSmall && ran.length === 1
    await this.writer.exec(isLast ? 'COMMIT' : 'COMMIT; BEGIN')
    this.isBegun = !isLast
  }

  /** @returns undefined if the job failed and its work is undone; throws if that can't be done alone */
  private async runJob(job: Job, group: Group): Promise<Ran | undefined> {
    const span: Span = {
      isOver: false,
      enter: () => this.enter(group),
      entered: undefined,
      error: undefined,
      effects: [],
      unsent: [],
      unsentBytes: 0,
    }
    const tx = this.txFor(span)
    try {
      const value = await job.run(tx)
      // A part that failed has left half its writes, even if the error was caught.
      if (span.error !== undefined) throw span.error
      await this.finish(span, group)
      return { job, value, effects: span.effects }
    } catch (error) {
      this.seen.forget()
      await this.undo(span, group).catch(() => Promise.reject(error))
      job.reject(error)
      return undefined
    } finally {
      span.isOver = true
    }
  }

  private async begin(): Promise<void> {
    if (!this.isBegun) await this.writer.exec('BEGIN')
    this.isBegun = true
  }

  private async enter(group: Group): Promise<void> {
    group.isSmall = false
    await this.begin()
    if (group.ran.length === 0) return
    await this.writer.exec(group.hasSavepoint ? 'RELEASE job; SAVEPOINT job' : 'SAVEPOINT job')
    group.hasSavepoint = true
  }

  /** The writes that still wait at the end of a job. */
  private async finish(span: Span, group: Group): Promise<void> {
    if (span.unsent.length === 0) return
    const one = span.entered ? undefined : await this.writer.asOne(span.unsent)
    if (!one) return this.send(span)
    const isAlone = !this.isBegun && group.ran.length === 0 && this.queue.length === 0
    if (!isAlone) await this.begin()
    await this.writer.run(one.sql, one.params)
    group.isDone = isAlone
  }

  /** A full disk may have ended the whole transaction: then there is nothing to undo, and this throws. */
  private async undo({ entered }: Span, { hasSavepoint }: Group): Promise<void> {
    if (entered) return this.writer.exec(hasSavepoint ? 'ROLLBACK TO job' : 'ROLLBACK; BEGIN')
    const isLost = this.isBegun && (await succeeds(this.writer.exec('BEGIN'))) // it does not inside of one
    if (isLost) throw new Error('the transaction is gone')
  }

  private async send(span: Span): Promise<void> {
    const { unsent } = span
    span.unsent = []
    span.unsentBytes = 0
    span.entered ??= span.enter()
    await span.entered
    if (unsent.length > 0) await this.writer.write(unsent)
  }

  private txFor(span: Span): Tx {
    const { writer, changes, drawn, blobDir, fresh, keeping, seen } = this
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
          : this.send(span).then(() => work(...args)),
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
        if (span.unsentBytes > UNSENT_BYTES) await this.send(span)
      }
    })
    const read = readerOf({
      all: asked(writer.all) as Connection['all'],
      range: asked(writer.range) as Connection['range'],
      blobs: asked(writer.blobs),
      texts: asked(writer.texts) as Connection['texts'],
    })
    const tx: Tx = {
      ...read,
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
}

const readerOf = ({ all, range, blobs, texts }: Pick<Connection, 'all' | 'range' | 'blobs' | 'texts'>): Reader => ({
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

const succeeds = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  )

const guarded = (then: () => void): void => {
  try {
    then()
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : new Error(String(error)))
  }
}
