/**
 * Searches whose results a client is kept told of: RETURN (UPDATE). RFC 5267 §4.3.
 *
 *   SEARCH, SORT --> kept --a message comes, changes, goes--> told (ADDTO, REMOVEFROM)
 *   kept --CANCELUPDATE, another mailbox--> over
 *
 * What is kept is the uids found, in the order of the answer, and those of messages that changed since: these alone are
 * searched again. Messages that are gone leave while they still have numbers, before EXPUNGE or VANISHED; whatever else
 * changed is told after what made it so (EXISTS, FETCH). Positions are told for SORT; 0 lets the client find the place.
 */
import type { Change } from '../../../store/change.ts'
import { runsOf } from '../../../store/range.ts'
import type { Extension } from '../extension.ts'
import type { Output } from '../output.ts'
import { turn } from '../slices.ts'
import { formatSet } from '../wire/sequence.ts'
import { type Numbered, uidsOf } from './shown.ts'
import type { View } from './view.ts'

/** A client shows a list or two, and counts some more. */
const CONTEXTS_MAX = 16
/** Uids of all that one session keeps: 8 bytes each. One context is kept however many it finds, as the RFC wants. */
const FOUND_MAX = 500_000

export type Program = {
  tag: string
  /** What stands in the brackets of ESEARCH: the tag, and what else names the search. */
  about: string
  byUid: boolean
  /** Flags matter: what was there already may come and go, too. */
  asksFlags: boolean
  /** Time alone changes what it means, and nobody would hear of that. */
  isFleeting: boolean
  /** Those of these messages that it means. */
  among(messages: readonly Numbered[]): Promise<readonly Numbered[]>
  /** These sorted uids with those of more messages among them. Not there for SEARCH, whose order is that of the mailbox. */
  inserted?: (uids: readonly number[], messages: readonly Numbered[]) => Promise<number[]>
  /** Tells what was asked of messages that are new. RFC 5465 §7. */
  fetch(fresh: readonly Numbered[]): Promise<unknown>
}

type Context = Program & { uids: readonly number[] }
/** Messages side by side in a result, the first at this position; 0 is wherever they belong. */
type Stretch = { at: number; uids: number[] }

export class Contexts {
  private readonly view: View
  private readonly enabled: ReadonlySet<Extension>
  /** By tag. */
  private readonly kept = new Map<string, Context>()
  private isListening = false
  private readonly changed = new Set<number>()
  private readonly arrived = new Set<number>()
  private someAreGone = false
  /** What `*` meant when the messages were last searched. */
  private largest = 0
  private turn: Promise<void> = Promise.resolve()

  constructor(view: View, enabled: ReadonlySet<Extension>) {
    this.view = view
    this.enabled = enabled
  }

  has(tag: string): boolean {
    return this.kept.has(tag)
  }

  /** From before a search on, so that nothing falls between it and what is told later. */
  listen(): void {
    if (!this.isListening) this.largest = this.view.largestUid
    this.isListening = true
  }

  /** @returns false if it cannot be kept */
  keep(program: Program, found: readonly Numbered[]): boolean {
    if (program.isFleeting) return false
    let total = found.length
    for (const { uids } of this.kept.values()) total += uids.length
    if (this.kept.size > 0 && (this.kept.size >= CONTEXTS_MAX || total > FOUND_MAX)) return false
    this.kept.set(program.tag, { ...program, uids: uidsOf(found) })
    return true
  }

  /** @returns false if there is none of that tag */
  cancel(tag: string): boolean {
    return this.kept.delete(tag)
  }

  hear(change: Change): void {
    if (!this.isListening) return
    if (change.on === 'added') for (const { uid } of change.messages) this.arrived.add(uid)
    if (change.on === 'flagged') for (const { uid } of change.messages) this.changed.add(uid)
    this.someAreGone ||= change.on === 'expunged'
  }

  /** To be called before numbers change. */
  tellGone(output: Output): void {
    if (!this.someAreGone) return
    this.someAreGone = false
    for (const context of this.kept.values()) this.remove(output, context, this.view.goneUids)
  }

  /** To be called after everything else was told. */
  async tell(output: Output): Promise<void> {
    if (!this.isListening) return
    this.turn = this.turn.then(() => this.update(output)) // IDLE and NOTIFY may both ask for it
    await this.turn
  }

  private async update(output: Output): Promise<void> {
    if (this.kept.size === 0) this.isListening = false
    const { messages, arrived, unknown } = this.take()
    if (messages.length === 0) return
    for (const context of this.kept.values()) {
      const tested = context.asksFlags ? messages : messages.filter(({ row }) => unknown.has(row.uid))
      const meant = await context.among(tested)
      const wanted = new Set(uidsOf(meant))
      const known = new Set(context.uids.filter((uid) => wanted.has(uid)))
      const fresh = meant.filter(({ row }) => !known.has(row.uid))
      await context.fetch(fresh.filter(({ row }) => arrived.has(row.uid)))
      this.remove(output, context, new Set(uidsOf(tested).filter((uid) => !wanted.has(uid))))
      if (fresh.length > 0) await this.add(output, context, fresh)
      if (!output.hasRoom) await output.room()
      await turn() // in a large mailbox each step takes some ms
    }
  }

  /** Messages to be searched now: those that the client was told of. `unknown` are all that a search not of flags may mean. */
  private take(): { messages: Numbered[]; arrived: Set<number>; unknown: Set<number> } {
    const { largestUid } = this.view
    const arrived = new Set([...this.arrived].filter((uid) => uid <= largestUid))
    for (const uid of arrived) this.arrived.delete(uid)
    const unknown = new Set(arrived)
    if (this.largest !== largestUid) unknown.add(this.largest).add(largestUid)
    this.largest = largestUid
    const uids = ascending([...new Set([...unknown, ...this.changed])])
    this.changed.clear()
    return { messages: here(this.view.byUid(runsOf(uids))), arrived, unknown }
  }

  private async add(output: Output, context: Context, fresh: readonly Numbered[]): Promise<void> {
    if (!context.inserted) {
      const added = uidsOf(here(fresh))
      context.uids = ascending([...context.uids, ...added])
      return this.say(output, context, 'ADDTO', added.length > 0 ? [{ at: 0, uids: added }] : [])
    }
    let messages: Numbered[]
    let uids: number[]
    do {
      this.tellGone(output) // what is gone has no place in the order, and what goes meanwhile neither
      messages = here(fresh)
      uids = await context.inserted(context.uids, messages)
    } while (this.someAreGone)
    context.uids = uids
    const isAdded = new Set(uidsOf(messages))
    const places = stretches(uids, (uid) => isAdded.has(uid))
    this.say(output, context, 'ADDTO', places)
  }

  private remove(output: Output, context: Context, uids: ReadonlySet<number>): void {
    if (uids.size === 0) return
    const left = stretches(context.uids, (uid) => uids.has(uid))
    if (left.length === 0) return
    context.uids = context.uids.filter((uid) => !uids.has(uid))
    const together = [{ at: 0, uids: left.flatMap((stretch) => stretch.uids) }]
    // From the last on, so that no position depends on another.
    this.say(output, context, 'REMOVEFROM', context.inserted ? left.reverse() : together)
  }

  private say(output: Output, context: Context, what: 'ADDTO' | 'REMOVEFROM', where: readonly Stretch[]): void {
    if (where.length === 0) return
    const byUid = context.byUid || this.enabled.has('UIDONLY')
    const numbers = (uids: number[]) => (byUid ? uids : uids.map((uid) => this.view.seqOf(uid) ?? 0))
    const places = where.map(({ at, uids }) => `${at} ${formatSet(numbers(uids))}`)
    output.line(`* ESEARCH (${context.about})${byUid ? ' UID' : ''} ${what} (${places.join(' ')})`)
  }
}

/** Mostly they are already: what comes has the largest uids. A typed array sorts a hundred thousand in a few ms. */
const ascending = (uids: number[]): number[] =>
  uids.every((uid, i) => i === 0 || (uids[i - 1] ?? 0) < uid) ? uids : Array.from(Uint32Array.from(uids).sort())

const here = (messages: readonly Numbered[]): Numbered[] => messages.filter(({ row }) => !row.isGone)

const stretches = (uids: readonly number[], isMeant: (uid: number) => boolean): Stretch[] => {
  const found: Stretch[] = []
  uids.forEach((uid, i) => {
    if (!isMeant(uid)) return
    const last = found.at(-1)
    if (last && last.at + last.uids.length === i + 1) last.uids.push(uid)
    else found.push({ at: i + 1, uids: [uid] })
  })
  return found
}
