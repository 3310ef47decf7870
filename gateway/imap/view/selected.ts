/**
 * The mailbox a session has selected: its view, kept up to date by the store's changes, told to the client at the
 * moments IMAP allows. RFC 3501 §5.2, §7.3, §7.4.1.
 */
import type { Change } from '../../../store/change.ts'
import { byId, type Mailbox, takeRecent } from '../../../store/mailbox.ts'
import { view as loadView } from '../../../store/message.ts'
import type { Range } from '../../../store/range.ts'
import type { Code } from '../code.ts'
import type { Edge } from '../edge.ts'
import type { Extension } from '../extension.ts'
import { missing } from '../mailbox/reply.ts'
import type { Output } from '../output.ts'
import { Declined } from '../reply.ts'
import { formatSet } from '../wire/sequence.ts'
import { flagBits, flagList } from '../wire/writer.ts'
import { Contexts } from './contexts.ts'
import type { Numbered, Row } from './shown.ts'
import { type Extent, type Notice, View } from './view.ts'
import type { Hearer } from './watch.ts'

/** Clients show these as tags; a mailbox with thousands of them has another trouble. */
const KEYWORDS_MAX = 200

export class Selected implements Hearer {
  readonly mailbox: Mailbox
  readonly isReadOnly: boolean
  readonly view: View
  /** Searches that the client is kept told of. */
  readonly contexts: Contexts
  /** Called when there is something to tell; IDLE listens, or NOTIFY. */
  onNews: () => void = () => {}
  /** NOTIFY listens, at any time. */
  isPushed = false
  /** NOTIFY narrows it, in answers to commands, too. RFC 5465 §3.1. */
  extent: Extent = 'all'
  isDeleted = false
  /** The uids of `$`, ascending and apart. Those that are gone mean nobody. RFC 5182 §2.1. */
  saved: Range[] = []
  /** New messages were shown, so that they are recent to nobody after this session. */
  private hasShownNew = false
  private readonly saidKeywords = new Set<string>()
  private stopHearing: () => void = () => {}
  private readonly enabled: ReadonlySet<Extension>
  /** The highest the client was told in a FETCH since it was last told of expunges. */
  private saidModseq = 0
  /** CONDSTORE was enabled when the last command ended. */
  private knowsModseq: boolean

  private constructor(mailbox: Mailbox, isReadOnly: boolean, view: View, enabled: ReadonlySet<Extension>) {
    this.enabled = enabled
    this.knowsModseq = this.tellsModseq
    this.mailbox = mailbox
    this.isReadOnly = isReadOnly
    this.view = view
    this.contexts = new Contexts(view, enabled)
  }

  /**
   * Hears first and loads then, so that nothing falls between; what is heard twice is harmless (view.ts). Where another
   * session has the mailbox open, its rows are there already, and are shared.
   *
   * @throws Declined if another session deleted it before this one heard anything
   */
  static async open(
    { store, watch }: Pick<Edge, 'store' | 'watch'>,
    mailbox: Mailbox,
    isReadOnly: boolean,
    enabled: ReadonlySet<Extension>,
  ): Promise<Selected> {
    const early: Change[] = []
    const listener = { hear: (change: Change) => void early.push(change) }
    const stopHearing = watch.mailbox(mailbox.id, listener)
    try {
      if (!(await byId(store.db, mailbox.id))) throw new Declined(missing)
      const loaded = watch.view(mailbox.id) ? [] : await loadView(store.db, mailbox.id)
      const shared = watch.view(mailbox.id) // perhaps another session opened it meanwhile
      const { recentFrom, highestModseq } = mailbox
      const view = shared
        ? new View(shared.rows(), recentFrom, shared.modseq, shared.unseen)
        : new View(loaded, recentFrom, highestModseq)
      const selected = new Selected(mailbox, isReadOnly, view, enabled)
      for (const change of early) if (!shared || change.on === 'mailbox') selected.hear(change)
      selected.view.flush(true) // the client is told the numbers as they are now
      selected.stopHearing = watch.mailbox(mailbox.id, selected)
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

  /** The flags and keywords in use, and that all of them are kept: what is not in the second line is not. RFC 3501 §7.1, §7.2.6. */
  tellFlags(output: Output): void {
    for (const keyword of this.view.keywords()) this.saidKeywords.add(keyword)
    const flags = [...Object.keys(flagBits), ...[...this.saidKeywords].slice(0, KEYWORDS_MAX)]
    const permanent = this.isReadOnly ? [] : [...flags, '\\*']
    output.line(`* FLAGS (${flags.join(' ')})`)
    output.line(`* OK [PERMANENTFLAGS (${permanent.join(' ')})] Flags that are kept`)
  }

  /**
   * Writes what the client does not know yet, as far as it listens.
   *
   * @param canExpunge `must`: the client removed some itself, and is told whatever it listens to
   */
  tellNews(output: Output, canExpunge: boolean | 'must'): void {
    this.contexts.tellGone(output)
    const { extent } = this
    const expunges = canExpunge === 'must' || (canExpunge && extent !== 'nothing')
    if (!this.view.hasNews(expunges, extent)) return
    const notices = this.view.flush(expunges, extent)
    if (notices.some((notice) => notice.say === 'flags' && this.hasNewKeyword(notice.row.keywords)))
      this.tellFlags(output)
    if (this.tellsVanished) this.tellVanished(output, notices)
    for (const notice of notices) this.tellNotice(output, notice)
    this.hasShownNew ||= notices.some((notice) => notice.say === 'recent')
  }

  /**
   * What a client may take its mailbox to be in step with. While something is not told, EXPUNGE mostly, a FETCH may have
   * told a later change: then it must not think that it knows all up to that. RFC 7162 §3.2.5, erratum 1810 of RFC 5162.
   * And with the command that enabled CONDSTORE while the mailbox was selected: RFC 7162 §3.1.
   */
  tellModseq(output: Output): void {
    const { toldModseq } = this.view
    const isDue = !this.knowsModseq || this.saidModseq > toldModseq
    if (this.tellsModseq && isDue) output.line(`* OK [HIGHESTMODSEQ ${toldModseq}] So far`)
    this.knowsModseq = this.tellsModseq
    this.saidModseq = 0
  }

  get tellsModseq(): boolean {
    return this.enabled.has('CONDSTORE')
  }

  private get isUidOnly(): boolean {
    return this.enabled.has('UIDONLY')
  }

  /** In place of EXPUNGE, which has numbers. RFC 7162 §3.2.10, RFC 9586 §3.4. */
  private get tellsVanished(): boolean {
    return this.enabled.has('QRESYNC') || this.isUidOnly
  }

  /** The code that ends a command that expunged. RFC 7162 §3.2.7, §3.2.8; §3.1.2.1. */
  get modseqCode(): Code | undefined {
    return this.tellsModseq ? `HIGHESTMODSEQ ${this.view.modseqWithin(this.extent)}` : undefined
  }

  modseqItem(row: Row): string {
    this.saidModseq = Math.max(this.saidModseq, row.modseq)
    return `MODSEQ (${row.modseq})`
  }

  /** A FETCH of what changed: nobody asked, or STORE did. */
  changedLine(message: Numbered, says: { uid: boolean; flags: boolean }): string {
    const { row } = message
    const items = [
      ...((says.uid || this.enabled.has('QRESYNC')) && !this.isUidOnly ? [`UID ${row.uid}`] : []),
      ...(says.flags ? [`FLAGS ${flagList(row.flags, row.keywords, this.view.isRecent(row))}`] : []),
      ...(this.tellsModseq ? [this.modseqItem(row)] : []),
    ]
    return `${this.opening(message)} (${items.join(' ')})`
  }

  /** How what is told of a message begins. RFC 9586 §3.3. */
  opening({ seq, row }: Numbered): string {
    return this.isUidOnly ? `* ${row.uid} UIDFETCH` : `* ${seq} FETCH`
  }

  hasNewKeyword(keywords: string): boolean {
    return keywords !== '' && keywords.split(' ').some((keyword) => !this.saidKeywords.has(keyword))
  }

  /** One line for all that went, whatever their numbers: RFC 7162 §3.2.10.2. */
  private tellVanished(output: Output, notices: readonly Notice[]): void {
    const uids = notices.flatMap((notice) => (notice.say === 'expunge' ? [notice.uid] : []))
    if (uids.length > 0) output.line(`* VANISHED ${formatSet(uids.reverse())}`)
  }

  private tellNotice(output: Output, notice: Notice): void {
    switch (notice.say) {
      case 'expunge':
        if (!this.tellsVanished) output.line(`* ${notice.seq} EXPUNGE`)
        break
      case 'exists':
        output.line(`* ${notice.count} EXISTS`)
        break
      case 'recent':
        output.line(`* ${notice.count} RECENT`)
        break
      case 'flags':
        output.line(this.changedLine(notice, { uid: true, flags: true }))
        break
    }
  }

  hear(change: Change): void {
    if (change.on === 'annotated') return // told to who asked for it: notify/notifier.ts
    if (change.on === 'mailbox') this.isDeleted ||= change.what === 'deleted'
    this.view.hear(change)
    this.contexts.hear(change)
    this.onNews()
  }
}
