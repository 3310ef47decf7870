/**
 * The folders of an account, by Unicode name with `/` between levels; INBOX in any case is INBOX.
 *
 * A name always has its parents: making one makes them, and one with children can't be removed
 * (RFC 9051 §6.3.5, HASCHILDREN), so there are no \Noselect names. The folders every account has
 * can be neither removed nor renamed, for the gateway itself looks for them by name.
 * `readOnly` is for the edges to enforce: the gateway writes there.
 */
import { flag } from './change.ts'
import type { Sink, Source, Tx } from './db.ts'
import { moveAll, removeAll, thinOut } from './move.ts'
import { dropLost, keepLost } from './subscription.ts'

export type Mailbox = {
  id: number
  account: number
  name: string
  uidValidity: number
  uidNext: number
  highestModseq: number
  specialUse: string | null
  subscribed: boolean
  readOnly: boolean
  /** Messages from this uid on are \Recent for the next session that selects. */
  recentFrom: number
}

/** Why a name can't be had or changed. */
export type MailboxNo = 'missing' | 'exists' | 'malformed' | 'special' | 'children' | 'inside'

export type Status = {
  id: number
  messages: number
  recent: number
  unseen: number
  uidNext: number
  uidValidity: number
  size: number
  deleted: number
  deletedSize: number
  highestModseq: number
}

/** What a new account has, with RFC 6154's uses. */
const defaults: { name: string; specialUse?: string; readOnly?: boolean }[] = [
  { name: 'INBOX' },
  { name: 'Sent', specialUse: '\\Sent' },
  { name: 'Drafts', specialUse: '\\Drafts' },
  { name: 'Junk', specialUse: '\\Junk' },
  { name: 'Trash', specialUse: '\\Trash' },
  { name: 'Archive', specialUse: '\\Archive' },
  { name: 'Requests' },
  { name: 'Outgoing', readOnly: true },
]
const defaultNames = new Set(defaults.map(({ name }) => name))

const NAME_MAX = 255
/** Characters: none that is longer becomes a name by NFC, whose time grows with the square of the marks on a letter. */
export const SPELLED_MAX = 4 * NAME_MAX
const DEPTH_MAX = 32

/**
 * The one spelling of a name: NFC (RFC 9051 §5.1), INBOX in capitals, no separator at the end
 * (RFC 9051 §6.3.4: it only announces children). Undefined where no folder may be called so:
 * empty levels, controls, and the wildcards of LIST.
 */
export const canonicalName = (text: string): string | undefined => {
  if (text.length > SPELLED_MAX) return undefined
  const levels = text.normalize('NFC').replace(/\/$/, '').split('/')
  if (levels[0]?.toUpperCase() === 'INBOX') levels[0] = 'INBOX'
  const name = levels.join('/')
  const isSound = levels.every((level) => level !== '') && !/[\p{Cc}\p{Cs}*%\u2028\u2029]/u.test(name)
  return isSound && levels.length <= DEPTH_MAX && Buffer.byteLength(name) <= NAME_MAX ? name : undefined
}

type Stored = Omit<Mailbox, 'subscribed' | 'readOnly'> & { subscribed: number; readOnly: number }

const columns = `id, account, name, uid_validity AS "uidValidity", uid_next AS "uidNext", highest_modseq AS "highestModseq",
  special_use AS "specialUse", subscribed, read_only AS "readOnly", recent_from AS "recentFrom"`
const shaped = (row: Stored): Mailbox => ({ ...row, subscribed: row.subscribed !== 0, readOnly: row.readOnly !== 0 })

/** All of an account, by name in code point order. */
export const list = async (from: Source, account: number): Promise<Mailbox[]> => {
  const rows = await from.read.range<Stored>(`SELECT ${columns} FROM mailbox WHERE account = ? ORDER BY name`, [
    account,
  ])
  return rows.map(shaped)
}

export const find = async (from: Source, account: number, name: string): Promise<Mailbox | undefined> => {
  const row = await from.read.one<Stored>(`SELECT ${columns} FROM mailbox WHERE account = ? AND name = ?`, [
    account,
    canonicalName(name) ?? '',
  ])
  return row && shaped(row)
}

export const byId = async (from: Source, id: number): Promise<Mailbox | undefined> => {
  const row = await from.read.one<Stored>(`SELECT ${columns} FROM mailbox WHERE id = ?`, [id])
  return row && shaped(row)
}

/** Where the gateway itself puts mail. These folders can be neither removed nor renamed, so their ids hold. */
export type Folders = Record<'INBOX' | 'Requests' | 'Outgoing', number>

/** Of many accounts at once, by account; one that is gone is left out. */
export const deliveryFolders = async (from: Source, accounts: readonly number[]): Promise<Map<number, Folders>> => {
  const rows = await from.read.all<{ id: number; account: number; name: keyof Folders }>(
    "SELECT id, account, name FROM mailbox WHERE account IN (?*) AND name IN ('INBOX', 'Requests', 'Outgoing')",
    [accounts],
  )
  const found = new Map<number, Folders>()
  for (const { id, account, name } of rows)
    found.set(account, { ...(found.get(account) ?? { INBOX: 0, Requests: 0, Outgoing: 0 }), [name]: id })
  return found
}

/** The folders of a new account. */
export const createDefaults = async (tx: Tx, account: number, now: number): Promise<void> => {
  for (const each of defaults) await insert(tx, account, each.name, now, each)
}

/** Makes a folder and the parents it lacks. @param specialUse one of RFC 6154 §2, of the folder itself */
export const create = (db: Sink, account: number, name: string, specialUse?: string): Promise<Mailbox | MailboxNo> =>
  db.transaction(async (tx) => {
    const canonical = canonicalName(name)
    if (canonical === undefined) return 'malformed'
    if (await find(tx, account, canonical)) return 'exists'
    await createParents(tx, account, canonical)
    return insert(tx, account, canonical, Date.now(), specialUse === undefined ? {} : { specialUse })
  })

/**
 * Renames a folder and all below it. Renaming INBOX moves its messages to a new folder instead,
 * and leaves INBOX and its children where they are (RFC 9051 §6.3.6).
 */
export const rename = (db: Sink, account: number, from: string, to: string): Promise<'ok' | MailboxNo> =>
  db.transaction(async (tx) => {
    const source = await find(tx, account, from)
    const target = canonicalName(to)
    if (!source) return 'missing'
    if (target === undefined) return 'malformed'
    if (await find(tx, account, target)) return 'exists'
    if (source.name === 'INBOX') {
      await createParents(tx, account, target)
      await moveAll(tx, source.id, (await insert(tx, account, target, Date.now())).id)
      return 'ok'
    }
    if (defaultNames.has(source.name)) return 'special'
    if (target.startsWith(`${source.name}/`)) return 'inside'
    const moved = (await list(tx, account)).filter(
      ({ name }) => name === source.name || name.startsWith(`${source.name}/`),
    )
    const names = moved.map(({ id, name }) => [id, target + name.slice(source.name.length)] as const)
    if (names.some(([, name]) => canonicalName(name) !== name)) return 'malformed' // those below may be too deep, or too long
    await createParents(tx, account, target)
    await tx.updateMany('mailbox', 'id', ['name'], names)
    for (const [, name] of names) await dropLost(tx, account, name)
    for (const [mailbox, name] of names) tx.publish({ on: 'mailbox', account, what: 'renamed', mailbox, name })
    return 'ok'
  })

/** Removes a folder and its messages. Of very many most go before it, in transactions of their own. */
export const remove = async (db: Sink, account: number, name: string): Promise<'ok' | MailboxNo> => {
  const goes = await removable(db, account, name)
  if (typeof goes === 'string') return goes
  await thinOut(db, goes.id)
  return db.transaction(async (tx) => {
    const found = await removable(tx, account, name)
    if (typeof found === 'string') return found
    await dropMailbox(tx, found)
    if (found.subscribed) await keepLost(tx, account, found.name)
    return 'ok'
  })
}

const removable = async (from: Source, account: number, name: string): Promise<Mailbox | MailboxNo> => {
  const found = await find(from, account, name)
  if (!found) return 'missing'
  if (defaultNames.has(found.name)) return 'special'
  const all = await list(from, account)
  return all.some((each) => each.name.startsWith(`${found.name}/`)) ? 'children' : found
}

/** Unconditionally, for `remove` and for the end of an account. */
export const dropMailbox = async (tx: Tx, { id, account, name }: Mailbox): Promise<void> => {
  await removeAll(tx, account, id)
  await tx.run('DELETE FROM mailbox WHERE id = ?', [id])
  tx.seen.mailboxes.delete(id)
  tx.publish({ on: 'mailbox', account, what: 'deleted', mailbox: id, name })
}

export const subscribe = (db: Sink, account: number, name: string, isSubscribed: boolean): Promise<'ok' | MailboxNo> =>
  db.transaction(async (tx) => {
    const canonical = canonicalName(name) ?? ''
    const found = await find(tx, account, canonical)
    if (found) {
      await tx.run('UPDATE mailbox SET subscribed = ? WHERE id = ?', [isSubscribed ? 1 : 0, found.id])
      const what = isSubscribed ? 'subscribed' : 'unsubscribed'
      if (found.subscribed !== isSubscribed)
        tx.publish({ on: 'mailbox', account, what, mailbox: found.id, name: canonical })
      return 'ok'
    }
    if (isSubscribed || !(await dropLost(tx, account, canonical))) return 'missing'
    tx.publish({ on: 'mailbox', account, what: 'unsubscribed', mailbox: 0, name: canonical })
    return 'ok'
  })

/** STATUS of many at once, in the order of the ids; those that are gone are left out. */
export const statuses = async (from: Source, ids: readonly number[]): Promise<Status[]> => {
  const rows = await from.read.all<Status>(
    `SELECT mailbox.id AS id, uid_next AS "uidNext", uid_validity AS "uidValidity", highest_modseq AS "highestModseq",
       COUNT(message.id) AS messages, COALESCE(SUM(size), 0) AS size,
       COALESCE(SUM(CASE WHEN (flags & ${flag.seen}) = 0 THEN 1 ELSE 0 END), 0) AS unseen,
       COALESCE(SUM(CASE WHEN (flags & ${flag.deleted}) <> 0 THEN 1 ELSE 0 END), 0) AS deleted,
       COALESCE(SUM(CASE WHEN (flags & ${flag.deleted}) <> 0 THEN size ELSE 0 END), 0) AS "deletedSize",
       COALESCE(SUM(CASE WHEN uid >= recent_from THEN 1 ELSE 0 END), 0) AS recent
     FROM mailbox LEFT JOIN message ON message.mailbox = mailbox.id
     WHERE mailbox.id IN (?*) GROUP BY mailbox.id, uid_next, uid_validity, highest_modseq`,
    [ids],
  )
  const byId = new Map(rows.map((row) => [row.id, row]))
  return ids.flatMap((id) => byId.get(id) ?? [])
}

/** A session selects: from the answered uid on messages are \Recent for it, and for no other after it. */
export const takeRecent = (db: Sink, id: number): Promise<number> =>
  db.transaction(async (tx) => {
    const row = await tx.one<{ recentFrom: number; uidNext: number }>(
      'SELECT recent_from AS "recentFrom", uid_next AS "uidNext" FROM mailbox WHERE id = ?',
      [id],
    )
    if (!row) return 1
    if (row.recentFrom < row.uidNext) await tx.run('UPDATE mailbox SET recent_from = uid_next WHERE id = ?', [id])
    return row.recentFrom
  })

const createParents = async (tx: Tx, account: number, name: string): Promise<void> => {
  const levels = name.split('/')
  for (let depth = 1; depth < levels.length; depth++) {
    const parent = levels.slice(0, depth).join('/')
    if (!(await find(tx, account, parent))) await insert(tx, account, parent, Date.now())
  }
}

const insert = async (
  tx: Tx,
  account: number,
  name: string,
  now: number,
  { specialUse, readOnly }: { specialUse?: string; readOnly?: boolean } = {},
): Promise<Mailbox> => {
  // Seconds, as clients expect of it, and never one the account has had: a name made again must not look the same.
  const seconds = Math.floor(now / 1000)
  const sql =
    'UPDATE account SET last_uid_validity = CASE WHEN last_uid_validity >= ? THEN last_uid_validity + 1 ELSE ? END WHERE id = ? RETURNING last_uid_validity AS validity'
  const validity = (await tx.one<{ validity: number }>(sql, [seconds, seconds, account]))?.validity
  if (validity === undefined) throw new Error(`account ${account} is gone`)
  const [row] = await tx.all<Stored>(
    `INSERT INTO mailbox (account, name, uid_validity, special_use, read_only) VALUES (?, ?, ?, ?, ?) RETURNING ${columns}`,
    [account, name, validity, specialUse ?? null, readOnly ? 1 : 0],
  )
  if (!row) throw new Error('an INSERT answered nothing')
  await dropLost(tx, account, name) // a new folder is subscribed by itself
  tx.publish({ on: 'mailbox', account, what: 'created', mailbox: row.id, name })
  return shaped(row)
}
