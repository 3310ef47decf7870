/** Flags and keywords of messages: STORE (RFC 9051 §6.4.6, RFC 7162 §3.1.3), and the gateway's own marks. */
import type { Flagged, Row } from './change.ts'
import type { Sink, Tx } from './db.ts'
import { checkKeywords, type FlagMode, mergeKeywords } from './keyword.ts'
import { takeNumbers } from './numbering.ts'

/** `unchangedSince` leaves out messages with a higher modseq. */
export type FlagChange = { mode: FlagMode; flags: number; keywords?: string; unchangedSince?: number }

/** A message as it stands. */
export type Held = Flagged & { id: number; mailbox: number }
/** What it bears. */
export type Borne = Pick<Flagged, 'flags' | 'keywords'>
/** Messages as a session has them, ascending by uid. Both are alive: they have all changes up to `view.modseq`. */
export type InView = { view: { readonly modseq: number }; rows: readonly (Row & { isGone?: true })[] }

/**
 * Changes the flags of messages.
 *
 * @param wanted their uids; or as they stand in a view, which saves reading them where it has heard of all that happened
 * @returns the flags as they are now, ascending by uid, of all that are there and were not left out;
 *   those that were so before keep their modseq, and nobody else hears of them
 * @throws Refusal if one would get too many keywords: then none is changed
 */
export const store = (
  db: Sink,
  mailbox: number,
  wanted: readonly number[] | InView,
  change: FlagChange,
): Promise<Flagged[]> =>
  db.transaction(async (tx) => {
    const { unchangedSince = Number.MAX_SAFE_INTEGER } = change
    const isKnown = 'view' in wanted && tx.seen.mailboxes.get(mailbox)?.modseq === wanted.view.modseq
    const held = isKnown ? heldIn(mailbox, wanted.rows) : await readHeld(tx, mailbox, wanted)
    const among = held.filter(({ modseq }) => modseq <= unchangedSince)
    const become = applying(change)
    await amend(tx, among, (row) => bearable(row, become(row)))
    return among
  })

const readHeld = (tx: Tx, mailbox: number, wanted: readonly number[] | InView): Promise<Held[]> => {
  const uids = 'view' in wanted ? wanted.rows.map(({ uid }) => uid) : wanted
  const sql = `SELECT id, mailbox, uid, modseq, flags, keywords FROM message WHERE mailbox = ? AND uid IN (?*) ORDER BY uid`
  return tx.range(sql, [mailbox, uids])
}

/** Rows of our own: they are changed before anybody hears of it. */
const heldIn = (mailbox: number, rows: InView['rows']): Held[] => {
  const held: Held[] = []
  for (const { id, uid, modseq, flags, keywords, isGone } of rows)
    if (!isGone) held.push({ id, mailbox, uid, modseq, flags, keywords })
  return held
}

/** Gives messages, in any mailboxes, new keywords for their old ones. */
export const mark = async (tx: Tx, marks: readonly (Held & { become: string })[]): Promise<void> =>
  amend(tx, marks, ({ flags, keywords, become }) => ({ flags, keywords: mergeKeywords(keywords, 'set', become) }))

/** What a message bears after the change. Lists of keywords are few where messages are many: each is merged once. */
export const applying = (change: FlagChange): ((was: Borne) => Borne) => {
  const merged = new Map<string, string>()
  return ({ flags, keywords }) => {
    const words = merged.get(keywords) ?? mergeKeywords(keywords, change.mode, change.keywords ?? '')
    merged.set(keywords, words)
    return { flags: mergeFlags(flags, change), keywords: words }
  }
}

const bearable = (was: Borne, becomes: Borne): Borne => {
  if (becomes.keywords.length > was.keywords.length) checkKeywords(becomes.keywords)
  return becomes
}

const mergeFlags = (was: number, { mode, flags }: FlagChange): number => {
  switch (mode) {
    case 'set':
      return flags
    case 'add':
      return was | flags
    case 'remove':
      return was & ~flags
  }
}

/** Brings rows to what they are to bear: what differs gets a new modseq, and is written and published. */
const amend = async <Row extends Held>(tx: Tx, held: readonly Row[], become: (row: Row) => Borne): Promise<void> => {
  const changed: Held[] = []
  let bits = 0
  let isWorded = false
  for (const row of held) {
    const { flags, keywords } = become(row)
    if (flags === row.flags && keywords === row.keywords) continue
    bits |= flags ^ row.flags
    isWorded ||= keywords !== row.keywords
    row.flags = flags
    row.keywords = keywords
    changed.push(row)
  }
  const numbers = await takeNumbers(tx, new Map(changed.map(({ mailbox }) => [mailbox, 0])))
  for (const row of changed) row.modseq = numbers.get(row.mailbox)?.modseq ?? 0
  for (const alike of byOutcome(changed)) {
    const [{ modseq, flags, keywords }] = alike
    const ids = alike.map(({ id }) => id)
    const sql = `UPDATE message SET modseq = ?1, flags = ?2, keywords = ?3 WHERE id IN (SELECT value FROM json_each(?4))`
    await tx.later(sql, [modseq, flags, keywords, JSON.stringify(ids)])
  }
  for (const [mailbox, { account }] of numbers) {
    const messages = changed.filter((row) => row.mailbox === mailbox)
    tx.publish({ on: 'flagged', mailbox, account, messages, bits, isWorded })
  }
}

/** Rows that are to be written the same: a statement for each lot. Of whole mailboxes there are a few lots, not thousands. */
const byOutcome = (rows: readonly Held[]): Iterable<[Held, ...Held[]]> => {
  const lots = new Map<string, [Held, ...Held[]]>()
  let lot: [Held, ...Held[]] | undefined
  for (const row of rows) {
    if (lot && isAlike(row, lot[0])) {
      lot.push(row)
      continue
    }
    const outcome = `${row.modseq} ${row.flags} ${row.keywords}`
    const known = lots.get(outcome)
    known?.push(row)
    lot = known ?? [row]
    lots.set(outcome, lot)
  }
  return lots.values()
}

const isAlike = (one: Held, other: Held): boolean =>
  one.modseq === other.modseq && one.flags === other.flags && one.keywords === other.keywords
