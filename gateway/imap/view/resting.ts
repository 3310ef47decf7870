/**
 * Mailboxes that nobody has selected any more, kept up to date for a while: webmail selects anew for each page, and phones
 * come by every few minutes. What the last session had of one is what the next begins with.
 *
 *   the last session leaves --> resting --SELECT--> that session's own
 *   resting --nobody leaves any mailbox for REST_MS, too many rows, deleted--> forgotten
 */
import type { Change } from '../../../store/change.ts'
import type { View } from './view.ts'

/** Of all resting mailboxes: a row takes some 100 bytes, and reading it again a microsecond. */
const ROWS_MAX = 200_000
const REST_MS = 300_000

export class Resting {
  /** By the mailbox, the longest at rest first: a Map iterates as inserted. */
  private readonly kept = new Map<number, { view: View; rows: number }>()
  private rows = 0
  private readonly rest: NodeJS.Timeout
  private readonly rowsMax: number

  constructor(rowsMax = ROWS_MAX, restMs = REST_MS) {
    this.rowsMax = rowsMax
    this.rest = setTimeout(() => this.clear(), restMs).unref()
  }

  of(mailbox: number): View | undefined {
    return this.kept.get(mailbox)?.view
  }

  keep(mailbox: number, view: View): void {
    this.rest.refresh()
    this.forget(mailbox)
    this.kept.set(mailbox, { view, rows: view.count })
    this.rows += view.count
    for (const longest of this.kept.keys()) {
      if (this.rows <= this.rowsMax) return
      this.forget(longest)
    }
  }

  hear(change: Change): void {
    if (change.on === 'mailbox' && change.what === 'deleted') this.forget(change.mailbox)
    else this.of(change.mailbox)?.hear(change)
  }

  forget(mailbox: number): void {
    this.rows -= this.kept.get(mailbox)?.rows ?? 0
    this.kept.delete(mailbox)
  }

  clear(): void {
    clearTimeout(this.rest)
    this.kept.clear()
    this.rows = 0
  }
}
