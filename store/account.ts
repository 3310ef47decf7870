/** Whose mail is kept here. An account has one address, one entity, its folders, and app passwords (password.ts). */
import type { Sink, Source } from './db.ts'
import { createDefaults, dropMailbox, list as listMailboxes } from './mailbox.ts'
import { thinOut } from './move.ts'
import { PIECE } from './pieces.ts'

export type Account = {
  id: number
  address: string
  name: string
  entityId: string
  createdAt: number
}

const columns = 'id, address, name, entity_id AS "entityId", created_at AS "createdAt"'

/** Makes an account with its folders. `address` is canonical (src/address.ts); one address or entity, one account. */
export const create = (
  db: Sink,
  { address, name, entityId }: { address: string; name: string; entityId: string },
): Promise<Account | 'exists'> =>
  db.transaction(async (tx) => {
    const taken = await tx.one('SELECT id FROM account WHERE address = ? OR entity_id = ?', [address, entityId])
    if (taken) return 'exists'
    const now = Date.now()
    const row = await tx.one<Account>(
      `INSERT INTO account (address, name, entity_id, created_at) VALUES (?, ?, ?, ?) RETURNING ${columns}`,
      [address, name, entityId, now],
    )
    if (!row) throw new Error('an INSERT answered nothing')
    await createDefaults(tx, row.id, now)
    return row
  })

export const byAddress = (from: Source, address: string): Promise<Account | undefined> =>
  from.read.one<Account>(`SELECT ${columns} FROM account WHERE address = ?`, [address])

export const byId = (from: Source, id: number): Promise<Account | undefined> =>
  from.read.one<Account>(`SELECT ${columns} FROM account WHERE id = ?`, [id])

/** All accounts, by address. */
export const list = (from: Source): Promise<Account[]> =>
  from.read.all<Account>(`SELECT ${columns} FROM account ORDER BY address`)

/** Of very many messages most go before their account does, in transactions of their own. */
export const removeMost = async (db: Sink, id: number): Promise<void> => {
  let left = PIECE
  for (const mailbox of await listMailboxes(db, id)) left -= await thinOut(db, mailbox.id, left)
}

/**
 * Removes an account with all its folders, messages, passwords and contacts, and what was held against it; its entity is
 * remembered as one that left.
 *
 * @returns whether there was one
 */
export const remove = (db: Sink, id: number): Promise<boolean> =>
  db.transaction(async (tx) => {
    const account = await byId(tx, id)
    if (account === undefined) return false
    for (const mailbox of await listMailboxes(tx, id)) await dropMailbox(tx, mailbox)
    const locked = await tx.all<{ id: number }>('DELETE FROM password WHERE account = ? RETURNING id', [id])
    for (const password of locked) tx.publish({ on: 'password', mailbox: 0, account: id, id: password.id })
    await tx.run('DELETE FROM account WHERE id = ?', [id])
    await tx.run('DELETE FROM contact WHERE entity = ?', [account.entityId])
    for (const table of ['repute', 'warning']) await tx.run(`DELETE FROM ${table} WHERE id = ?`, [account.entityId])
    await tx.insertMany('departed', ['entity_id', 'at'], [[account.entityId, Date.now()]], {
      key: ['entity_id'],
      update: ['at'],
    })
    return true
  })

/** Entities that lived here and were removed. */
export const departed = async (from: Source): Promise<string[]> =>
  (await from.read.all<{ id: string }>('SELECT entity_id AS id FROM departed')).map(({ id }) => id)
