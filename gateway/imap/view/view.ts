/**
 * A session's own view of the mailbox it selected: what changed, and what the client is told of it and when. RFC 3501
 * §2.3.1.2, §5.2, §7.4.1. Which message a number or a uid means: shown.ts.
 *
 *   added   --> coming ---flush--------------------> shown (EXISTS; gets the next number)
 *   flagged --> shown, stale --flush---------------> shown (FETCH of its flags)
 *   expunged -> shown, gone ---flush with expunge--> out (EXPUNGE; later numbers move down)
 *
 * Numbers change in `flush` alone, so between two flushes a number means one message, whatever other sessions do.
 * `flush(false)` is for the answers to FETCH, STORE and SEARCH, in which EXPUNGE would make the client mistake one
 * message for another. Pure: changes in, notices out. Changes may come twice and may be older than what was loaded;
 * modseq and uid tell.
 *
 * Rows are shared by all views of one mailbox (watch.ts): each hears every change at the same moment and writes the
 * same into them. What is a session's own, its numbers and what it was told, stands in the view.
 */
import type { Change, Flagged } from '../../../store/change.ts'
import { firstAt, type Numbered, type Row, Shown } from './shown.ts'
import { Unseen } from './unseen.ts'

/** What the client is to be told, in this order. */
export type Notice =
  | { say: 'expunge'; seq: number; uid: number }
  | { say: 'exists'; count: number }
  | { say: 'recent'; count: number }
  | { say: 'flags'; seq: number; row: Row }

/** How far a client listens: to nothing that happens, to messages that come and go, or to changed flags as well. */
export type Extent = 'nothing' | 'messages' | 'all'

/** To look one up costs at most about as much as to look at so many. */
const LOOKUP_ROWS = 8

export class View extends Shown {
  /** Shared as the rows are. */
  readonly unseen: Unseen
  private coming: Row[] = []
  private readonly stale = new Set<number>()
  private readonly gone = new Set<number>()
  /** Of the first expunge not told yet; Infinity if all are. */
  private goneAt = Number.POSITIVE_INFINITY
  private readonly loadedModseq: number
  private heardModseq: number
  private recentCount: number
  /** The largest uid ever seen: what comes late with a lower one is known, or gone. */
  private seenUid: number

  /**
   * @param messages ascending by uid; from here on shared with this view
   * @param recentFrom messages from this uid on have not been shown to any session before; Infinity if that is never told
   * @param modseq everything up to it is in `messages`
   * @param unseen of the view that had the rows before
   */
  constructor(messages: readonly Row[], recentFrom: number, modseq = 0, unseen = new Unseen()) {
    super(messages, recentFrom)
    this.unseen = unseen
    this.loadedModseq = modseq
    this.heardModseq = modseq
    this.seenUid = this.largestUid
    this.recentCount = this.count - firstAt(this.shown, this.recentFrom)
  }

  get recent(): number {
    return this.recentCount
  }

  /** Everything up to this modseq is in the view, once it is flushed with expunges. */
  get modseq(): number {
    return this.heardModseq
  }

  /** Everything up to this modseq the client knows. */
  get toldModseq(): number {
    return Math.min(this.modseqWithin('nothing'), this.goneAt - 1)
  }

  /** Everything up to this modseq the client will know, told of all that went, and of the rest as far as it listens. */
  modseqWithin(extent: Extent): number {
    let known = this.heardModseq
    if (extent === 'nothing') for (const { modseq } of this.coming) known = Math.min(known, modseq - 1)
    if (extent !== 'all') for (const uid of this.stale) known = Math.min(known, (this.find(uid)?.modseq ?? known) - 1)
    return known
  }

  /** How many there are in the mailbox as it is now. */
  get total(): number {
    return this.shown.length - this.gone.size + this.coming.length
  }

  /** How many of them have this uid or a higher one. */
  countFrom(uid: number): number {
    let count = 0
    for (const rows of [this.shown, this.coming])
      for (let i = firstAt(rows, uid); i < rows.length; i++) if (!rows[i]?.isGone) count++
    return count
  }

  /** Those shown that are not read, ascending; undefined where it is as quick to look at all. */
  unread(): Numbered[] | undefined {
    const unseen = this.unseen.among(this)
    if (unseen === undefined || unseen.size * LOOKUP_ROWS > this.count) return undefined
    const found: Numbered[] = []
    let index = -1
    let last = 0
    for (const uid of this.unseen.ascending()) {
      // Between two uids there are at most as many messages as numbers, and mostly just as many.
      const most = index + uid - last
      index = this.shown[most]?.uid === uid ? most : firstAt(this.shown, uid, index + 1, most)
      last = uid
      const row = this.shown[index]
      if (row?.uid === uid) found.push({ seq: index + 1, row })
      else index-- // it is still to come
    }
    return found
  }

  /** All messages of the mailbox as it is now, for another view of it. */
  rows(): Row[] {
    return [...this.shown, ...this.coming].filter((row) => !row.isGone)
  }

  /** The same one by one: a list of ten thousand takes longer to make than to count. */
  eachRow(visit: (row: Row) => void): void {
    for (const rows of [this.shown, this.coming]) for (const row of rows) if (!row.isGone) visit(row)
  }

  hear(change: Change): void {
    if (change.on === 'added') this.added(change.messages)
    else if (change.on === 'flagged') this.flagged(change.messages)
    else if (change.on === 'expunged') this.expunged(change.uids, change.modseq)
  }

  added(messages: readonly Row[]): void {
    for (const message of messages) {
      this.heard(message.modseq)
      if (message.uid <= this.seenUid) continue // was already there when the mailbox was loaded
      this.seenUid = message.uid
      this.coming.push(message)
      this.unseen.note(message)
    }
  }

  flagged(messages: readonly Flagged[]): void {
    for (const { uid, modseq, flags, keywords } of messages) {
      this.heard(modseq)
      const place = this.placeOf(uid)
      const row = place < 0 ? this.findComing(uid) : this.shown[place]
      if (!row || modseq <= this.loadedModseq || modseq < row.modseq) continue
      amend(row, { uid, modseq, flags, keywords }) // perhaps another view did so before
      if (row.isGone) continue
      this.unseen.note(row)
      if (place >= 0) this.stale.add(uid)
    }
  }

  expunged(uids: readonly number[], modseq: number): void {
    this.heard(modseq)
    const away = new Set(uids)
    this.coming = this.coming.filter((row) => !away.has(row.uid))
    for (const uid of away) {
      this.unseen.gone(uid)
      const row = this.find(uid)
      if (!row || this.gone.has(uid)) continue
      row.isGone = true
      this.gone.add(uid)
      this.goneAt = Math.min(this.goneAt, modseq)
      this.stale.delete(uid)
    }
  }

  /** Whether the flags of this one are still to be told. */
  isStale(uid: number): boolean {
    return this.stale.has(uid)
  }

  /**
   * The client changed these flags. It knows them from our answer; where it asked for silence about its own change,
   * as far as `isKnown` says so.
   */
  told(messages: readonly Flagged[], isKnown: (message: Flagged) => boolean = () => true): void {
    for (const message of messages) {
      const row = this.find(message.uid)
      if (!row) continue
      if (message.modseq > row.modseq) {
        amend(row, message)
        if (!row.isGone) this.unseen.note(row)
      }
      if (message.modseq === row.modseq && isKnown(message)) this.stale.delete(message.uid)
    }
  }

  /** Uids of messages that are gone from the mailbox and still shown. */
  get goneUids(): ReadonlySet<number> {
    return this.gone
  }

  /** Ids of these messages. */
  goneIds(): number[] {
    return this.gone.size === 0 ? [] : this.shown.flatMap((row) => (row.isGone ? [row.id] : []))
  }

  /** The client was just told the flags of this one. */
  flagsTold(uid: number): void {
    this.stale.delete(uid)
  }

  /** Whether `flush` would say anything. */
  hasNews(canExpunge: boolean, extent: Extent = 'all'): boolean {
    return (
      (extent !== 'nothing' && this.coming.length > 0) ||
      (extent === 'all' && this.stale.size > 0) ||
      (canExpunge && this.gone.size > 0)
    )
  }

  /** Brings the numbering up to date and says how. EXPUNGE before EXISTS, EXISTS before FETCH of the new. */
  flush(canExpunge: boolean, extent: Extent = 'all'): Notice[] {
    const recentBefore = this.recentCount
    const notices = canExpunge && this.gone.size > 0 ? this.dropGone() : []
    if (extent !== 'nothing' && this.coming.length > 0) {
      for (const row of this.coming) this.shown.push(row)
      this.recentCount += this.coming.filter((row) => this.isRecent(row)).length
      this.coming = []
      notices.push({ say: 'exists', count: this.count })
    }
    if (this.recentCount !== recentBefore) notices.push({ say: 'recent', count: this.recentCount })
    if (extent !== 'all') return notices
    for (const uid of this.stale) {
      const seq = this.seqOf(uid)
      const row = seq === undefined ? undefined : this.shown[seq - 1]
      if (seq !== undefined && row) notices.push({ say: 'flags', seq, row })
    }
    this.stale.clear()
    return notices
  }

  /** From the last to the first, so that no number said here depends on another. */
  private dropGone(): Notice[] {
    const notices: Notice[] = []
    for (let seq = this.shown.length; seq >= 1; seq--) {
      const row = this.shown[seq - 1]
      if (!row?.isGone) continue
      notices.push({ say: 'expunge', seq, uid: row.uid })
      if (this.isRecent(row)) this.recentCount--
    }
    this.shown = this.shown.filter((row) => !row.isGone)
    this.gone.clear()
    this.goneAt = Number.POSITIVE_INFINITY
    return notices
  }

  private heard(modseq: number): void {
    this.heardModseq = Math.max(this.heardModseq, modseq)
  }

  private find(uid: number): Row | undefined {
    return this.shown[this.placeOf(uid)] ?? this.findComing(uid)
  }

  private findComing(uid: number): Row | undefined {
    const row = this.coming[firstAt(this.coming, uid)]
    return row?.uid === uid ? row : undefined
  }
}

const amend = (row: Row, { modseq, flags, keywords }: Flagged): void => {
  row.modseq = modseq
  row.flags = flags
  row.keywords = keywords
}
