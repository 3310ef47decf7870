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
 * Work that is one statement needs no savepoint, for a statement undoes itself, and if it has no company no
 * transaction either: the statement is one. Nor does what is read before: nobody else writes meanwhile. After all
 * other work the next transaction is begun with the commit: until its first statement it holds no lock and sees no
 * snapshot.
 */
import { EventEmitter } from 'node:events'
import { dirname, join } from 'node:path'
import type { Change } from './change.ts'
import { Closed, type Db, type Drawn, type Keeping, type Reader, type Seen, type Tx } from './db.ts'
import { type Connection, openSqlite } from './engine/sqlite.ts'
import { freshBodies } from './fresh.ts'
import { migrate } from './migrate.ts'
import { readerOf, Span, txOf } from './span.ts'

/** A commit takes in no more after so many, or so long: the first of them waits for it. */
const GROUP_MAX = 256
const GROUP_MS = 20

type Job = { run(tx: Tx): Promise<unknown>; resolve(value: unknown): void; reject(error: unknown): void }
type Ran = { job: Job; value: unknown; effects: (() => void)[] }
/** Who shares a commit. `isDone`: it is on the disk already. */
type Group = { ran: Ran[]; hasSavepoint: boolean; isDone: boolean; isSmall: boolean }

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
  readonly seen: Seen = {
    mailboxes: new Map(),
    accounts: new Map(),
    forget() {
      this.mailboxes.clear()
      this.accounts.clear()
    },
  }
  readonly writer: Connection
  private readonly reader: Connection
  readonly drawn: Record<Drawn, number>
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
    if (this.closing) return Promise.reject(new Closed('the store is closed'))
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
    const span = new Span(this.writer, () => this.enter(group))
    try {
      const value = await job.run(txOf(span, this))
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
    if (!one) return span.send()
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
}

const succeeds = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  )
