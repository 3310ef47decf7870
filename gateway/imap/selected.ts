/**
 * The mailbox a session has selected: its view, kept up to date by the store's changes, told to the client at the
 * moments IMAP allows. RFC 3501 §5.2, §7.3, §7.4.1.
 */
import type { Change } from '../../store/change.ts'
import { type Mailbox, takeRecent } from '../../store/mailbox.ts'
import { view as loadView } from '../../store/message.ts'
import type { Edge } from './edge.ts'
import type { Output } from './output.ts'
import { type Notice, View } from './view.ts'
import type { Range } from './wire/sequence.ts'
import { flagBits, flagList } from './wire/writer.ts'

/** Clients show these as tags; a mailbox with thousands of them has another trouble. */
const KEYWORDS_MAX = 200

export class Selected {
  readonly mailbox: Mailbox
  readonly isReadOnly: boolean
  readonly view: View
  /** Called when there is something to tell; IDLE listens. */
  onNews: () => void = () => {}
  isDeleted = false
  /** The uids of `$`, ascending and apart. Those that are gone mean nobody. RFC 5182 §2.1. */
  saved: Range[] = []
  /** New messages were shown, so that they are recent to nobody after this session. */
  private hasShownNew = false
  private readonly saidKeywords = new Set<string>()
  private stopHearing: () => void = () => {}

  private constructor(mailbox: Mailbox, isReadOnly: boolean, view: View) {
    this.mailbox = mailbox
    this.isReadOnly = isReadOnly
    this.view = view
  }

  /** Hears first and loads then, so that nothing falls between; what is heard twice is harmless (view.ts). */
  static async open({ store, watch }: Edge, mailbox: Mailbox, isReadOnly: boolean): Promise<Selected> {
    const early: Change[] = []
    const stopHearing = watch.mailbox(mailbox.id, (change) => void early.push(change))
    try {
      const messages = await loadView(store.db, mailbox.id)
      const selected = new Selected(mailbox, isReadOnly, new View(messages, mailbox.recentFrom))
      for (const change of early) selected.hear(change)
      selected.view.flush(true) // the client is told the numbers as they are now
      selected.stopHearing = watch.mailbox(mailbox.id, (change) => selected.hear(change))
      return selected
    } finally {
      stopHearing()
    }
  }

  close({ store, log }: Edge): void {
    this.stopHearing()
    this.onNews = () => {}
    if (!this.hasShownNew || this.isReadOnly || this.isDeleted) return
    takeRecent(store.db, this.mailbox.id).catch((error) => log.warn({ event: 'fault', err: error }, 'recent messages'))
  }

  /** The line of flags and keywords in use. RFC 3501 §7.2.6. */
  flagsLine(): string {
    for (const keyword of this.view.keywords()) this.saidKeywords.add(keyword)
    const keywords = [...this.saidKeywords].slice(0, KEYWORDS_MAX)
    return `* FLAGS (${[...Object.keys(flagBits), ...keywords].join(' ')})`
  }

  /** Writes what the client does not know yet. */
  tellNews(output: Output, canExpunge: boolean): void {
    if (!this.view.hasNews(canExpunge)) return
    const notices = this.view.flush(canExpunge)
    if (notices.some((notice) => notice.say === 'flags' && this.hasNewKeyword(notice.row.keywords)))
      output.line(this.flagsLine())
    for (const notice of notices) output.line(noticeLine(notice))
    this.hasShownNew ||= notices.some((notice) => notice.say === 'recent')
  }

  hasNewKeyword(keywords: string): boolean {
    return keywords !== '' && keywords.split(' ').some((keyword) => !this.saidKeywords.has(keyword))
  }

  private hear(change: Change): void {
    switch (change.on) {
      case 'added':
        this.view.added(change.messages)
        break
      case 'flagged':
        this.view.flagged(change.messages)
        break
      case 'expunged':
        this.view.expunged(change.uids)
        break
      case 'mailbox':
        this.isDeleted ||= change.what === 'deleted'
    }
    this.onNews()
  }
}

const noticeLine = (notice: Notice): string => {
  switch (notice.say) {
    case 'expunge':
      return `* ${notice.seq} EXPUNGE`
    case 'exists':
      return `* ${notice.count} EXISTS`
    case 'recent':
      return `* ${notice.count} RECENT`
    case 'flags': {
      const { uid, flags, keywords, isRecent } = notice.row
      return `* ${notice.seq} FETCH (UID ${uid} FLAGS ${flagList(flags, keywords, isRecent)})`
    }
  }
}
