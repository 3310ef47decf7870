/** Messages between mailboxes, and out of them: COPY, MOVE, EXPUNGE (RFC 9051 §6.4.3, §6.4.7, §6.4.8), REPLACE (RFC 8508). */
import { addRefs, dropRefs } from './blob.ts'
import { flag, type Row } from './change.ts'
import type { Sink, Source, Tx } from './db.ts'
import { clearSome } from './leaving.ts'
import { appendMany, type Draft, sizeOf } from './message.ts'
import { takeNumbers } from './numbering.ts'
import { PIECE, pieces } from './pieces.ts'
import { charge } from './quota.ts'
import { noteGone } from './unindexed.ts'
import { keepVanished } from './vanished.ts'

/** Old and new uid of one message. */
export type UidPair = { from: number; to: number }
/** What is done where some of the messages are gone already. */
export type Which = 'those-there' | 'all-or-none'

type Held = Row & { body: number }

const heldColumns = 'id, uid, modseq, flags, keywords, internal_date AS "internalDate", size, body'

/**
 * Copies messages to another mailbox, or the same; flags, date and provenance with them.
 *
 * @param uids as the session saw them; those already gone are skipped
 * @returns old and new uid of each, ascending in both
 * @param quota if given, the usual limit of an account, which is kept (quota.ts)
 * @param which `all-or-none`: if one of them is gone already, none is copied
 * @throws Refusal mailbox-missing, if the target is gone; mailbox-full
 */
export const copy = async (
  db: Sink,
  from: number,
  uids: readonly number[],
  to: number,
  quota?: number,
  which: Which = 'those-there',
): Promise<UidPair[]> => {
  const before = uids.length > PIECE ? await readBefore(db, from, uids) : undefined
  return db.transaction(async (tx) => {
    const isSame = before !== undefined && before.modseq === (await modseqOf(tx, from))
    const held = whole(isSame ? before.held : await heldOf(tx, from, uids), uids, which)
    if (held.length === 0) return []
    const { account, uid, modseq } = await numbersOf(tx, to, held.length)
    await charge(tx, new Map([[account, sizeOf(held)]]), quota)
    const first = tx.draw('message', held.length)
    const copies = held.map((row, i) => ({ ...row, id: first + i, uid: uid + i, modseq }))
    await addRefs(
      tx,
      held.map(({ body }) => body),
    )
    // As `held` is: by uid. What the row has beside goes along without leaving the database.
    await tx.run(
      `INSERT INTO message (id, mailbox, uid, modseq, flags, internal_date, saved_at, size, body, keywords, provenance)
       SELECT ? + n, ?, ? + n, ?, flags, internal_date, ?, size, body, keywords, provenance
       FROM (SELECT message.*, ROW_NUMBER() OVER (ORDER BY uid) - 1 AS n FROM message WHERE mailbox = ? AND uid IN (?*)) AS held`,
      [first, to, uid, modseq, Date.now(), from, uids],
    )
    tx.publish({ on: 'added', mailbox: to, account, messages: copies.map(rowOf), from })
    return held.map((row, i) => ({ from: row.uid, to: uid + i }))
  })
}

/** Of very many: others write meanwhile, and as long as they leave this mailbox alone it need not be read again. */
const readBefore = async (db: Sink, mailbox: number, uids: readonly number[]) => {
  const modseq = await modseqOf(db, mailbox)
  const held: Held[] = []
  for (const piece of pieces(uids)) for (const row of await heldOf(db, mailbox, piece)) held.push(row)
  return { modseq, held: held.sort((a, b) => a.uid - b.uid) }
}

const modseqOf = async (from: Source, mailbox: number): Promise<number | undefined> => {
  const sql = 'SELECT highest_modseq AS modseq FROM mailbox WHERE id = ?'
  return (await from.read.one<{ modseq: number }>(sql, [mailbox]))?.modseq
}

/**
 * Moves messages to another mailbox, or to the end of the same; as `copy`, but they keep their id. Very many are moved
 * in pieces, the last of which may fail (RFC 6851 §3.3); `all-or-none` is of each.
 * Published as added there, then as expunged here.
 */
export const move = async (
  db: Sink,
  from: number,
  uids: readonly number[],
  to: number,
  which: Which = 'those-there',
): Promise<UidPair[]> => {
  const pairs: UidPair[] = []
  for (const piece of pieces(uids)) {
    const moved = await db.transaction(async (tx) =>
      moveHeld(tx, from, whole(await heldOf(tx, from, piece), piece, which), to),
    )
    for (const pair of moved) pairs.push(pair)
    if (which === 'all-or-none' && moved.length === 0) break
  }
  return pairs
}

/** Moves all there are: renaming INBOX. */
export const moveAll = async (tx: Tx, from: number, to: number): Promise<UidPair[]> =>
  moveHeld(
    tx,
    from,
    await tx.range<Held>(`SELECT ${heldColumns} FROM message WHERE mailbox = ? ORDER BY uid`, [from]),
    to,
  )

const moveHeld = async (tx: Tx, from: number, held: readonly Held[], to: number): Promise<UidPair[]> => {
  if (held.length === 0) return []
  const left = await numbersOf(tx, from, 0)
  const { account, uid, modseq } = await numbersOf(tx, to, held.length)
  const now = Date.now()
  const moved = held.map((row, i) => ({ ...rowOf(row), uid: uid + i, modseq }))
  await tx.updateMany(
    'message',
    'id',
    ['mailbox', 'uid', 'modseq', 'saved_at'],
    moved.map((row) => [row.id, to, row.uid, modseq, now]),
  )
  const uids = held.map((row) => row.uid)
  await keepVanished(tx, from, left, uids)
  tx.publish({ on: 'added', mailbox: to, account, messages: moved, from })
  tx.publish({ on: 'expunged', mailbox: from, account, uids, modseq: left.modseq })
  return held.map((row, i) => ({ from: row.uid, to: uid + i }))
}

/**
 * Removes the messages of a mailbox that bear \Deleted. Sessions that still show them can read them until `clearLeft`
 * (leaving.ts).
 *
 * @param among only of these (UID EXPUNGE, RFC 9051 §6.4.9)
 * @returns the uids removed, ascending
 */
export const expunge = async (db: Sink, mailbox: number, among?: readonly number[]): Promise<number[]> => {
  const uids: number[] = []
  for (const piece of among ? pieces(among) : [undefined]) {
    let gone: Gone[]
    do {
      gone = await expungeSome(db, mailbox, piece)
      for (const { uid } of gone) uids.push(uid)
    } while (gone.length === PIECE)
  }
  return uids
}

const expungeSome = (db: Sink, mailbox: number, among?: readonly number[]): Promise<Gone[]> =>
  db.transaction(async (tx) => {
    const gone = await tx.range<Gone>(
      `SELECT id, mailbox, uid, size FROM message
       WHERE mailbox = ? ${among ? 'AND uid IN (?*)' : ''} AND (flags & ${flag.deleted}) <> 0 ORDER BY uid LIMIT ${PIECE}`,
      among ? [mailbox, among] : [mailbox],
    )
    await forget(tx, gone)
    return gone
  })

/** Puts a message, in whatever mailbox, in the place of another: both or neither. Undefined if that is gone already. */
export const replace = (
  db: Sink,
  old: { mailbox: number; uid: number },
  draft: Draft & { mailbox: number },
  quota?: number,
): Promise<{ id: number; uid: number } | undefined> =>
  db.transaction(async (tx) => {
    const sql = 'SELECT id, mailbox, uid, size FROM message WHERE mailbox = ? AND uid = ?'
    const gone = await tx.range<Gone>(sql, [old.mailbox, old.uid])
    if (gone.length === 0) return undefined
    await forget(tx, gone) // first, for what it makes room for
    const [added] = await appendMany(tx, [draft], quota)
    return added
  })

/** Removes messages by id from whatever mailboxes they are in; those gone already are skipped. */
export const removeMany = async (tx: Tx, ids: readonly number[]): Promise<void> => {
  const sql = 'SELECT id, mailbox, uid, size FROM message WHERE id IN (?*) AND mailbox IS NOT NULL ORDER BY uid'
  await forget(tx, await tx.range<Gone>(sql, [ids]))
}

/**
 * Takes messages out of a mailbox that is to go, until no more are left than go with it in one transaction. They are not
 * kept for who still shows them: the mailbox itself will not be, either.
 *
 * @returns how many are left
 */
export const thinOut = async (db: Sink, mailbox: number, left = PIECE): Promise<number> => {
  for (;;) {
    const sql = 'SELECT id FROM message WHERE mailbox = ? ORDER BY uid LIMIT ?'
    const ids = (await db.read.range<{ id: number }>(sql, [mailbox, left + PIECE])).map(({ id }) => id)
    if (ids.length <= left) return ids.length
    await db.transaction(async (tx) => {
      await tx.run('DELETE FROM outgoing WHERE message IN (?*)', [ids.slice(left)])
      await removeMany(tx, ids.slice(left))
      await clearSome(tx, ids.slice(left))
    })
  }
}

/** Empties a mailbox that goes itself, which is what sessions are told. */
export const removeAll = async (tx: Tx, account: number, mailbox: number): Promise<void> => {
  const sql = 'SELECT id, body, size FROM message WHERE mailbox = ?'
  const gone = await tx.range<{ id: number; body: number; size: number }>(sql, [mailbox])
  await charge(tx, new Map([[account, -sizeOf(gone)]]))
  await tx.run('DELETE FROM outgoing WHERE message IN (SELECT id FROM message WHERE mailbox = ?)', [mailbox])
  await tx.run('DELETE FROM message WHERE mailbox = ?', [mailbox])
  await noteGone(
    tx,
    gone.map(({ id }) => id),
  )
  await dropRefs(
    tx,
    gone.map(({ body }) => body),
  )
}

type Gone = { id: number; mailbox: number; uid: number; size: number }

const forget = async (tx: Tx, gone: readonly Gone[]): Promise<void> => {
  if (gone.length === 0) return
  const numbers = await takeNumbers(tx, new Map(gone.map(({ mailbox }) => [mailbox, 0])))
  await tx.run('UPDATE message SET mailbox = NULL WHERE id IN (?*)', [gone.map(({ id }) => id)])
  for (const [mailbox, left] of numbers) {
    const here = gone.filter((row) => row.mailbox === mailbox)
    const uids = here.map(({ uid }) => uid)
    await charge(tx, new Map([[left.account, -sizeOf(here)]]))
    await keepVanished(tx, mailbox, left, uids)
    tx.publish({ on: 'expunged', mailbox, account: left.account, uids, modseq: left.modseq })
  }
}

const heldOf = (from: Source, mailbox: number, uids: readonly number[]): Promise<Held[]> =>
  from.read.range<Held>(`SELECT ${heldColumns} FROM message WHERE mailbox = ? AND uid IN (?*) ORDER BY uid`, [
    mailbox,
    uids,
  ])

const whole = (held: readonly Held[], uids: readonly number[], which: Which): readonly Held[] =>
  which === 'those-there' || held.length === uids.length ? held : []

const numbersOf = async (tx: Tx, mailbox: number, count: number) => {
  const numbers = (await takeNumbers(tx, new Map([[mailbox, count]]))).get(mailbox)
  if (!numbers) throw new Error(`mailbox ${mailbox} was given no numbers`)
  return numbers
}

const rowOf = ({ id, uid, modseq, flags, keywords, internalDate, size }: Row): Row => ({
  id,
  uid,
  modseq,
  flags,
  keywords,
  internalDate,
  size,
})
