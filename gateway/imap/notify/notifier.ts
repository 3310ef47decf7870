/**
 * What a session is told of mailboxes that it has not selected. RFC 5465 §5.
 *
 *   a message comes, goes, is flagged --> STATUS of its mailbox, once for all that came together
 *   something is noted of one, or of the account (METADATA) --> METADATA with the names of the entries
 *   a mailbox is made, renamed, deleted, (un)subscribed --> LIST
 *
 * An event is told if any group that the mailbox belongs to names it (§6). What is kept is the names of the account's
 * mailboxes, which of them are to be told of, and lines that wait for a client that does not read. If those become too
 * many, it is told that, and nothing more, as after NOTIFY NONE (§5.8).
 */
import type { Change } from '../../../store/change.ts'
import { list, type Mailbox, statuses } from '../../../store/mailbox.ts'
import type { Session } from '../command.ts'
import type { Edge } from '../edge.ts'
import { isMeant } from '../mailbox/filter.ts'
import { parentsOf } from '../mailbox/listing.ts'
import { statusLine } from '../mailbox/status-item.ts'
import { entryName, mailboxName } from '../wire/writer.ts'
import type { Event, Wanted } from './args.ts'

type Named = Pick<Mailbox, 'id' | 'name' | 'subscribed'>
/** By the mailbox. A change does not name them. */
type Uses = ReadonlyMap<number, string | null>
/** What lines tell of mailboxes as they are when they are told; `parents` by name. */
type Around = { uses: Uses; parents: ReadonlySet<string> }
/** Some thousand names of mailboxes, as when a large branch is renamed at once; a client that has read as much is well. */
const WAITING_MAX_BYTES = 1 << 20
/** Of a line beside its names. */
const LINE_BYTES = 100

const events = { added: 'MessageNew', expunged: 'MessageExpunge', flagged: 'FlagChange' } as const

export class Notifier {
  wanted: Wanted
  private readonly edge: Edge
  private readonly account: number
  private readonly boxes = new Map<number, Named>()
  private readonly dirty = new Set<number>()
  /** What is told at first is to tell modseqs even to who did not enable them, if flags matter. RFC 5465 §3.1. */
  private tellsAll = false
  private lines: ((isUtf8: boolean, around: Around) => string)[] = []
  private waitingBytes = 0
  private stopHearing: () => void = () => {}
  /** The mailbox of the session, which its view tells of. */
  private readonly selected: () => number | undefined
  private readonly onNews: () => void

  constructor(edge: Edge, account: number, wanted: Wanted, selected: () => number | undefined, onNews: () => void) {
    this.edge = edge
    this.account = account
    this.wanted = wanted
    this.selected = selected
    this.onNews = onNews
  }

  /** Hears first and loads then. */
  async open(): Promise<void> {
    if (this.wanted.groups.length === 0) return
    this.stopHearing = this.edge.watch.account(this.account, (change) => this.hear(change))
    for (const { id, name, subscribed } of await list(this.edge.store.db, this.account)) {
      if (!this.boxes.has(id)) this.boxes.set(id, { id, name, subscribed })
    }
    if (!this.wanted.tellsStatus) return
    this.tellsAll = this.wanted.groups.some(({ events }) => events.has('FlagChange'))
    for (const [id, box] of this.boxes) if (this.wants(box, 'MessageNew')) this.dirty.add(id)
  }

  close(): void {
    this.stopHearing()
  }

  /** What is to be told now, as lines. */
  async take({ isUtf8, enabled }: Pick<Session, 'isUtf8' | 'enabled'>): Promise<string[]> {
    const uses = await this.uses()
    const parents = parentsOf(this.lines.length > 0 ? [...this.boxes.values()].map(({ name }) => name) : [])
    const lines = this.lines.map((line) => line(isUtf8, { uses, parents }))
    const ids = [...this.dirty].filter((id) => id !== this.selected())
    this.lines = []
    this.waitingBytes = 0
    this.dirty.clear()
    if (ids.length === 0) return lines
    const modseq = enabled.has('CONDSTORE') || this.tellsAll ? ['HIGHESTMODSEQ'] : []
    const items = ['MESSAGES', 'UIDNEXT', 'UIDVALIDITY', 'UNSEEN', ...modseq]
    this.tellsAll = false
    for (const state of await statuses(this.edge.store.db, ids)) {
      const name = this.boxes.get(state.id)?.name
      if (name === undefined) continue // deleted meanwhile
      lines.push(statusLine(mailboxName(name, isUtf8), items, state, this.edge.config.appendLimit))
    }
    return lines
  }

  private async uses(): Promise<Uses> {
    if (this.lines.length === 0) return new Map()
    return new Map((await this.edge.folders.of(this.account)).map(({ id, specialUse }) => [id, specialUse]))
  }

  get hasNews(): boolean {
    return this.lines.length > 0 || this.dirty.size > 0
  }

  private hear(change: Change): void {
    if (change.on === 'mailbox') this.hearName(change)
    else if (change.on === 'annotated') this.hearNoted(change)
    else if (change.on !== 'password') {
      const box = this.boxes.get(change.mailbox)
      if (!box || change.mailbox === this.selected() || !this.wants(box, events[change.on])) return
      this.dirty.add(change.mailbox)
    }
    if (this.hasNews) this.onNews()
  }

  private hearName({ what, mailbox: id, name }: Change & { on: 'mailbox' }): void {
    const isLost = id === 0 // only the name was left, subscribed
    const old = isLost ? { id, name, subscribed: true } : this.boxes.get(id)
    const box = {
      id,
      name,
      subscribed: what === 'subscribed' || (what !== 'unsubscribed' && (old?.subscribed ?? true)),
    }
    if (what === 'deleted') this.boxes.delete(id)
    else if (!isLost) this.boxes.set(id, box)
    const isSubscription = what === 'subscribed' || what === 'unsubscribed'
    const event = isSubscription ? 'SubscriptionChange' : 'MailboxName'
    if (what === 'created' || what === 'deleted') this.hearOfChild(name)
    if (!this.wants(box, event) && !(old && this.wants(old, event))) return
    this.keep(name.length + (old?.name.length ?? 0), (isUtf8, around) => {
      const was = what === 'renamed' && old ? ` ("OLDNAME" (${mailboxName(old.name, isUtf8)}))` : ''
      const attributes = what === 'deleted' || isLost ? '\\NonExistent' : attributesOf(box, around)
      return `${listLine(box, attributes, isUtf8)}${was}`
    })
  }

  /** Its parent got a first child, perhaps, or lost the last one, which is told as well. RFC 5465 §5.4. */
  private hearOfChild(name: string): void {
    const top = name.slice(0, name.lastIndexOf('/') + 1)
    const boxes = [...this.boxes.values()]
    const parent = boxes.find((box) => `${box.name}/` === top)
    if (!parent || !this.wants(parent, 'MailboxName')) return
    if (boxes.some((box) => box.name.startsWith(top) && box.name !== name)) return
    this.keep(parent.name.length, (isUtf8, around) => listLine(parent, attributesOf(parent, around), isUtf8))
  }

  /** Names only: whoever wants the values asks. What is noted of the account belongs to no mailbox, so to every group. */
  private hearNoted({ mailbox, names }: Change & { on: 'annotated' }): void {
    const box = this.boxes.get(mailbox)
    const isWanted = box
      ? this.wants(box, 'MailboxMetadataChange')
      : mailbox === 0 && this.wanted.groups.some(({ events }) => events.has('ServerMetadataChange'))
    if (!isWanted) return
    const entries = names.map(entryName).join(' ')
    this.keep(entries.length, (isUtf8) => `* METADATA ${mailboxName(box?.name ?? '', isUtf8)} ${entries}`)
  }

  private keep(bytes: number, line: (isUtf8: boolean, around: Around) => string): void {
    this.lines.push(line)
    this.waitingBytes += LINE_BYTES + bytes
    if (this.waitingBytes < WAITING_MAX_BYTES) return
    this.close()
    this.wanted = { tellsStatus: false, groups: [] }
    this.dirty.clear()
    this.lines = [() => '* OK [NOTIFICATIONOVERFLOW] Too much happened at once: ask NOTIFY again']
  }

  private wants(box: Named, event: Event): boolean {
    return this.wanted.groups.some(({ filter, events }) => events.has(event) && isMeant(filter, box, undefined))
  }
}

/** All that LIST would tell: RFC 5465 §5.4, §5.5. */
const attributesOf = ({ id, name, subscribed }: Named, { uses, parents }: Around): string => {
  const use = uses.get(id)
  return `\\Has${parents.has(name) ? '' : 'No'}Children${subscribed ? ' \\Subscribed' : ''}${use ? ` ${use}` : ''}`
}

const listLine = ({ name }: Named, attributes: string, isUtf8: boolean): string =>
  `* LIST (${attributes}) "/" ${mailboxName(name, isUtf8)}`
