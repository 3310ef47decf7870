/**
 * What the messages of a mailbox are ordered by, remembered from one SORT or THREAD to the next.
 *
 *   uids      1     3     4     9         ascending, a slot each
 *   date      10:00 09:00 12:00 12:30     columns (order-column.ts), each made when it is first asked for
 *   subject   …
 *
 * What a message is ordered by never changes and a uid never means another one, so columns only grow, by what came
 * since: nothing here has to hear of changes. Messages that are gone keep their slots until those are the greater part.
 */

import { cached } from '../../../store/cached.ts'
import type { Db } from '../../../store/db.ts'
import { headerPages, inSlices, turn } from '../slices.ts'
import type { Numbered, Row } from '../view/shown.ts'
import type { View } from '../view/view.ts'
import { type Columns, type Fact, type Known, kinds, type Name } from './order-column.ts'

/** A hundred thousand messages with all columns have some 30 MB; a household uses a few mailboxes at a time. */
const KEPT_BYTES = 64 << 20
/** Where so many times as many would have to be read as were found, those found are read alone and nothing is kept. */
const RARE = 4
/** Read while the ones before are taken in. */
const PAGE = 500

/** What was found stands in `slots` of the columns, in its order. */
export type Ordering<Each extends Name> = { slots: Uint32Array; columns: Pick<Columns, Each> }
/** Of every message of a mailbox; one that is gone may have no slot, and -1. */
export type Whole<Each extends Name> = { slotOf(uid: number): number; columns: Pick<Columns, Each> }
type Page = { page: readonly (Row | undefined)[]; facts: readonly (Known & { id: number })[] }
type Kept = { uids: readonly number[]; columns: Partial<Columns> }

export class OrderKeys {
  private readonly db: Db
  /** By mailbox, the one that was used longest ago first. */
  private readonly kept = new Map<number, Kept & { bytes: number }>()
  /** Who comes while a mailbox is read waits, and then finds it read. */
  private readonly turns = new Map<number, Promise<unknown>>()

  constructor(db: Db) {
    this.db = db
  }

  /** @param found of the view, ascending */
  of<Each extends Name>(
    mailbox: number,
    view: View,
    found: readonly Numbered[],
    names: readonly Each[],
  ): Promise<Ordering<Each>> {
    return this.inTurn(mailbox, () => this.ordering(mailbox, view, found, names))
  }

  whole<Each extends Name>(mailbox: number, view: View, names: readonly Each[]): Promise<Whole<Each>> {
    return this.inTurn(mailbox, async () => {
      const { uids, columns } = await this.upToDate(mailbox, view, names)
      return { slotOf: (uid) => slotIn(uids, uid), columns: chosen(columns, names) }
    })
  }

  private inTurn<T>(mailbox: number, work: () => Promise<T>): Promise<T> {
    const last = this.turns.get(mailbox) ?? Promise.resolve()
    const mine = last.catch(() => {}).then(work)
    this.turns.set(mailbox, mine)
    const leave = () => {
      if (this.turns.get(mailbox) === mine) this.turns.delete(mailbox)
    }
    mine.then(leave, leave)
    return mine
  }

  private async ordering<Each extends Name>(
    mailbox: number,
    view: View,
    found: readonly Numbered[],
    names: readonly Each[],
  ): Promise<Ordering<Each>> {
    if (found.length * RARE < lacks(this.known(mailbox), view, names)) return this.apart(found, names)
    const { uids, columns } = await this.upToDate(mailbox, view, names)
    const slots = slotsOf(uids, found)
    return slots ? { slots, columns: chosen(columns, names) } : this.apart(found, names)
  }

  private known(mailbox: number): Kept {
    return this.kept.get(mailbox) ?? { uids: [], columns: {} }
  }

  private async upToDate(mailbox: number, view: View, names: readonly Name[]): Promise<Kept> {
    const kept = this.known(mailbox)
    const lacking = lacks(kept, view, names)
    if (lacking > PAGE) await turn()
    const grown = lacking === 0 ? kept : await this.grown(kept, view.rows(), names)
    this.keep(mailbox, grown)
    return grown
  }

  /** Of these messages alone. */
  private async apart<Each extends Name>(found: readonly Numbered[], names: readonly Each[]): Promise<Ordering<Each>> {
    const rows = found.map(({ row }) => row)
    const { uids, columns } = await this.grown({ uids: [], columns: {} }, rows, names)
    return { slots: slotsOf(uids, found) ?? new Uint32Array(found.length), columns: chosen(columns, names) }
  }

  /** With a slot in each of these columns for all these messages. */
  private async grown(kept: Kept, messages: readonly Row[], names: readonly Name[]): Promise<Kept> {
    const isMostlyGone = kept.uids.length > 2 * messages.length
    const { uids: known, columns: before } = isMostlyGone ? { uids: [], columns: {} } : kept
    const last = known.at(-1) ?? 0
    const fresh = messages.filter(({ uid }) => uid > last)
    const uids = [...known, ...fresh.map(({ uid }) => uid)]
    const columns = { ...before }
    const growing = names.map((name) => gather(name, columns))
    const needs = [...new Set(names.flatMap((name) => kinds[name].needs))]
    let slot = Math.min(...growing.map(({ from }) => from))
    for await (const { page, facts } of this.read(rowsOf(uids.slice(slot), messages), needs)) {
      let next = 0
      for (const row of page) {
        const isKnown = row !== undefined && facts[next]?.id === row.id
        const known = isKnown ? facts[next++] : undefined
        for (const { from, take } of growing) if (slot >= from) take(row, known ?? {})
        slot++
      }
    }
    for (const { finish } of growing) await finish()
    return { uids, columns }
  }

  /** A page is read while the one before it is taken in; facts are in the order of the rows. */
  private async *read(rows: readonly (Row | undefined)[], needs: readonly Fact[]): AsyncGenerator<Page> {
    const reading = async (page: readonly (Row | undefined)[]): Promise<Page> => {
      const ids = page.flatMap((row) => row?.id ?? [])
      return { page, facts: needs.length === 0 ? [] : await cached(this.db, ids, needs) }
    }
    let coming: Promise<Page> | undefined
    for (const page of headerPages(rows, PAGE, (row) => row?.size ?? 0)) {
      const last = coming
      coming = reading(page)
      coming.catch(() => {}) // whoever awaits it hears of it
      if (last) yield await last
    }
    if (coming) yield await coming
  }

  private keep(mailbox: number, { uids, columns }: Kept): void {
    const bytes = 8 * uids.length + namesOf(columns).reduce((sum, name) => sum + weighed(name, columns), 0)
    this.kept.delete(mailbox)
    this.kept.set(mailbox, { uids, columns, bytes })
    let total = [...this.kept.values()].reduce((sum, each) => sum + each.bytes, 0)
    for (const [oldest, each] of this.kept) {
      if (total <= KEPT_BYTES) return
      this.kept.delete(oldest)
      total -= each.bytes
    }
  }
}

/** How many slots the column that lacks most has to grow by; more, if messages are gone. */
const lacks = ({ uids, columns }: Kept, view: View, names: readonly Name[]): number => {
  const last = uids.at(-1) ?? 0
  const newer = view.largestUid > last ? view.rows().filter(({ uid }) => uid > last).length : 0
  return Math.max(...names.map((name) => uids.length + newer - slotsIn(name, columns)))
}

const gather = <Each extends Name>(name: Each, columns: Partial<Columns>) => {
  const kind = kinds[name]
  const column = columns[name] ?? kind.none()
  const { take, behind } = kind.gather()
  const finish = async () => {
    columns[name] = await inSlices(behind(column))
  }
  return { from: kind.slots(column), take, finish }
}

const slotsIn = <Each extends Name>(name: Each, columns: Partial<Columns>): number => {
  const column = columns[name]
  return column ? kinds[name].slots(column) : 0
}

const weighed = <Each extends Name>(name: Each, columns: Partial<Columns>): number => {
  const column = columns[name]
  return column ? kinds[name].weigh(column) : 0
}

const namesOf = (columns: Partial<Columns>): Name[] => Object.keys(columns) as Name[]

/** An empty mailbox has none of them. */
const chosen = <Each extends Name>(columns: Partial<Columns>, names: readonly Each[]): Pick<Columns, Each> =>
  Object.fromEntries(names.map((name) => [name, columns[name] ?? kinds[name].none()])) as Pick<Columns, Each>

/** Both ascend by uid. Undefined where a message is gone. */
const rowsOf = (uids: readonly number[], messages: readonly Row[]): (Row | undefined)[] => {
  let at = 0
  return uids.map((uid) => {
    while ((messages[at]?.uid ?? Number.POSITIVE_INFINITY) < uid) at++
    return messages[at]?.uid === uid ? messages[at] : undefined
  })
}

const slotIn = (uids: readonly number[], uid: number): number => {
  let low = 0
  let high = uids.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((uids[middle] ?? 0) < uid) low = middle + 1
    else high = middle
  }
  return uids[low] === uid ? low : -1
}

/** Undefined if one of them has none: it was gone when the mailbox was read. */
const slotsOf = (uids: readonly number[], found: readonly Numbered[]): Uint32Array | undefined => {
  const slots = new Uint32Array(found.length)
  let slot = 0
  for (let i = 0; i < found.length; i++) {
    const uid = found[i]?.row.uid ?? 0
    while ((uids[slot] ?? uid) < uid) slot++
    if (uids[slot] !== uid) return undefined
    slots[i] = slot
  }
  return slots
}
