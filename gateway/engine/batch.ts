/**
 * Between the engine's working memory and the store: rows read by need, changes written in bulk.
 * A batch costs some two or three trips to the database, whatever the number of its events.
 */
import { createHash } from 'node:crypto'
import { apply } from '../../src/apply.ts'
import type { Custody } from '../../src/custody/custody.ts'
import type { Stage, Submission } from '../../src/custody/submission.ts'
import type { Event } from '../../src/event.ts'
import type { Parsed } from '../../src/mail/parsed.ts'
import { walkOver } from '../../src/mail/walk.ts'
import { type Needs, needs, needsOf, newcomers } from '../../src/needs.ts'
import { admitLocal, type Change, contactKey, type Delivery, type State } from '../../src/state.ts'
import { departed, list as listAccounts } from '../../store/account.ts'
import { addRefs, dropRefs, putCounted, readBody } from '../../store/blob.ts'
import type { Source, Tx } from '../../store/db.ts'
import { loadTogether, wants } from '../../store/document.ts'
import { markDelivered } from '../../store/intake.ts'
import { deliveryFolders, type Folders } from '../../store/mailbox.ts'
import { appendMany } from '../../store/message.ts'
import { markOutgoing, owed, showOutgoing } from '../../store/outbox.ts'
import type { BodyDraft } from '../../store/spool.ts'
import { broughtBytes, contacts, critics, custody, heldBytes, submissions } from '../../store/web.ts'
import { loadWhole, saveRows } from './rows.ts'

/** A body on its way in, under the id that the batch drew for it. */
export type NewBody = { body: BodyDraft; parsed?: Parsed }

export type Batch = {
  changes: Change[]
  drafts: Map<number, NewBody>
  /** By body: how many hold it more (or, below 0, less) than before. A draft nobody holds is not kept. */
  holders: Map<number, number>
  /** Submissions that came into being in this batch: their copies in Outgoing are made, others' are marked. */
  fresh: Map<string, Submission>
}

/** Folder ids of accounts, which never change while the account lives; emptied when a commit fails. */
export type FolderCache = Map<number, Folders>

/** Everything is read first and then put in place at once, so that nobody sees half a world. Who is connected stays. */
export const loadState = async (from: Source, state: State): Promise<void> => {
  const [accounts, gone, held, brought, puts] = await Promise.all([
    listAccounts(from),
    departed(from),
    heldBytes(from),
    broughtBytes(from),
    loadWhole(from),
  ])
  const up = new Set([...state.links.values()].flatMap((link) => (link.up ? [link.agent] : [])))
  for (const value of Object.values(state)) if (value instanceof Map) value.clear()
  for (const entity of gone) state.removed.add(entity)
  for (const { id, address, entityId } of accounts) admitLocal(state, { entity: entityId, account: id, address })
  for (const [agent, bytes] of held) state.held.set(agent, bytes)
  for (const [agent, bytes] of brought) state.brought.set(agent, bytes)
  for (const put of puts) apply(state, put)
  for (const [agent, link] of state.links) state.links.set(agent, { ...link, up: up.has(agent) })
}

/** Forgets what the working memory holds until a certain time, as a restart does: a clock that was set back makes it long. */
export const forgetTimes = (state: State): void => {
  for (const map of [state.missing, state.buckets, state.blamed]) map.clear()
  state.nextSearchAt = 0
}

/** Forgets the rows that are loaded by need. */
export const dropRows = (state: State): void => {
  for (const map of [state.custody, state.submissions, state.owed, state.contacts, state.critics]) map.clear()
}

/**
 * Loads what events need and is not there yet, and what the rows in custody need beside them.
 *
 * @param strangers keys of contacts that are not kept: what is asked of nearly every letter is read once
 */
export const loadRows = async (tx: Tx, state: State, events: readonly Event[], strangers: Strangers): Promise<void> => {
  const coming = newcomers(events)
  const wanted = events.map((event) => needs(state, event, coming))
  const keys = new Set(wanted.flatMap(({ custody }) => custody ?? []))
  const rows = () => [...keys].flatMap((key) => state.custody.get(key) ?? [])
  const beside = () => rows().map((row) => needsOf(state, row, coming))
  await loadMissing(tx, state, [...wanted, ...beside()], strangers)
  await loadMissing(tx, state, beside(), strangers) // of those that only now are there
}

/** Bounded as the rows themselves are: emptied with them. */
export type Strangers = Set<string>

const loadMissing = async (tx: Tx, state: State, wanted: readonly Needs[], strangers: Strangers): Promise<void> => {
  const missing = (name: keyof Needs, there: ReadonlyMap<string, unknown>): string[] => [
    ...new Set(wanted.flatMap((one) => one[name] ?? []).filter((key) => !there.has(key))),
  ]
  const unsure = missing('contacts', state.contacts).filter((key) => !strangers.has(key))
  await loadTogether(tx, [
    wants(custody, missing('custody', state.custody), (row) => state.custody.set(row.key, row)),
    wants(submissions, missing('submissions', state.submissions), (row) => state.submissions.set(row.id, row)),
    wants(critics, missing('critics', state.critics), (row) => state.critics.set(row.entity, row)),
    wants(owed, missing('owed', state.owed), (row) => state.owed.set(row.key, row)),
    wants(contacts, unsure, (row) => state.contacts.set(contactKey(row.entity, row.other), row)),
  ])
  for (const key of unsure) if (!state.contacts.has(key)) strangers.add(key)
}

export const saveBatch = async (tx: Tx, batch: Batch, cache: FolderCache): Promise<void> => {
  const stages = stagesOf(batch.changes)
  // What has to be read comes first: then all that is written is one statement, which is the transaction.
  await loadFolders(tx, batch.changes, cache)
  await markCopies(tx, batch, stages)
  await deliver(tx, batch, cache)
  await showCopies(tx, batch, stages, cache)
  await saveRows(tx, batch.changes)
  await saveBodies(tx, batch)
  await markDelivered(
    tx,
    batch.changes.flatMap((change) => ('taken' in change ? [change.taken] : [])),
  )
}

const saveBodies = async (tx: Tx, { drafts, holders }: Batch): Promise<void> => {
  const count = (id: number) => holders.get(id) ?? 0
  const held = [...drafts].filter(([id]) => count(id) > 0)
  await putCounted(
    tx,
    held.map(([id, { body }]) => ({ id, draft: body, holders: count(id) })),
  )
  const older = [...holders].filter(([id]) => !drafts.has(id))
  await addRefs(tx, repeated(older, 1))
  await dropRefs(tx, repeated(older, -1))
}

const repeated = (holders: readonly [number, number][], sign: 1 | -1): number[] =>
  holders.flatMap(([id, count]) => (count * sign > 0 ? new Array<number>(count * sign).fill(id) : []))

const loadFolders = async (tx: Tx, changes: readonly Change[], cache: FolderCache): Promise<void> => {
  const accounts = changes.flatMap((change) =>
    'deliver' in change ? [change.deliver.account] : 'outgoing' in change ? [change.account] : [],
  )
  const missing = [...new Set(accounts)].filter((account) => !cache.has(account))
  if (missing.length === 0) return
  for (const [account, folders] of await deliveryFolders(tx, missing)) cache.set(account, folders)
}

const deliver = async (tx: Tx, { changes, drafts }: Batch, cache: FolderCache): Promise<void> => {
  const deliveries = changes.flatMap((change) => ('deliver' in change ? [change.deliver] : []))
  const now = Date.now()
  const wholes = await bodiesAround(tx, deliveries)
  await appendMany(
    tx,
    deliveries.flatMap((one) => {
      const mailbox = cache.get(one.account)?.[one.folder]
      if (mailbox !== undefined)
        return [{ mailbox, internalDate: one.provenance?.at ?? now, ...contentOf(one, drafts, wholes) }]
      // A notice to an account that is gone has no reader. Anybody else's mail must not vanish in silence.
      if (typeof one.body === 'object') return []
      throw new Error(`account ${one.account} has no folder ${one.folder}`)
    }),
  )
}

/** An empty header, and this: where a file is lost the notice goes without it, or nothing beside it would ever be saved. */
const UNREADABLE = Buffer.from('\r\nThis message can no longer be read at the gateway that took it.\r\n')

/** Messages that go back inside notices; they are older than the batch, and small (src/custody/letters.ts). */
const bodiesAround = async (tx: Tx, deliveries: readonly Delivery[]): Promise<Map<number, Buffer>> => {
  const found = new Map<number, Buffer>()
  for (const { body } of deliveries)
    if (typeof body === 'object' && body.around)
      found.set(body.around.body, await readBody(tx, body.around.body).catch(() => UNREADABLE))
  return found
}

type Content = Pick<Delivery, 'body' | 'provenance'>

const contentOf = ({ body, provenance }: Content, drafts: Batch['drafts'], wholes: ReadonlyMap<number, Buffer>) => {
  if (typeof body === 'object') {
    const { letter: text, around } = body
    const whole = around && wholes.get(around.body)
    return letter(whole ? Buffer.concat([text.subarray(0, around.at), whole, text.subarray(around.at)]) : text)
  }
  const parsed = drafts.get(body)?.parsed
  if (parsed === undefined) throw new Error(`body ${body} was delivered without its structure`)
  return { body: { id: body, isCounted: true } as const, parsed, ...(provenance && { provenance }) }
}

const letter = (bytes: Buffer) => {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { body: { size: bytes.length, sha256, bytes }, parsed: walkOver(bytes) }
}

type Stages = ReadonlyMap<string, { account: number; stage: Stage | 'cleared' }>

/** Of several stages of a submission the last counts. */
const stagesOf = (changes: readonly Change[]): Stages =>
  new Map(changes.flatMap((change) => ('outgoing' in change ? [[change.outgoing, change]] : [])))

/** A fresh submission's copy in Outgoing is made, every other is brought to its stage. */
const showCopies = async (tx: Tx, batch: Batch, stages: Stages, cache: FolderCache): Promise<void> => {
  const copies = [...stages].flatMap(([submission, { account, stage }]) => {
    const { body, at } = batch.fresh.get(submission) ?? { body: null, at: 0 }
    const parsed = body === null ? undefined : batch.drafts.get(body)?.parsed
    const mailbox = cache.get(account)?.Outgoing
    if (body === null || parsed === undefined || mailbox === undefined || stage === 'cleared') return []
    batch.holders.set(body, (batch.holders.get(body) ?? 0) + 1)
    return [{ submission, mailbox, stage, body: { id: body, isCounted: true } as const, parsed, internalDate: at }]
  })
  await showOutgoing(tx, copies)
}

const markCopies = (tx: Tx, { fresh }: Batch, stages: Stages): Promise<void> =>
  markOutgoing(
    tx,
    [...stages].flatMap(([submission, { stage }]) => (fresh.has(submission) ? [] : [{ submission, stage }])),
  )

/** One row as it stands: in memory, or as stored. */
export const custodyOf = async ({ engine, store }: Has, key: string): Promise<Custody | undefined> =>
  engine.state.custody.get(key) ?? (await custody.load(store.db, [key]))[0]

export const submissionOf = async ({ engine, store }: Has, id: string): Promise<Submission | undefined> =>
  engine.state.submissions.get(id) ?? (await submissions.load(store.db, [id]))[0]

type Has = { engine: { state: State }; store: { db: Source } }
