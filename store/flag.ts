/** Flags and keywords of messages: STORE (RFC 9051 §6.4.6, RFC 7162 §3.1.3), and the gateway's own marks. */
import type { Flagged } from './change.ts'
import type { Sink, Tx } from './db.ts'
import { checkKeywords, type FlagMode, mergeKeywords } from './keyword.ts'
import { takeNumbers } from './numbering.ts'

/** `unchangedSince` leaves out messages with a higher modseq. */
export type FlagChange = { mode: FlagMode; flags: number; keywords?: string; unchangedSince?: number }

/** A message as it stands. */
export type Held = Flagged & { id: number; mailbox: number }
/** What it bears. */
export type Borne = Pick<Flagged, 'flags' | 'keywords'>

/**
 * Changes the flags of messages.
 *
 * @returns the flags as they are now, ascending by uid, of all that are there and were not left out;
 *   those that were so before keep their modseq, and nobody else hears of them
 * @throws Refusal if one would get too many keywords: then none is changed
 */
export const store = (db: Sink, mailbox: number, uids: readonly number[], change: FlagChange): Promise<Flagged[]> =>
  db.transaction(async (tx) => {
    const held = await tx.range<Held>(
      `SELECT id, mailbox, uid, modseq, flags, keywords FROM message
       WHERE mailbox = ? AND uid IN (?*) AND modseq <= ? ORDER BY uid`,
      [mailbox, uids, change.unchangedSince ?? Number.MAX_SAFE_INTEGER],
    )
    const become = applying(change)
    await amend(tx, held, (row) => bearable(row, become(row)))
    return held.map(flaggedOf)
  })

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
    changed.push(Object.assign(row, { flags, keywords }))
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
    const messages = changed.filter((row) => row.mailbox === mailbox).map(flaggedOf)
    tx.publish({ on: 'flagged', mailbox, account, messages, bits, isWorded })
  }
}

/** Rows that are to be written the same: a statement for each lot. Of whole mailboxes there are a few lots, not thousands. */
const byOutcome = (rows: readonly Held[]): Iterable<[Held, ...Held[]]> => {
  const lots = new Map<string, [Held, ...Held[]]>()
  for (const row of rows) {
    const outcome = `${row.modseq} ${row.flags} ${row.keywords}`
    const lot = lots.get(outcome)
    if (lot) lot.push(row)
    else lots.set(outcome, [row])
  }
  return lots.values()
}

const flaggedOf = ({ uid, modseq, flags, keywords }: Held): Flagged => ({ uid, modseq, flags, keywords })
