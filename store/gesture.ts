/**
 * What people said by their mail clients (src/complaint/gesture.ts), and where the messages are that they said it of.
 */
import type { Gesture } from '../src/complaint/gesture.ts'
import { partsOfKey } from '../src/envelope/envelope.ts'
import type { Provenance } from '../src/state.ts'
import type { Source } from './db.ts'
import { documents } from './document.ts'

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

const PLACED = `SELECT message.id AS id, mailbox, uid, account, name AS folder, special_use AS "specialUse", flags, keywords, provenance
  FROM message JOIN mailbox ON mailbox.id = message.mailbox WHERE provenance IS NOT NULL`

type Stored = Omit<Placed, 'provenance'> & { provenance: string }

const placed = async (
  from: Source,
  where: string,
  params: (number | string | readonly number[])[],
): Promise<Placed[]> => {
  const rows = await from.read.range<Stored>(`${PLACED} AND ${where}`, params)
  return rows.map((row) => ({ ...row, provenance: JSON.parse(row.provenance) }))
}

/** By id; those gone, and those put there by a mail client, are left out. */
export const placedById = (from: Source, ids: readonly number[]): Promise<Placed[]> =>
  placed(from, 'message.id IN (?*)', [ids])

/** By mailbox and uid, of one mailbox at a time: that is how changes of flags are told. */
export const placedByUid = (from: Source, mailbox: number, uids: readonly number[]): Promise<Placed[]> =>
  placed(from, 'mailbox = ? AND uid IN (?*)', [mailbox, uids])

/**
 * All that lie in a Junk folder or bear $Junk. It reads every row once: for the start, after which
 * changes are told.
 */
export const placedAsJunk = (from: Source): Promise<Placed[]> =>
  placed(from, `(special_use = '\\Junk' OR keywords LIKE ?)`, ['%$Junk%'])

/**
 * The account's messages that came in one of these envelopes, or have this Message-ID, copies and all.
 * It reads every row of the account: for a person who asks.
 */
export const placedByName = async (
  from: Source,
  account: number,
  { envelopes, messageId }: { envelopes: readonly string[]; messageId?: string },
): Promise<Placed[]> => {
  const all = await placed(from, 'account = ?', [account])
  const named = all.filter(({ provenance }) => envelopes.includes(partsOfKey(provenance.key)[1]))
  if (named.length > 0 || messageId === undefined) return named
  const sql = 'message.body IN (SELECT body FROM parsed WHERE message_id = ?) AND account = ?'
  return placed(from, sql, [messageId, account])
}
