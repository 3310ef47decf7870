/**
 * Changes as rows of the store: which table each kind is kept in, and as what; and rows as changes, of those tables
 * that are in memory as a whole.
 */
import type { Change } from '../../src/state.ts'
import type { Source, Tx } from '../../store/db.ts'
import type { Documents } from '../../store/document.ts'
import { owed } from '../../store/outbox.ts'
import {
  cards,
  complaints,
  contacts,
  credits,
  critics,
  custody,
  households,
  knocks,
  links,
  posted,
  reaches,
  repute,
  revocations,
  routes,
  rulings,
  submissions,
  warnings,
} from '../../store/web.ts'

type Put = Extract<Change, { put: Kept }>
type Drop = Exclude<Extract<Change, { drop: string }>, { drop: 'search' }>
/** A search lives in memory alone. */
type Kept = Exclude<Extract<Change, { put: string }>['put'], 'search'>
type PutOf<Name extends Kept> = Extract<Put, { put: Name }>
type Table<Name extends Kept> = {
  keyOf(change: PutOf<Name>): string
  save(tx: Tx, changes: readonly PutOf<Name>[]): Promise<void>
  drop(tx: Tx, keys: readonly string[]): Promise<void>
}

/** Of several changes to one row the last counts. */
export const saveRows = async (tx: Tx, changes: readonly Change[]): Promise<void> => {
  const last = new Map<Kept, Map<string, Put | Drop>>()
  const note = (name: Kept, key: string, change: Put | Drop) => {
    const rows = last.get(name) ?? new Map<string, Put | Drop>()
    last.set(name, rows.set(key, change))
  }
  for (const change of changes) {
    if ('put' in change && change.put !== 'search') note(change.put, keyOfPut(change), change)
    if ('drop' in change && change.drop !== 'search') note(change.drop, keyOfDrop(change), change)
  }
  // Always in one order: the store keeps a statement for each combination it meets.
  for (const name of names) {
    const rows = last.get(name)
    if (rows) await saveTable(tx, name, [...rows.values()])
  }
}

const saveTable = async <Name extends Kept>(tx: Tx, name: Name, rows: readonly (Put | Drop)[]): Promise<void> => {
  const table = tables[name]
  const puts = rows.flatMap((change) => ('put' in change ? [change as PutOf<Name>] : []))
  const gone = rows.flatMap((change) => ('drop' in change ? [keyOfDrop(change)] : []))
  if (puts.length > 0) await table.save(tx, puts)
  if (gone.length > 0) await table.drop(tx, gone)
}

const kept = <Name extends Kept, Doc>(
  documents: Documents<Doc, never>,
  doc: (change: PutOf<Name>) => Doc,
): Table<Name> => ({
  keyOf: (change) => documents.keyOf(doc(change)),
  save: (tx, changes) => documents.save(tx, changes.map(doc)),
  drop: documents.drop,
})

const asItIs = <Name extends Kept>(documents: Documents<PutOf<Name>['row'], never>): Table<Name> =>
  kept(documents, ({ row }) => row)

const tables: { readonly [Name in Kept]: Table<Name> } = {
  custody: asItIs(custody),
  submission: asItIs(submissions),
  owed: asItIs(owed),
  posted: asItIs(posted),
  contact: asItIs(contacts),
  repute: asItIs(repute),
  warned: asItIs(warnings),
  route: kept(routes, ({ row, proof }) => ({ ...row, ...(proof && { proof }) })),
  reach: asItIs(reaches),
  link: kept(links, ({ row }) => ({ ...row, up: false })), // connected is a live fact
  revocation: asItIs(revocations),
  complaint: asItIs(complaints),
  ruling: asItIs(rulings),
  critic: asItIs(critics),
  credit: kept(credits, ({ row, agent }) => ({ ...row, agent })),
  household: asItIs(households),
  knock: asItIs(knocks),
  known: kept(cards, ({ row, card }) => ({ ...row, card })),
}
const names = Object.keys(tables) as Kept[]

const keyOfPut = <Name extends Kept>(change: PutOf<Name>): string => tables[change.put as Name].keyOf(change)

const keyOfDrop = (change: Drop): string => {
  if ('key' in change) return change.key
  if ('id' in change) return change.id
  if ('agent' in change) return change.agent
  return 'who' in change ? change.who : change.entity
}

/** What a start reads: each row as the change that puts it in place. */
export const loadWhole = async (from: Source): Promise<Put[]> =>
  (await Promise.all(wholes.map((read) => read(from)))).flat()

const whole =
  <Doc>(documents: Documents<Doc, never>, put: (doc: Doc) => Put) =>
  async (from: Source): Promise<Put[]> =>
    (await documents.all(from)).map(put)

const wholes = [
  // Since when it is away is not known of the time before the start.
  whole(links, ({ downAt: _, ...row }) => ({ put: 'link', row })),
  whole(credits, ({ agent, ...row }) => ({ put: 'credit', agent, row })),
  whole(cards, ({ card, ...row }) => ({ put: 'known', row, card })),
  whole(routes, ({ proof: _, ...row }) => ({ put: 'route', row })),
  whole(reaches, (row) => ({ put: 'reach', row })),
  whole(warnings, (row) => ({ put: 'warned', row })),
  whole(knocks, (row) => ({ put: 'knock', row })),
  whole(households, (row) => ({ put: 'household', row })),
  whole(repute, (row) => ({ put: 'repute', row })),
  whole(revocations, (row) => ({ put: 'revocation', row })),
]
