/**
 * Expunged messages, cleared away once no session shows them any more (store/leaving.ts).
 *
 * A rest after an expunge, everything left is cleared but what a session still shows; that is asked for again after
 * a longer one, and so is what met a fault. Sessions are told at their next command, those in IDLE at once.
 */
import type { Change } from '../../../store/change.ts'
import type { Db } from '../../../store/db.ts'
import { clearLeft } from '../../../store/leaving.ts'
import type { Log } from '../../log.ts'

/**
 * Times the first rest. A session that is silent for half an hour is closed (gateway/imap/edge.ts): so long it may
 * take.
 */
const AGAIN = 30

export class Leaving {
  private readonly db: Db
  private readonly log: Log
  private readonly shown: () => number[]
  private readonly restMs: number
  private timer: NodeJS.Timeout | undefined
  private clearing: Promise<void> = Promise.resolve()
  private isClosed = false
  private readonly onChange = (change: Change): void => {
    if (change.on === 'expunged') this.later(this.restMs)
  }

  /** @param shown ids of messages that are gone, and that a session shows */
  constructor(db: Db, log: Log, restMs: number, shown: () => number[]) {
    this.db = db
    this.log = log
    this.restMs = restMs
    this.shown = shown
    db.changes.on('change', this.onChange)
  }

  /** What is left then is cleared at the next start. */
  async close(): Promise<void> {
    this.isClosed = true
    this.db.changes.off('change', this.onChange)
    clearTimeout(this.timer)
    await this.clearing
  }

  private later(ms: number): void {
    if (this.isClosed) return
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      this.clearing = this.clear()
    }, ms).unref()
  }

  private async clear(): Promise<void> {
    let shown: number[] = []
    const look = () => {
      shown = this.shown()
      return shown
    }
    const isClear = await clearLeft(this.db, look).then(
      () => shown.length === 0,
      (error: unknown) => {
        this.log.warn({ event: 'fault', err: error }, 'expunged messages were not cleared away; it is tried again')
        return false
      },
    )
    if (!isClear) this.later(AGAIN * this.restMs)
  }
}
