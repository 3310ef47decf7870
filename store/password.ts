/**
 * App passwords: as many per account as it has devices, each with a label, each removable alone.
 *
 * Kept as argon2id (OWASP's 19 MiB, t 2: 14 ms). Mail clients log in often, so a password that held
 * is remembered for ten minutes, as a hash keyed with a secret of this process and bound to the
 * stored hash: changing or removing the password forgets it at once.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'
import { type Account, accountColumns, shaped } from './account.ts'
import type { Sink, Source } from './db.ts'

export type AppPassword = { id: number; label: string; createdAt: number; usedAt: number | null }

const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
const REMEMBER_MS = 10 * 60_000
const REMEMBERED_MAX = 10_000
/** Last use is for people: written at most this often. */
const USED_STEP_MS = 10 * 60_000

/** Gives an account a password, in place of the one with the same label. */
export const setPassword = async (db: Sink, account: number, label: string, password: string): Promise<void> => {
  const stored = await hash(password, ARGON2) // before the transaction: others wait for it
  await db.transaction((tx) =>
    tx.run(
      `INSERT INTO password (account, label, hash, created_at) VALUES (?, ?, ?, ?)
       ON CONFLICT (account, label) DO UPDATE SET hash = excluded.hash, created_at = excluded.created_at, used_at = NULL`,
      [account, label, stored, Date.now()],
    ),
  )
}

export const passwords = (from: Source, account: number): Promise<AppPassword[]> =>
  from.read.all<AppPassword>(
    'SELECT id, label, created_at AS "createdAt", used_at AS "usedAt" FROM password WHERE account = ? ORDER BY label',
    [account],
  )

/** @returns whether there was one */
export const removePassword = (db: Sink, account: number, label: string): Promise<boolean> =>
  db.transaction(async (tx) => {
    return (await tx.run('DELETE FROM password WHERE account = ? AND label = ?', [account, label])).changes > 0
  })

type Candidate = { id: number; hash: string; usedAt: number | null }

/** The account whose password this is; undefined whatever was wrong, after the same time. */
export const login = async (db: Sink, address: string, password: string): Promise<Account | undefined> => {
  const row = await db.read.one<Parameters<typeof shaped>[0]>(
    `SELECT ${accountColumns} FROM account WHERE address = ? AND enabled = 1`,
    [address],
  )
  const candidates = row
    ? await db.read.all<Candidate>('SELECT id, hash, used_at AS "usedAt" FROM password WHERE account = ?', [row.id])
    : []
  // An unknown address must not answer faster than a wrong password.
  if (candidates.length === 0) await holds(await unusable(), password)
  const found = await firstThatHolds(candidates, password)
  if (!row || !found) return undefined
  const now = Date.now()
  if ((found.usedAt ?? 0) < now - USED_STEP_MS) {
    await db.transaction((tx) => tx.run('UPDATE password SET used_at = ? WHERE id = ?', [now, found.id]))
  }
  return shaped(row)
}

const firstThatHolds = async (candidates: readonly Candidate[], password: string): Promise<Candidate | undefined> => {
  // Those remembered first: no reason to work 14 ms for each of the others.
  const sorted = candidates.toSorted(
    (a, b) => Number(isRemembered(b.hash, password)) - Number(isRemembered(a.hash, password)),
  )
  for (const each of sorted) if (await holds(each.hash, password)) return each
  return undefined
}

const secret = randomBytes(32)
const remembered = new Map<string, { until: number; holds: Promise<boolean> }>()
let decoy: Promise<string> | null = null
const unusable = (): Promise<string> => {
  decoy ??= hash(randomBytes(16), ARGON2)
  return decoy
}

/** Verified once for all that ask at the same time, and remembered if it held. */
const holds = (stored: string, password: string): Promise<boolean> => {
  const key = keyOf(stored, password)
  const known = remembered.get(key)
  if (known && known.until > Date.now()) return known.holds
  const answer = verify(stored, password)
  remembered.set(key, { until: Date.now() + REMEMBER_MS, holds: answer })
  answer.then(
    (isRight) => isRight || remembered.delete(key),
    () => remembered.delete(key),
  )
  const [oldest] = remembered.keys()
  if (remembered.size > REMEMBERED_MAX && oldest !== undefined) remembered.delete(oldest)
  return answer
}

const isRemembered = (stored: string, password: string): boolean => remembered.has(keyOf(stored, password))

const keyOf = (stored: string, password: string): string =>
  createHmac('sha256', secret).update(`${stored}\n${password}`).digest('base64')
