/**
 * The store's changes, handed to the sessions that look at the mailbox they are about.
 */
import type { Change } from '../../store/change.ts'
import type { Db } from '../../store/db.ts'

export type Hear = (change: Change) => void

export class Watch {
  private readonly hearers = new Map<number, Set<Hear>>()
  private readonly changes: Db['changes']
  private readonly onChange = (change: Change): void => {
    for (const hear of this.hearers.get(change.mailbox) ?? []) hear(change)
  }

  constructor(changes: Db['changes']) {
    this.changes = changes
    changes.on('change', this.onChange)
  }

  /** @returns how to stop hearing */
  mailbox(id: number, hear: Hear): () => void {
    const hearers = this.hearers.get(id) ?? new Set()
    this.hearers.set(id, hearers.add(hear))
    return () => {
      hearers.delete(hear)
      if (hearers.size === 0) this.hearers.delete(id)
    }
  }

  close(): void {
    this.changes.off('change', this.onChange)
  }
}
