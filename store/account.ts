/** Whose mail is kept here. An account has one address, one entity, its folders, and app passwords (password.ts). */
import type { Sink, Source } from './db.ts'
import { createDefaults, dropMailbox, list as listMailboxes } from './mailbox.ts'

export type Account = {
  id: number
  address: string
  name: string
  entityId: string
  enabled: boolean
  createdAt: number
}

type Stored = Omit<Account, 'enabled'> & { enabled: number }

export const accountColumns = 'id, address, name, entity_id AS "entityId", enabled, created_at AS "createdAt"'
export const shaped = (row: Stored): Account => ({ ...row, enabled: row.enabled !== 0 })

/** Makes an account with its folders. `address` is canonical (src/address.ts); one address or entity, one account. */
export const create = (
  db: Sink,
  { address, name, entityId }: { address: string; name: string; entityId: string },
): Promise<Account | 'exists'> =>
  db.transaction(async (tx) => {
    const taken = await tx.one('SELECT id FROM account WHERE address = ? OR entity_id = ?', [address, entityId])
    if (taken) return 'exists'
    const now = Date.now()
    const row = await tx.one<Stored>(
      `INSERT INTO account (address, name, entity_id, created_at) VALUES (?, ?, ?, ?) RETURNING ${accountColumns}`,
      [address, name, entityId, now],
    )
    if (!row) throw new Error('an INSERT answered nothing')
    await createDefaults(tx, row.id, now)
    return shaped(row)
  })

export const byAddress = async (from: Source, address: string): Promise<Account | undefined> => {
  const row = await from.read.one<Stored>(`SELECT ${accountColumns} FROM account WHERE address = ?`, [address])
  return row && shaped(row)
}

export const byId = async (from: Source, id: number): Promise<Account | undefined> => {
  const row = await from.read.one<Stored>(`SELECT ${accountColumns} FROM account WHERE id = ?`, [id])
  return row && shaped(row)
}

/** All accounts, by address. */
export const list = async (from: Source): Promise<Account[]> =>
  (await from.read.all<Stored>(`SELECT ${accountColumns} FROM account ORDER BY address`)).map(shaped)

/** A disabled account keeps its mail and receives more, but nobody can log in. @returns whether there is such an account */
export const setEnabled = (db: Sink, id: number, isEnabled: boolean): Promise<boolean> =>
  db.transaction(
    async (tx) => (await tx.run('UPDATE account SET enabled = ? WHERE id = ?', [isEnabled ? 1 : 0, id])).changes > 0,
  )

/**
 * Removes an account with all its folders, messages and passwords; its entity is remembered as one that left.
 *
 * @returns whether there was one
 */
export const remove = (db: Sink, id: number): Promise<boolean> =>
  db.transaction(async (tx) => {
    const account = await byId(tx, id)
    if (account === undefined) return false
    for (const mailbox of await listMailboxes(tx, id)) await dropMailbox(tx, mailbox)
    await tx.run('DELETE FROM account WHERE id = ?', [id])
    await tx.insertMany('departed', ['entity_id', 'at'], [[account.entityId, Date.now()]], {
      key: ['entity_id'],
      update: ['at'],
    })
    return true
  })

/** Entities that lived here and were removed. */
export const departed = async (from: Source): Promise<string[]> =>
  (await from.read.all<{ id: string }>('SELECT entity_id AS id FROM departed')).map(({ id }) => id)
