/**
 * What mail clients noted of a mailbox, or of the account as a whole: values of any octets by name. RFC 5464 §3.
 *
 * A name is a path in small letters, `/private/…` or `/shared/…`; as a mailbox is its owner's alone, both are kept
 * alike. What is noted of a mailbox is renamed and goes with it.
 */
import { Refusal } from '../src/refusal.ts'
import type { Sink, Source, Tx } from './db.ts'
import { byId } from './mailbox.ts'

/** Of one mailbox, or of the account: clients note a comment, a colour, an order; some a key or a filter each. */
export const ENTRIES_MAX = 100
/** Of all an account has noted, names and values: they do not count into its quota, so they have a limit of their own. */
const ACCOUNT_BYTES = 4 << 20

/** Of the mailbox, by name in code point order. @param mailbox null for those of the account itself */
export const annotations = async (
  from: Source,
  account: number,
  mailbox: number | null,
): Promise<Map<string, Buffer>> => {
  const rows = await from.read.all<{ name: string; value: Buffer }>(
    'SELECT name, value FROM annotation WHERE account = ? AND mailbox IS NOT DISTINCT FROM ? ORDER BY name',
    [account, mailbox],
  )
  return new Map(rows.map(({ name, value }) => [name, value]))
}

/** Those of these names, by mailbox; of all mailboxes of the account. */
export const annotationsNamed = async (
  from: Source,
  account: number,
  names: readonly string[],
): Promise<Map<number, Map<string, Buffer>>> => {
  const rows = await from.read.all<{ mailbox: number; name: string; value: Buffer }>(
    'SELECT mailbox, name, value FROM annotation WHERE account = ? AND mailbox IS NOT NULL AND name IN (?*)',
    [account, names],
  )
  const found = new Map<number, Map<string, Buffer>>()
  for (const { mailbox, name, value } of rows)
    found.set(mailbox, (found.get(mailbox) ?? new Map<string, Buffer>()).set(name, value))
  return found
}

/**
 * Writes all of them or none; null deletes.
 *
 * @throws Refusal mailbox-full
 */
export const annotate = (
  db: Sink,
  account: number,
  mailbox: number | null,
  entries: ReadonlyMap<string, Buffer | null>,
): Promise<'ok' | 'missing' | 'too-many'> =>
  db.transaction(async (tx) => {
    if (mailbox !== null && !(await byId(tx, mailbox))) return 'missing'
    const kept = new Set((await annotations(tx, account, mailbox)).keys())
    for (const [name, value] of entries) {
      if (value === null) kept.delete(name)
      else kept.add(name)
    }
    if (kept.size > ENTRIES_MAX) return 'too-many'
    await write(tx, account, mailbox, entries)
    tx.publish({ on: 'annotated', account, mailbox: mailbox ?? 0, names: [...entries.keys()] })
    return 'ok'
  })

const write = async (
  tx: Tx,
  account: number,
  mailbox: number | null,
  entries: ReadonlyMap<string, Buffer | null>,
): Promise<void> => {
  const old = 'DELETE FROM annotation WHERE account = ? AND mailbox IS NOT DISTINCT FROM ? AND name IN (?*)'
  await tx.run(old, [account, mailbox, [...entries.keys()]])
  const rows = [...entries].flatMap(([name, value]) => (value === null ? [] : [[account, mailbox, name, value]]))
  if (rows.length === 0) return // taking back is never refused
  await tx.insertMany('annotation', ['account', 'mailbox', 'name', 'value'], rows)
  const sql = 'SELECT SUM(length(name) + length(value)) AS bytes FROM annotation WHERE account = ?'
  const held = await tx.one<{ bytes: number }>(sql, [account])
  if ((held?.bytes ?? 0) > ACCOUNT_BYTES)
    throw new Refusal('mailbox-full', 'Your mail programs have noted too much about your mailboxes; delete some of it')
}
