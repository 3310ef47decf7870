/**
 * What people said by their mail clients (src/complaint/gesture.ts), and where the messages are that they said it of.
 */
import { isEnvelopeId } from '../src/address.ts'
import type { Gesture } from '../src/complaint/gesture.ts'
import type { Provenance } from '../src/state.ts'
import type { Source } from './db.ts'
import { documents } from './document.ts'
import type { Param } from './engine/sqlite.ts'

export const gestures = documents<Gesture, 'due_at'>('gesture', ({ id }) => id, { due_at: ({ dueAt }) => dueAt })

/** A message that was delivered here, and where it is now. */
export type Placed = {
  id: number
  mailbox: number
  uid: number
  account: number
  folder: string
  specialUse: string | null
  flags: number
  keywords: string
  provenance: Provenance
}

/** What is older has been judged by silence, and no complaint about it is remembered any more (src/complaint/gesture.ts). */
const OLDEST_MS = 36 * 86_400_000
/** A page of rows stalls the loop some 5 ms. */
const PAGE = 1000

type Stored = Omit<Placed, 'provenance'> & { provenance: string }

/** Of the last weeks; those that a mail client put there are left out. */
const placed = async (from: Source, where: string, params: readonly Param[], join = ''): Promise<Placed[]> => {
  const sql = `SELECT message.id AS id, mailbox, uid, account, name AS folder, special_use AS "specialUse", flags, keywords, provenance
    FROM message JOIN mailbox ON mailbox.id = message.mailbox ${join}
    WHERE ${where} AND internal_date >= ? AND provenance IS NOT NULL`
  const rows = await from.read.range<Stored>(sql, [...params, Date.now() - OLDEST_MS])
  return rows.map((row) => ({ ...row, provenance: JSON.parse(row.provenance) }))
}

const inPages = async (
  numbers: readonly number[],
  read: (page: readonly number[]) => Promise<Placed[]>,
): Promise<Placed[]> => {
  const found: Placed[] = []
  for (let at = 0; at < numbers.length; at += PAGE)
    for (const one of await read(numbers.slice(at, at + PAGE))) found.push(one)
  return found
}

/** By id; those gone are left out. */
export const placedById = (from: Source, ids: readonly number[]): Promise<Placed[]> =>
  inPages(ids, (page) => placed(from, 'message.id IN (?*)', [page]))

/** By mailbox and uid, of one mailbox at a time: that is how changes of flags are told. */
export const placedByUid = (from: Source, mailbox: number, uids: readonly number[]): Promise<Placed[]> =>
  inPages(uids, (page) => placed(from, 'mailbox = ? AND uid IN (?*)', [mailbox, page]))

/**
 * All that lie in a Junk folder or bear $Junk. It reads every row of the last weeks once: for the start, after which
 * changes are told. Ids grow with time: whatever is below one that was here before then came before it.
 */
export const placedAsJunk = (from: Source): Promise<Placed[]> => {
  const before = 'SELECT id FROM message WHERE saved_at < ? ORDER BY id DESC LIMIT 1'
  const where = `message.id > COALESCE((${before}), 0) AND (special_use = '\\Junk' OR keywords LIKE ?)`
  return placed(from, where, [Date.now() - OLDEST_MS, '%$Junk%'])
}

/**
 * The account's messages that came in one of these envelopes, or else have this Message-ID, copies and
 * all. It reads every row of the account: for a person who asks.
 */
export const placedByName = async (
  from: Source,
  account: number,
  { envelopes, messageId }: { envelopes: readonly string[]; messageId?: string },
): Promise<Placed[]> => {
  for (const envelope of envelopes.filter(isEnvelopeId)) {
    const found = await placed(from, 'account = ? AND provenance LIKE ?', [account, `%/${envelope}"%`])
    if (found.length > 0) return found
  }
  if (messageId === undefined) return []
  const join = 'JOIN parsed ON parsed.body = message.body'
  return placed(from, 'account = ? AND message_id = ?', [account, messageId], join)
}
