/** Flags and keywords of messages: STORE (RFC 9051 §6.4.6, RFC 7162 §3.1.3), and the gateway's own marks. */
import type { Flagged } from './change.ts'
import type { Sink, Tx } from './db.ts'
import { type FlagMode, mergeKeywords } from './keyword.ts'
import { takeNumbers } from './numbering.ts'

/** `unchangedSince` leaves out messages with a higher modseq. */
export type FlagChange = { mode: FlagMode; flags: number; keywords?: string; unchangedSince?: number }

type Held = Flagged & { id: number; mailbox: number }

/**
 * Changes the flags of messages.
 *
 * @returns the flags as they are now, ascending by uid, of all that are there and were not left out;
 *   those that were so before keep their modseq, and nobody else hears of them
 */
export const store = (db: Sink, mailbox: number, uids: readonly number[], change: FlagChange): Promise<Flagged[]> =>
  db.transaction(async (tx) => {
    const held = await tx.range<Held>(
      `SELECT id, mailbox, uid, modseq, flags, keywords FROM message
       WHERE mailbox = ? AND uid IN (?*) AND modseq <= ? ORDER BY uid`,
      [mailbox, uids, change.unchangedSince ?? Number.MAX_SAFE_INTEGER],
    )
    const fresh = held.map((row) => ({
      ...row,
      flags: mergeFlags(row.flags, change),
      keywords: mergeKeywords(row.keywords, change.mode, change.keywords ?? ''),
    }))
    return (await write(tx, held, fresh)).map(({ uid, modseq, flags, keywords }) => ({ uid, modseq, flags, keywords }))
  })

/** Gives messages new keywords for their old ones, by message id, in any mailboxes; those gone are skipped. */
export const mark = async (tx: Tx, marks: readonly { id: number; keywords: string }[]): Promise<void> => {
  const words = new Map(marks.map(({ id, keywords }) => [id, keywords]))
  const held = await tx.range<Held>(
    'SELECT id, mailbox, uid, modseq, flags, keywords FROM message WHERE id IN (?*) AND mailbox IS NOT NULL',
    [[...words.keys()]],
  )
  const fresh = held.map((row) => ({ ...row, keywords: mergeKeywords(row.keywords, 'set', words.get(row.id) ?? '') }))
  await write(tx, held, fresh)
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

/** Writes and publishes what differs, with a new modseq. @returns `fresh`, with the modseqs as they are now */
const write = async (tx: Tx, held: readonly Held[], fresh: readonly Held[]): Promise<Held[]> => {
  const differs = (row: Held, i: number) => row.flags !== held[i]?.flags || row.keywords !== held[i]?.keywords
  const mailboxes = new Set(fresh.filter(differs).map(({ mailbox }) => mailbox))
  if (mailboxes.size === 0) return [...fresh]
  const numbers = await takeNumbers(tx, new Map([...mailboxes].map((mailbox) => [mailbox, 0])))
  const now = fresh.map((row, i) => (differs(row, i) ? { ...row, modseq: numbers.get(row.mailbox)?.modseq ?? 0 } : row))
  const changed = now.filter(differs)
  const cells = changed.map(({ id, modseq, flags, keywords }) => [id, modseq, flags, keywords])
  await tx.updateMany('message', 'id', ['modseq', 'flags', 'keywords'], cells)
  for (const [mailbox, { account }] of numbers) {
    const messages = changed
      .filter((row) => row.mailbox === mailbox)
      .map(({ uid, modseq, flags, keywords }) => ({ uid, modseq, flags, keywords }))
    tx.publish({ on: 'flagged', mailbox, account, messages })
  }
  return now
}
