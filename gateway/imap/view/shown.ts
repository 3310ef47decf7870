/**
 * The messages a client was told of, by number and by uid. RFC 3501 §2.3.1.
 *
 * They stand in a list, ascending by uid; the place in it is the number. Whoever is one (view.ts) says when it changes.
 */
import { flag, type Row as Message } from '../../../store/change.ts'
import type { Range } from '../../../store/range.ts'
import { resolveSet } from '../wire/sequence.ts'

/** `isGone`: expunged, and some client not told yet. */
export type Row = Message & { isGone?: true }
export type Numbered = { seq: number; row: Row }

export const rowsOf = (messages: readonly Numbered[]): Row[] => messages.map(({ row }) => row)
export const uidsOf = (messages: readonly Numbered[]): number[] => messages.map(({ row }) => row.uid)
export const idsOf = (messages: readonly Numbered[]): number[] => messages.map(({ row }) => row.id)

export class Shown {
  protected shown: Row[]
  /** The first uid that is recent; Infinity if none ever is. */
  protected readonly recentFrom: number
  private lastPlace = -1

  constructor(messages: readonly Row[], recentFrom: number) {
    this.shown = [...messages]
    // Whatever comes while it is open is recent to it, too.
    this.recentFrom = recentFrom === Number.POSITIVE_INFINITY ? recentFrom : Math.min(recentFrom, this.largestUid + 1)
  }

  get count(): number {
    return this.shown.length
  }

  get largestUid(): number {
    return this.shown.at(-1)?.uid ?? 0
  }

  /** The number of the first message not seen, which SELECT tells; undefined if all are. */
  get firstUnseen(): number | undefined {
    const index = this.shown.findIndex((row) => (row.flags & flag.seen) === 0)
    return index < 0 ? undefined : index + 1
  }

  /**
   * Each message in turn, or some of them, those that are gone left out. It is one object that is shown anew each time:
   * who keeps a message copies it, and ten thousand that nobody keeps cost no memory.
   */
  each(visit: (message: Numbered) => void, from = 0, to = this.shown.length): void {
    const [first] = this.shown
    if (!first) return
    const message: Numbered = { seq: 1, row: first }
    for (let i = from; i < Math.min(to, this.shown.length); i++) {
      const row = this.shown[i]
      if (!row || row.isGone) continue
      message.seq = i + 1
      message.row = row
      visit(message)
    }
  }

  *[Symbol.iterator](): Generator<Numbered> {
    for (let i = 0; i < this.shown.length; i++) {
      const row = this.shown[i]
      if (row) yield { seq: i + 1, row }
    }
  }

  /** RFC 3501 §2.3.2, in this session. */
  isRecent({ uid }: Row): boolean {
    return uid >= this.recentFrom
  }

  /** Every keyword that a message here carries. */
  keywords(): Set<string> {
    const lists = new Set<string>()
    for (const { keywords } of this.shown) if (keywords !== '') lists.add(keywords)
    return new Set([...lists].flatMap((list) => list.split(' ')))
  }

  /** Messages with these numbers, ascending; undefined if a number is none of ours (RFC 3501 §9, seq-number). */
  bySeq(ranges: readonly Range[]): Numbered[] | undefined {
    const resolved = resolveSet(ranges, this.count)
    const last = resolved.at(-1)
    const first = resolved[0]
    if (!last || !first || first.from < 1 || last.to > this.count) return undefined
    return this.slices(resolved.map(({ from, to }) => [from - 1, to]))
  }

  /** Messages with these uids, ascending; uids of nobody are passed over (RFC 3501 §6.4.8). */
  byUid(ranges: readonly Range[]): Numbered[] {
    const resolved = resolveSet(ranges, this.largestUid)
    return this.slices(resolved.map(({ from, to }) => [firstAt(this.shown, from), firstAt(this.shown, to + 1)]))
  }

  seqOf(uid: number): number | undefined {
    const place = this.placeOf(uid)
    return place < 0 ? undefined : place + 1
  }

  /** Where it is in the list; -1 if it is not. Many are asked for in their order, and then each is behind the last. */
  protected placeOf(uid: number): number {
    const next = this.lastPlace + 1
    const place = this.shown[next]?.uid === uid ? next : firstAt(this.shown, uid)
    if (this.shown[place]?.uid !== uid) return -1
    this.lastPlace = place
    return place
  }

  /** In one pass: `flatMap` takes longer over ten thousand than all the rest of a FETCH of their uids. */
  private slices(places: readonly [from: number, to: number][]): Numbered[] {
    const messages: Numbered[] = []
    for (const [from, to] of places) {
      for (let i = from; i < to; i++) {
        const row = this.shown[i]
        if (row) messages.push({ seq: i + 1, row })
      }
    }
    return messages
  }
}

/** Index of the first message whose uid is at least this; it is none before `from`, and none behind `to`. */
export const firstAt = (rows: readonly Row[], uid: number, from = 0, to = rows.length): number => {
  let low = from
  let high = Math.min(to, rows.length)
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((rows[middle]?.uid ?? 0) < uid) low = middle + 1
    else high = middle
  }
  return low
}
