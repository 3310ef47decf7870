/**
 * What is owed to others once it is promised: nothing leaves the gateway but what a row here, or in
 * `custody`, still asks for.
 *
 * | row | durable since | a crash leaves | gone by |
 * |---|---|---|---|
 * | custody, not done | the transaction that took the envelope on | the row: raised as `due` at the start | done |
 * | owed reports | the transaction of what they tell of | the row: sent again; the neighbour knows repeats | acknowledged, or past `expires` |
 * | outgoing copy | the submission's own transaction | the row: shown as it last was | `cleared` |
 *
 * So effects run at least once, and a crash between any two lines only repeats one. A row is dropped
 * in the transaction that learns it was served, never before.
 */
import type { Stage } from '../src/custody/submission.ts'
import type { Owed } from '../src/report/owed.ts'
import { flag } from './change.ts'
import type { Source, Tx } from './db.ts'
import { documents } from './document.ts'
import { type Held, mark } from './flag.ts'
import { appendMany, type Draft } from './message.ts'
import { removeMany } from './move.ts'

export const owed = documents<Owed, 'neighbour' | 'expires'>(
  'owed',
  ({ key }) => key,
  { neighbour: ({ to }) => to, expires: ({ expires }) => expires },
  ['neighbour'],
)

/** Neighbours to whom something is owed: whom to settle with at the start. */
export const creditors = async (from: Source): Promise<string[]> =>
  (await from.read.all<{ neighbour: string }>('SELECT DISTINCT neighbour FROM owed')).map(({ neighbour }) => neighbour)

/** The copy in Outgoing that shows a sender where a submission stands; a letter of theirs, so already read. */
export const showOutgoing = async (
  tx: Tx,
  copies: readonly (Draft & { submission: string; mailbox: number; stage: Stage })[],
): Promise<void> => {
  const added = await appendMany(
    tx,
    copies.map((copy) => ({ ...copy, flags: flag.seen, keywords: `$${copy.stage}` })),
  )
  await tx.insertMany(
    'outgoing',
    ['submission', 'message'],
    copies.map(({ submission }, i) => [submission, added[i]?.id ?? 0]),
  )
}

/** Without a mailbox if its owner has put it away; `id` is the copy's then too. */
type Marked = Omit<Held, 'mailbox'> & { mailbox: number | null; submission: string; note: number | null }

/** Brings copies to their stage, or clears them away; of several for one submission the last counts. */
export const markOutgoing = async (
  tx: Tx,
  marks: readonly { submission: string; stage: Stage | 'cleared' }[],
): Promise<void> => {
  if (marks.length === 0) return
  const stages = new Map(marks.map(({ submission, stage }) => [submission, stage]))
  const rows = await tx.range<Marked>(
    `SELECT submission, note, outgoing.message AS id, mailbox, uid, modseq, flags, keywords
     FROM outgoing LEFT JOIN message ON message.id = outgoing.message AND mailbox IS NOT NULL WHERE submission IN (?*)`,
    [[...stages.keys()]],
  )
  const gone = rows.filter(({ submission }) => stages.get(submission) === 'cleared')
  const kept = rows.filter(
    (row): row is Marked & Held => row.mailbox !== null && stages.get(row.submission) !== 'cleared',
  )
  await mark(
    tx,
    kept.map((row) => ({ ...row, become: `$${stages.get(row.submission)}` })),
  )
  if (gone.length === 0) return
  await removeMany(
    tx,
    gone.flatMap(({ id, note }) => (note === null ? [id] : [id, note])),
  )
  await tx.run('DELETE FROM outgoing WHERE submission IN (?*)', [gone.map(({ submission }) => submission)])
}

/** A copy in Outgoing, where it lies and what is said of it. `note`: the id of the letter beside it. */
export type Shown = { submission: string; mailbox: number; uid: number; keywords: string; note: number | null }

const shown =
  'SELECT submission, mailbox, uid, keywords, note FROM outgoing JOIN message ON message.id = outgoing.message'

/** The copies among these messages of one mailbox. */
export const shownAt = (from: Source, mailbox: number, uids: readonly number[]): Promise<Shown[]> =>
  from.read.range<Shown>(`${shown} WHERE mailbox = ? AND uid IN (?*)`, [mailbox, uids])

/** All that have not arrived, and those of which a letter beside them does not say so yet. */
export const shownUnderWay = (from: Source): Promise<Shown[]> =>
  from.read.range<Shown>(`${shown} WHERE keywords <> '$Delivered' OR note IS NOT NULL`, [])

/** Puts a letter beside a copy, in place of the one there was; a copy that is gone needs none. */
export const noteOutgoing = async (tx: Tx, { submission, mailbox }: Shown, letter: Draft): Promise<void> => {
  const was = await tx.one<{ note: number | null }>('SELECT note FROM outgoing WHERE submission = ?', [submission])
  if (!was) return
  if (was.note !== null) await removeMany(tx, [was.note])
  const [added] = await appendMany(tx, [{ ...letter, mailbox, flags: flag.seen }])
  await tx.run('UPDATE outgoing SET note = ? WHERE submission = ?', [added?.id ?? null, submission])
}
