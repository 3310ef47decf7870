/**
 * What people do to delivered messages in their mail clients, from the store's changes: where a message is now
 * and where it came from; src/complaint/sign.ts says what that means. Changes gather for a moment, so that a flag on one message
 * costs one statement and a flag on a thousand the same.
 */
import type { Folder, Lying } from '../../src/complaint/sign.ts'
import { type Change, flag } from '../../store/change.ts'
import { type Placed, placedAsJunk, placedById, placedByUid } from '../../store/gesture.ts'
import { byId as mailboxById } from '../../store/mailbox.ts'
import type { Core } from '../core.ts'

export type Watch = {
  /** Tells what is to be seen now of all that lies on Junk, and of these messages; then whatever changes. */
  start(messages: readonly number[]): Promise<void>
  stop(): void
}

const GATHER_MS = 200

/** Messages by id with the folder they came from, 0 if that says nothing; and by mailbox and uid. */
type Touched = { ids: Map<number, number>; uids: Map<number, Set<number>> }

export const watchMessages = (
  { store: { db }, log }: Pick<Core, 'store' | 'log'>,
  tell: (one: Placed, lying: Lying, from: Folder | undefined) => Promise<void>,
): Watch => {
  let touched: Touched = { ids: new Map(), uids: new Map() }
  let timer: NodeJS.Timeout | undefined

  const foldersOf = async (ids: ReadonlySet<number>): Promise<Map<number, Folder>> => {
    const found = await Promise.all([...ids].filter((id) => id !== 0).map((id) => mailboxById(db, id)))
    return new Map(found.flatMap((box) => (box ? [[box.id, { folder: box.name, specialUse: box.specialUse }]] : [])))
  }

  const look = async ({ ids, uids }: Touched): Promise<void> => {
    const found = ids.size > 0 ? await placedById(db, [...ids.keys()]) : []
    const sources = await foldersOf(new Set(ids.values()))
    for (const one of found) await tell(one, lying(one), sources.get(ids.get(one.id) ?? 0))
    for (const [mailbox, some] of uids)
      for (const one of await placedByUid(db, mailbox, [...some])) await tell(one, lying(one), undefined)
  }

  const flush = () => {
    timer = undefined
    const some = touched
    touched = { ids: new Map(), uids: new Map() }
    look(some).catch((error) =>
      log.error({ area: 'complaint', event: 'watch-failed', err: error }, 'what was done to messages was not seen'),
    )
  }
  const listener = (change: Change) => {
    if (!note(touched, change)) return
    timer ??= setTimeout(flush, GATHER_MS)
  }
  return {
    async start(messages) {
      db.changes.on('change', listener)
      const junked = (await placedAsJunk(db)).map(({ id }) => id)
      await look({ ids: new Map([...junked, ...messages].map((id) => [id, 0])), uids: new Map() })
    },
    stop() {
      db.changes.off('change', listener)
      clearTimeout(timer)
    },
  }
}

/** The flags that say anything: see `Lying`. */
const TELLING = flag.seen | flag.answered | flag.deleted

/** @returns whether it is something that a person does to a message */
const note = ({ ids, uids }: Touched, change: Change): boolean => {
  if (change.on === 'added' && change.from !== undefined) {
    for (const { id } of change.messages) ids.set(id, change.from)
    return true
  }
  if (change.on !== 'flagged' || !(change.isWorded || change.bits & TELLING)) return false
  const some = uids.get(change.mailbox) ?? new Set()
  for (const { uid } of change.messages) some.add(uid)
  uids.set(change.mailbox, some)
  return true
}

const lying = ({ folder, specialUse, keywords, flags }: Placed): Lying => ({
  folder,
  specialUse,
  keywords,
  isSeen: (flags & flag.seen) !== 0,
  isAnswered: (flags & flag.answered) !== 0,
  isDeleted: (flags & flag.deleted) !== 0,
})
