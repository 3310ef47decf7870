/**
 * The web of trust, as the gateway keeps it: the values of src/ as documents. What is owed is in outbox.ts.
 *
 * `body` in a custody or a submission holds that body (blob.ts): whoever saves or drops the row adds
 * or drops the reference, in the same transaction. Times are epoch ms.
 */
import type { Repute } from '../src/complaint/policy.ts'
import type { Entry } from '../src/complaint/verdict.ts'
import type { Critic } from '../src/credit/critic.ts'
import { type Custody, dueAt, ROW_BYTES } from '../src/custody/custody.ts'
import type { Submission } from '../src/custody/submission.ts'
import { partsOfKey } from '../src/envelope/envelope.ts'
import type { Knock } from '../src/link/knock.ts'
import type { Ratchet } from '../src/link/ratchet.ts'
import type { Revocation } from '../src/link/revocation.ts'
import type { Ruling } from '../src/link/ruling.ts'
import type { Listed } from '../src/reach/directory.ts'
import type { Reach } from '../src/reach/reach.ts'
import type { Route } from '../src/route/memory.ts'
import type { Known } from '../src/route/search.ts'
import type { Household, Posted, Warned } from '../src/state.ts'
import { type Account, type Contact, contactKey, type Link } from '../src/state.ts'
import type { Source } from './db.ts'
import { documents } from './document.ts'
import type { Param } from './engine/sqlite.ts'

export const custody = documents<
  Custody,
  'state' | 'due_at' | 'awaits' | 'submission' | 'message_id' | 'envelope_id' | 'body'
>(
  'custody',
  ({ key }) => key,
  {
    state: ({ state }) => state,
    due_at: dueAt,
    awaits: ({ awaits }) => awaits,
    submission: ({ submission }) => submission,
    message_id: ({ messageId }) => messageId,
    envelope_id: ({ key }) => partsOfKey(key)[1],
    body: ({ body }) => body,
  },
  ['submission', 'message_id', 'envelope_id'],
)

/** As the index of it says: most rows are done. */
const UNFINISHED = "state <> 'done'"

/**
 * Keys of all that is not done, the longest due first: what the engine takes up at its start.
 * The `+` keeps SQLite from the index of `due_at`, by which it would go through all that is done, too.
 */
export const unfinishedCustody = async (from: Source, most = Number.MAX_SAFE_INTEGER): Promise<string[]> => {
  const sql = `SELECT id FROM custody WHERE ${UNFINISHED} ORDER BY +due_at LIMIT ?`
  const rows = await from.read.range<{ id: string }>(sql, [most])
  return rows.map(({ id }) => id)
}

/** How many there are in each state but `done`. */
export const countUnfinished = async (from: Source): Promise<Map<string, number>> => {
  const rows = await from.read.all<{ state: string; count: number }>(
    `SELECT state, COUNT(*) AS count FROM custody WHERE ${UNFINISHED} GROUP BY state`,
  )
  return new Map(rows.map(({ state, count }) => [state, count]))
}

/** Bytes that wait here for neighbours that are away, by neighbour. What has no submission is others' mail. */
export const heldBytes = async (from: Source): Promise<Map<string, number>> => {
  const rows = await from.read.all<{ awaits: string; bytes: number }>(
    `SELECT awaits, SUM(body.size) AS bytes FROM custody JOIN body ON body.id = custody.body
     WHERE awaits >= 'up:' AND awaits < 'up;' AND state = 'waiting' AND submission IS NULL GROUP BY awaits`,
  )
  return new Map(rows.map(({ awaits, bytes }) => [awaits.slice('up:'.length), bytes]))
}

/** Bytes of others' mail that has not ended here, each with its row, by the neighbour that brought it. */
export const broughtBytes = async (from: Source): Promise<Map<string, number>> => {
  const rows = await from.read.all<{ neighbour: string; bytes: number }>(
    `SELECT json_extract(data, '$.from') AS neighbour, SUM(body.size + ?) AS bytes FROM custody JOIN body ON body.id = custody.body
     WHERE ${UNFINISHED} AND json_extract(data, '$.role') = 'relay' GROUP BY neighbour`,
    [ROW_BYTES],
  )
  return new Map(rows.map(({ neighbour, bytes }) => [neighbour, bytes]))
}

/** Keys of those that wait for a path to somebody, `who:<target>`, of whatever target: first whose own time is the furthest. */
export const seekers = async (from: Source, most = Number.MAX_SAFE_INTEGER): Promise<string[]> => {
  const rows = await from.read.all<{ id: string }>(
    "SELECT id FROM custody WHERE awaits >= 'who:' AND awaits < 'who;' ORDER BY due_at DESC LIMIT ?",
    [most],
  )
  return rows.map(({ id }) => id)
}

export const submissions = documents<Submission, 'account' | 'clear_at' | 'message_id' | 'body'>(
  'submission',
  ({ id }) => id,
  {
    account: ({ account }) => account,
    clear_at: ({ clearAt }) => clearAt,
    message_id: ({ messageId }) => messageId,
    body: ({ body }) => body,
  },
  ['account', 'message_id'],
)

export const posted = documents<Posted, never>('posted', ({ id }) => id, {})

export const links = documents<Link, never>('link', ({ agent }) => agent, {})

/** Complaints made, passed on and received here, for whoever asks; by the custody key. */
export const complaints = documents<Entry, 'at' | 'sender' | 'charged' | 'role'>('complaint', ({ key }) => key, {
  at: ({ at }) => at,
  sender: ({ sender }) => sender,
  charged: ({ charged }) => charged,
  role: ({ role }) => role,
})

/** The latest first: in a year there may be more than anybody reads. */
const latestComplaints = async (
  from: Source,
  where: string,
  params: readonly Param[],
  most = Number.MAX_SAFE_INTEGER,
): Promise<Entry[]> => {
  const sql = `SELECT data FROM complaint WHERE ${where} ORDER BY at DESC LIMIT ?`
  const rows = await from.read.range<{ data: string }>(sql, [...params, most])
  return rows.map(({ data }) => JSON.parse(data))
}

const HEARD = "role IN ('received', 'passed')"

/** About mail of people here, or mail that was handed on. */
export const complaintsHeard = (from: Source, most: number): Promise<Entry[]> => latestComplaints(from, HEARD, [], most)

/** The same about these messages, by envelope id or Message-ID. It reads every row: for a person who asks. */
export const complaintsNamed = (
  from: Source,
  envelopes: readonly string[],
  messageIds: readonly string[],
): Promise<Entry[]> =>
  latestComplaints(
    from,
    `${HEARD} AND (substr(id, instr(id, '/') + 1) IN (?*) OR json_extract(data, '$.messageId') IN (?*))`,
    [envelopes, messageIds],
  )

/** Those that a neighbour pays us for, and those that it brought, for which we pay it. */
export const complaintsWith = async (
  from: Source,
  agent: string,
  most: number,
): Promise<Record<'theirs' | 'ours', Entry[]>> => ({
  theirs: await latestComplaints(from, 'charged = ?', [agent], most),
  ours: await latestComplaints(from, `${HEARD} AND json_extract(data, '$.over') = ?`, [agent], most),
})

/** Why links were suspended, and how that ended. */
export const rulings = documents<Ruling, 'agent' | 'at'>('ruling', ({ id }) => id, {
  agent: ({ agent }) => agent,
  at: ({ at }) => at,
})

/** How recipients judge what strangers send them. */
export const critics = documents<Critic, 'since'>('critic', ({ entity }) => entity, {
  since: ({ since }) => since,
})

/** What a neighbour and we owe each other for unwanted mail. */
export const credits = documents<Account & { agent: string }, never>('credit', ({ agent }) => agent, {})

/** Strangers who asked to become neighbours, and those whom we asked. */
export const knocks = documents<Knock, never>('knock', ({ who }) => who, {})

/** Who of each other agent's people has written here. */
export const households = documents<Household, never>('household', ({ agent }) => agent, {})

/** What a person thinks of others; by `contactKey`. */
export const contacts = documents<Contact, 'entity' | 'address'>(
  'contact',
  ({ entity, other }) => contactKey(entity, other),
  { entity: ({ entity }) => entity, address: ({ address }) => address },
)

/** Somebody elsewhere, with the text of the card that says so. */
export const cards = documents<Known & { card: string }, 'address'>('card', ({ entity }) => entity, {
  address: ({ address }) => address,
})

export const warnings = documents<Warned, never>('warning', ({ entity }) => entity, {})

export const repute = documents<Repute, never>('repute', ({ entity }) => entity, {})

/** `proof`: the PATH message by which it was found, as JSON. */
export const routes = documents<Route & { proof?: string }, 'expires'>('route', ({ key }) => key, {
  expires: ({ expires }) => expires,
})

/** What neighbours say of where they are, and what we said last. */
export const reaches = documents<Reach, never>('reach', ({ agent }) => agent, {})

/** What others told of themselves to us as a directory. */
export const listed = documents<Listed, 'expires'>('listed', ({ agent }) => agent, {
  expires: ({ expires }) => expires,
})

/** Keys of all envelopes and reports in which an agent is named: it has another key, once in its life. */
export const namesIn = async (from: Source, agent: string): Promise<{ custody: string[]; owed: string[] }> => {
  const [rows, debts] = await Promise.all([
    from.read.all<{ id: string }>('SELECT id FROM custody WHERE instr(data, ?) > 0', [agent]),
    from.read.all<{ id: string }>('SELECT id FROM owed WHERE neighbour = ?', [agent]),
  ])
  return { custody: rows.map(({ id }) => id), owed: debts.map(({ id }) => id) }
}

export const revocations = documents<Revocation, never>('revocation', ({ agent }) => agent, {})

/** What is shared with each neighbour; left out of backups, for an old one is a false alarm. */
export const ratchets = documents<Ratchet, never>('ratchet', ({ agent }) => agent, {})

/**
 * A one-time token we gave out, by its hash, never by itself. `guest` is whom it was meant for, in the
 * words of whoever made it; `used` is when, and `by` which agent.
 */
export type Invitation = {
  hash: string
  made: number
  expires: number
  guest?: string
  used?: { at: number; by: string }
}

export const invitations = documents<Invitation, 'expires'>('invitation', ({ hash }) => hash, {
  expires: ({ expires }) => expires,
})
