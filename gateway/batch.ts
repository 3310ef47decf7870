/**
 * Between the engine's working memory and the store: rows read by need, changes written in bulk.
 * A batch costs a dozen statements, whatever the number of its events.
 */
import { createHash } from 'node:crypto'
import type { Custody } from '../src/custody/custody.ts'
import type { Stage, Submission } from '../src/custody/submission.ts'
import type { Parsed } from '../src/mail/parsed.ts'
import { startWalk } from '../src/mail/walk.ts'
import { admitLocal, apply, type Change, contactKey, type Delivery, type State } from '../src/state.ts'
import type { Needs } from '../src/web.ts'
import { list as listAccounts } from '../store/account.ts'
import { addRefs, type BodyDraft, dropRefs, putBodies } from '../store/blob.ts'
import type { Source, Tx } from '../store/db.ts'
import { idsNamed } from '../store/mailbox.ts'
import { appendMany } from '../store/message.ts'
import { markOutgoing, owed, showOutgoing } from '../store/outbox.ts'
import { cards, contacts, custody, links, routes, submissions } from '../store/web.ts'

/** Fills what is small and kept whole; what is loaded by need is dropped. Live facts (who is connected) stay. */
export const loadState = async (from: Source, state: State): Promise<void> => {
  const { locals, addresses, targets, known, knownAt, routes: paths } = state
  for (const map of [locals, addresses, targets, known, knownAt, paths]) map.clear()
  dropRows(state)
  const [accounts, kept, people, ways] = await Promise.all([
    listAccounts(from),
    links.all(from),
    cards.all(from),
    routes.all(from),
  ])
  for (const { id, address, entityId } of accounts) admitLocal(state, { entity: entityId, account: id, address })
  for (const row of kept) apply(state, { put: 'link', row: { ...row, up: state.links.get(row.agent)?.up ?? false } })
  for (const { card, ...row } of people) apply(state, { put: 'known', row, card })
  for (const row of ways) apply(state, { put: 'route', row })
}

/** Forgets the rows that are loaded by need. */
export const dropRows = (state: State): void => {
  for (const map of [state.custody, state.submissions, state.owed, state.contacts]) map.clear()
}

/** Loads what is named and not there yet. */
export const loadRows = async (tx: Tx, state: State, wanted: readonly Needs[]): Promise<void> => {
  const missing = (name: keyof Needs, there: ReadonlyMap<string, unknown>): string[] => [
    ...new Set(wanted.flatMap((one) => one[name] ?? []).filter((key) => !there.has(key))),
  ]
  for (const row of await custody.load(tx, missing('custody', state.custody))) state.custody.set(row.key, row)
  for (const row of await submissions.load(tx, missing('submissions', state.submissions)))
    state.submissions.set(row.id, row)
  for (const row of await owed.load(tx, missing('owed', state.owed))) state.owed.set(row.key, row)
  for (const row of await contacts.load(tx, missing('contacts', state.contacts)))
    state.contacts.set(contactKey(row.entity, row.other), row)
}

/** The bodies of the batch's events, put with one holder each: the batch, until `saveChanges` says who holds them. */
export type PutDrafts = { ids: number[]; parsed: Map<number, Parsed> }

export const putDrafts = async (
  tx: Tx,
  drafts: readonly { body: BodyDraft; parsed?: Parsed }[],
): Promise<PutDrafts> => {
  const ids = await putBodies(
    tx,
    drafts.map((draft) => draft.body),
  )
  const parsed = new Map(drafts.flatMap((draft, i) => (draft.parsed ? [[ids[i] ?? 0, draft.parsed] as const] : [])))
  return { ids, parsed }
}

/** @param holders by body: how many hold it more (or, below 0, less) than before the batch */
export const saveChanges = async (
  tx: Tx,
  changes: readonly Change[],
  holders: ReadonlyMap<number, number>,
  parsed: PutDrafts['parsed'],
): Promise<void> => {
  const { rows, gone } = lastOf(changes)
  await deliver(
    tx,
    changes.flatMap((change) => ('deliver' in change ? [change.deliver] : [])),
    parsed,
  )
  await custody.save(tx, rows('custody'))
  await custody.drop(tx, gone('custody'))
  await submissions.save(tx, rows('submission'))
  await outgoing(tx, changes, parsed)
  await submissions.drop(tx, gone('submission'))
  await owed.save(tx, rows('owed'))
  await owed.drop(tx, gone('owed'))
  await contacts.save(tx, rows('contact'))
  await routes.save(tx, rows('route'))
  await routes.drop(tx, gone('route'))
  await links.save(
    tx,
    rows('link').map((row) => ({ ...row, up: false })),
  ) // connected is a live fact
  await cards.save(
    tx,
    changes.flatMap((change) =>
      'put' in change && change.put === 'known' ? [{ ...change.row, card: change.card }] : [],
    ),
  )
  await addRefs(tx, repeated(holders, 1))
  await dropRefs(tx, repeated(holders, -1))
}

const repeated = (holders: ReadonlyMap<number, number>, sign: 1 | -1): number[] =>
  [...holders].flatMap(([id, count]) => (count * sign > 0 ? new Array<number>(count * sign).fill(id) : []))

type Put = Extract<Change, { put: string }>
type RowOf<Name extends Put['put']> = Extract<Put, { put: Name }>['row']

/** Of several changes to one row the last counts. */
const lastOf = (changes: readonly Change[]) => {
  const last = new Map<string, Change>()
  for (const change of changes) {
    if ('put' in change) last.set(`${change.put} ${keyIn(change)}`, change)
    if ('drop' in change)
      last.set(
        `${change.drop} ${'key' in change ? change.key : 'id' in change ? change.id : 'entity' in change ? change.entity : change.qid}`,
        change,
      )
  }
  return {
    rows: <Name extends Put['put']>(name: Name): RowOf<Name>[] =>
      [...last.values()].flatMap((change) =>
        'put' in change && change.put === name ? [change.row as RowOf<Name>] : [],
      ),
    gone: (name: string): string[] =>
      [...last].flatMap(([key, change]) =>
        'drop' in change && change.drop === name ? [key.slice(name.length + 1)] : [],
      ),
  }
}

const keyIn = (change: Put): string => {
  switch (change.put) {
    case 'custody':
    case 'owed':
      return change.row.key
    case 'submission':
      return change.row.id
    case 'contact':
      return contactKey(change.row.entity, change.row.other)
    case 'known':
    case 'route':
      return change.row.entity
    case 'link':
      return change.row.agent
    case 'search':
      return change.row.qid
  }
}

/** An account that was removed meanwhile has no folder: what was for it is gone with it. */
const deliver = async (tx: Tx, deliveries: readonly Delivery[], parsed: PutDrafts['parsed']): Promise<void> => {
  if (deliveries.length === 0) return
  const now = Date.now()
  const accounts = [...new Set(deliveries.map((one) => one.account))]
  const folders = { INBOX: await idsNamed(tx, accounts, 'INBOX'), Requests: await idsNamed(tx, accounts, 'Requests') }
  await appendMany(
    tx,
    deliveries.flatMap(({ account, folder, body, provenance }) => {
      const mailbox = folders[folder].get(account)
      const content = typeof body === 'number' ? { body: { id: body }, parsed: parsed.get(body) } : letter(body.letter)
      if (mailbox === undefined || content.parsed === undefined) return []
      const { body: source, parsed: structure } = content
      return [
        {
          mailbox,
          body: source,
          parsed: structure,
          internalDate: provenance?.at ?? now,
          ...(provenance && { provenance }),
        },
      ]
    }),
  )
}

const letter = (bytes: Buffer) => {
  const walk = startWalk()
  walk.push(bytes)
  return {
    body: { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'), bytes },
    parsed: walk.end(),
  }
}

/** The first stage of a submission of this batch makes its copy in Outgoing, every other change marks it. */
const outgoing = async (tx: Tx, changes: readonly Change[], parsed: PutDrafts['parsed']): Promise<void> => {
  const fresh = new Map<string, Submission>()
  for (const change of changes)
    if ('put' in change && change.put === 'submission' && parsed.has(change.row.body ?? 0))
      fresh.set(change.row.id, change.row)
  const stages = new Map<string, { submission: string; account: number; stage: Stage | 'cleared' }>()
  for (const change of changes)
    if ('outgoing' in change)
      stages.set(change.outgoing, { submission: change.outgoing, account: change.account, stage: change.stage })

  const copies = [...stages.values()].flatMap(({ submission, account, stage }) => {
    const row = fresh.get(submission)
    const structure = parsed.get(row?.body ?? 0)
    if (row === undefined || row.body === null || structure === undefined || stage === 'cleared') return []
    return [{ submission, account, stage, body: { id: row.body }, parsed: structure, internalDate: row.at }]
  })
  if (copies.length > 0) await showOutgoing(tx, copies)
  const marks = [...stages.values()].filter(({ submission }) => !fresh.has(submission))
  if (marks.length > 0) await markOutgoing(tx, marks)
}

/** One row as it stands: in memory, or as stored. */
export const custodyOf = async ({ engine, store }: Has, key: string): Promise<Custody | undefined> =>
  engine.state.custody.get(key) ?? (await custody.load(store.db, [key]))[0]

export const submissionOf = async ({ engine, store }: Has, id: string): Promise<Submission | undefined> =>
  engine.state.submissions.get(id) ?? (await submissions.load(store.db, [id]))[0]

type Has = { engine: { state: State }; store: { db: Source } }
