/**
 * The folders of accounts, as they are listed: LIST and APPEND ask again and again for what hardly ever changes.
 *
 *   asked for --> kept --a folder made, renamed, removed, (un)subscribed--> forgotten
 *
 * A change is heard once it is committed, and before the client that made it is answered: whoever knows of it asks
 * anew. Who comes at the same moment may meet the folder of a moment ago, and the store refuses what is gone.
 */
import type { Change } from '../../../store/change.ts'
import type { Db } from '../../../store/db.ts'
import { canonicalName, list, type Mailbox } from '../../../store/mailbox.ts'

/** Without what changes with each message. */
export type Folder = Omit<Mailbox, 'uidNext' | 'highestModseq' | 'recentFrom'>

/** Some 3 kB each. */
const ACCOUNTS_MAX = 1000

export class Folders {
  private readonly kept = new Map<number, Promise<Folder[]>>()
  private readonly db: Db
  private readonly onChange = (change: Change): void => {
    if (change.on === 'mailbox') this.kept.delete(change.account)
  }

  constructor(db: Db) {
    this.db = db
    db.changes.on('change', this.onChange)
  }

  /** All of an account, by name in code point order. */
  of(account: number): Promise<readonly Folder[]> {
    const known = this.kept.get(account)
    if (known) return known
    const asked = list(this.db, account)
    if (this.kept.size >= ACCOUNTS_MAX) this.kept.clear()
    this.kept.set(account, asked)
    asked.catch(() => this.kept.delete(account))
    return asked
  }

  async find(account: number, name: string): Promise<Folder | undefined> {
    const canonical = canonicalName(name)
    return (await this.of(account)).find((folder) => folder.name === canonical)
  }

  close(): void {
    this.db.changes.off('change', this.onChange)
  }
}
