/**
 * The store's changes, handed to the sessions that look at the mailbox they are about, to all in the same moment.
 *
 * So views of one mailbox can share their rows: ten thousand that idle in a hundred mailboxes hold those of a hundred.
 */
import type { Change } from '../../../store/change.ts'
import type { Db } from '../../../store/db.ts'
import { Resting } from './resting.ts'
import type { View } from './view.ts'

type Hear = (change: Change) => void
export type Hearer = { hear(change: Change): void; readonly view?: View }

export class Watch {
  private readonly hearers = new Map<number, Set<Hearer>>()
  private readonly ofAccounts = new Map<number, Set<Hear>>()
  private readonly resting = new Resting()
  private readonly changes: Db['changes']
  private readonly onChange = (change: Change): void => {
    for (const hear of this.ofAccounts.get(change.account) ?? []) hear(change)
    const hearers = this.hearers.get(change.mailbox)
    if (!hearers && !this.resting.of(change.mailbox)) return
    // Rows of their own: others hear the change as well, and views write into theirs.
    const own = change.on === 'added' ? { ...change, messages: change.messages.map((row) => ({ ...row })) } : change
    this.resting.hear(own)
    for (const hearer of hearers ?? []) hearer.hear(own)
  }

  constructor(changes: Db['changes']) {
    this.changes = changes
    changes.on('change', this.onChange)
  }

  /** @returns how to stop hearing */
  mailbox(id: number, hearer: Hearer): () => void {
    const hearers = this.hearers.get(id) ?? new Set()
    this.hearers.set(id, hearers.add(hearer))
    if (hearer.view) this.resting.forget(id) // from here on there is one that is seen
    return () => {
      hearers.delete(hearer)
      if (hearer.view && !this.view(id)) this.resting.keep(id, hearer.view)
      if (hearers.size === 0) this.hearers.delete(id)
    }
  }

  /** Everything in the mailboxes of an account. @returns how to stop hearing */
  account(id: number, hear: Hear): () => void {
    const hearers = this.ofAccounts.get(id) ?? new Set()
    this.ofAccounts.set(id, hearers.add(hear))
    return () => {
      hearers.delete(hear)
      if (hearers.size === 0) this.ofAccounts.delete(id)
    }
  }

  /** One that is open of this mailbox, or was lately. */
  view(id: number): View | undefined {
    for (const { view } of this.hearers.get(id) ?? []) if (view) return view
    return this.resting.of(id)
  }

  close(): void {
    this.resting.clear()
    this.changes.off('change', this.onChange)
  }
}
