/**
 * App passwords: as many per account as it has devices, each with a label and a scope, each removable alone.
 *
 * Kept as argon2id (OWASP's 19 MiB, t 2: 14 ms), and beside it the keys of SCRAM-SHA-256 (src/scram.ts). Mail clients
 * log in often, so a password that held is remembered for ten minutes, as an HMAC keyed with a secret of this process
 * and bound to the stored hashes: changing or removing a password forgets it at once. Whoever can read that secret
 * reads this process's memory, through which the passwords themselves pass; on the disk there is nothing of it. A wrong
 * password is never remembered, so guessing is as slow as before. Whoever logged in with one that is removed or changed
 * is out: a `Change` tells the edges.
 *
 * SCRAM tells its salt before it knows which of the passwords is meant, so all of an account have one: an HMAC of the
 * address. An address that is nobody's gets one as well, the same each time, and so does not show. By the same salt one
 * derivation tells which of them was said, and so a login takes the same time for any number of passwords, or none.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'
import { checkProof, deriveKeys, ITERATIONS, prepared } from '../src/scram.ts'
import { type Account, byAddress } from './account.ts'
import type { Sink, Source, Tx } from './db.ts'

export type Use = 'imap' | 'smtp'
/** What a password opens. */
export type Scope = Use | 'all'
export const scopes: readonly Scope[] = ['all', 'imap', 'smtp']

export type AppPassword = {
  id: number
  label: string
  scope: Scope
  createdAt: number
  usedAt: number | null
  usedFor: Use | null
}

/** Who logged in, and by which of the passwords. */
export type Entered = { account: Account; by: Pick<AppPassword, 'id' | 'label'> }

const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
const REMEMBER_MS = 10 * 60_000
const REMEMBERED_MAX = 10_000
/** Last use is for people: written at most this often. */
const USED_STEP_MS = 10 * 60_000

/** Gives an account a password, in place of the one with the same label. */
export const setPassword = async (
  db: Sink,
  { id, address }: Pick<Account, 'id' | 'address'>,
  label: string,
  password: string,
  scope: Scope = 'all',
): Promise<void> => {
  // Before the transaction: others wait for it.
  const { salt, iterations } = await challenge(db, address)
  const [stored, keys] = await Promise.all([hash(prepared(password), ARGON2), deriveKeys(password, salt, iterations)])
  await db.transaction(async (tx) => {
    await drop(tx, id, label)
    await tx.run(
      `INSERT INTO password (account, label, hash, stored_key, server_key, iterations, scope, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      [id, label, stored, keys.storedKey, keys.serverKey, iterations, scope, Date.now()],
    )
  })
}

export const passwords = (from: Source, account: number): Promise<AppPassword[]> =>
  from.read.all<AppPassword>(
    `SELECT id, label, scope, created_at AS "createdAt", used_at AS "usedAt", used_for AS "usedFor"
     FROM password WHERE account = ? ORDER BY label`,
    [account],
  )

/** @returns whether there was one */
export const removePassword = (db: Sink, account: number, label: string): Promise<boolean> =>
  db.transaction((tx) => drop(tx, account, label))

const drop = async (tx: Tx, account: number, label: string): Promise<boolean> => {
  const sql = 'DELETE FROM password WHERE account = ? AND label = ? RETURNING id'
  const gone = await tx.all<{ id: number }>(sql, [account, label])
  for (const { id } of gone) tx.publish({ on: 'password', mailbox: 0, account, id })
  return gone.length > 0
}

type Candidate = Entered['by'] & { hash: string; storedKey: string; serverKey: string; usedAt: number | null }

/** The account whose password this is; undefined whatever was wrong, after the same time. */
export const login = async (db: Sink, address: string, password: string, use: Use): Promise<Entered | undefined> => {
  const { account, candidates } = await candidatesOf(db, address, use)
  const hashes = candidates.map(({ hash }) => hash)
  const right = await remember([address, ...hashes, password], () => hashThatHolds(db, address, candidates, password))
  const found = candidates.find(({ hash }) => hash === right)
  if (!account || !found) return undefined
  await noteUse(db, found, use)
  return { account, by: { id: found.id, label: found.label } }
}

/** What SCRAM tells whoever names this address. */
export const challenge = async (db: Sink, address: string): Promise<{ salt: string; iterations: number }> => ({
  salt: await saltOf(db, address),
  iterations: await iterationsOf(db),
})

/** One number for a whole home, so that none shows whose an address is: a home that began with another keeps that. */
const iterationsOf = async (from: Source): Promise<number> =>
  (await from.read.one<{ iterations: number }>('SELECT iterations FROM password LIMIT 1'))?.iterations ?? ITERATIONS

/** The account whose password was proved, and our own proof that we know it. */
export const prove = async (
  db: Sink,
  address: string,
  { message, proof }: { message: string; proof: Buffer },
  use: Use,
): Promise<(Entered & { signature: string }) | undefined> => {
  const { account, candidates } = await candidatesOf(db, address, use)
  for (const each of candidates) {
    const signature = checkProof(each, message, proof)
    if (signature === undefined || !account) continue
    await noteUse(db, each, use)
    return { account, by: { id: each.id, label: each.label }, signature }
  }
  return undefined
}

const candidatesOf = async (db: Source, address: string, use: Use) => {
  const account = await byAddress(db, address)
  if (!account) return { account: undefined, candidates: [] }
  const candidates = await db.read.all<Candidate>(
    `SELECT id, label, hash, stored_key AS "storedKey", server_key AS "serverKey", used_at AS "usedAt"
     FROM password WHERE account = ? AND scope IN ('all', ?)`,
    [account.id, use],
  )
  return { account, candidates }
}

const noteUse = async (db: Sink, { id, usedAt }: Candidate, use: Use): Promise<void> => {
  const now = Date.now()
  if ((usedAt ?? 0) >= now - USED_STEP_MS) return
  await db.transaction((tx) => tx.run('UPDATE password SET used_at = ?, used_for = ? WHERE id = ?', [now, use, id]))
}

const SALT_BYTES = 16

const saltOf = async (db: Sink, address: string): Promise<string> =>
  createHmac('sha256', await secretOf(db))
    .update(address)
    .digest()
    .subarray(0, SALT_BYTES)
    .toString('base64')

const secretOf = async (db: Sink): Promise<string> => {
  const kept = (from: Source) => from.read.one<{ secret: string }>('SELECT secret FROM salt')
  const row = await kept(db)
  if (row) return row.secret
  return db.transaction(async (tx) => {
    const drawn = (await kept(tx))?.secret ?? randomBytes(32).toString('base64')
    await tx.insertMany('salt', ['id', 'secret'], [[1, drawn]], { key: ['id'], update: [] })
    return drawn
  })
}

/** The one said, by its keys; and its hash, which is verified whatever the keys say, or a decoy. */
const hashThatHolds = async (
  db: Sink,
  address: string,
  candidates: readonly Candidate[],
  password: string,
): Promise<string | undefined> => {
  const { salt, iterations } = await challenge(db, address)
  const { storedKey } = await deriveKeys(password, salt, iterations)
  const said = candidates.find((each) => timingSafeEqual(Buffer.from(each.storedKey), Buffer.from(storedKey)))
  const stored = said?.hash ?? (await unusable())
  for (const text of new Set([prepared(password), password])) // in old homes it was kept as typed
    if (await verify(stored, text)) return said?.hash
  return undefined
}

let decoy: Promise<string> | null = null
const unusable = (): Promise<string> => {
  decoy ??= hash(randomBytes(16), ARGON2)
  return decoy
}

const secret = randomBytes(32)
const remembered = new Map<string, { until: number; answer: Promise<string | undefined> }>()

/** Asked once for all that ask at the same time, and remembered if something was found. */
const remember = (about: string[], ask: () => Promise<string | undefined>): Promise<string | undefined> => {
  const key = createHmac('sha256', secret).update(JSON.stringify(about)).digest('base64')
  const known = remembered.get(key)
  if (known && known.until > Date.now()) return known.answer
  const answer = ask()
  remembered.set(key, { until: Date.now() + REMEMBER_MS, answer })
  answer.then(
    (found) => found !== undefined || remembered.delete(key),
    () => remembered.delete(key),
  )
  const [oldest] = remembered.keys()
  if (remembered.size > REMEMBERED_MAX && oldest !== undefined) remembered.delete(oldest)
  return answer
}
