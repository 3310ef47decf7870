/**
 * The directory role, `[directory] serve = true`: the one call besides `/pair` that is open to strangers.
 *
 *   {v, tell: REACH}     the caller's own, made for us   → {ok}
 *   {v, where: agentId}                                  → {record?}
 *
 * A source address may ask so often and tell so often; what is kept is bounded, and goes after 48 hours.
 */
import { REACH_LIFE_MS } from '../../src/reach/announce.ts'
import { type Listed, list } from '../../src/reach/directory.ts'
import { Refusal } from '../../src/refusal.ts'
import { isReachAsk, type ReachAsk, reachAsk } from '../../src/wire/directory.ts'
import { listed } from '../../store/web.ts'
import type { Core } from '../core.ts'
import { createMeter, networkOf } from '../throttle.ts'
import { readReach } from './hear.ts'

export type Directory = {
  answer(from: string, remote: string, request: unknown): Promise<object>
  /** What is over is forgotten. */
  tidy(): Promise<void>
}

/** Of one source address: a hundred agents behind one NAT lose a neighbour each within ten minutes. */
const ASKED = { limit: 100, windowMs: 600_000 }
/** Each costs a signature and a durable write; an honest agent tells twice an hour. */
const TOLD = { limit: 30, windowMs: 600_000 }
/** Some 150 MB on the disk, 20 MB in memory. */
const MOST = 100_000
const TIDY_MAX = 5_000
/** Whoever runs has told twice by then: in a full directory it gives way to newcomers. */
const SILENT_MS = 90 * 60_000

export const openDirectory = async (
  core: Pick<Core, 'agent' | 'net' | 'store' | 'now'>,
  most = MOST,
): Promise<Directory> => {
  const { db } = core.store
  const asked = createMeter(ASKED.limit, ASKED.windowMs, core.now)
  const told = createMeter(TOLD.limit, TOLD.windowMs, core.now)
  // In the order in which they spoke last: whoever has been silent longest comes first.
  const known = new Map(
    (await listed.all(db))
      .sort((a, b) => a.expires - b.expires)
      .map(({ agent, seq, expires }) => [agent, { seq, at: expires - REACH_LIFE_MS }]),
  )

  const where = async ({ where = '' }: ReachAsk): Promise<object> => {
    const [row] = known.has(where) ? await listed.load(db, [where]) : []
    return row && row.expires > core.now() ? { v: 1, record: row.record } : { v: 1 }
  }
  const take = async (from: string, jws: string): Promise<object> => {
    const said = await readReach(core, jws)
    const seq = known.get(said.by)?.seq
    const gone = seq === undefined && known.size >= most ? silent() : undefined
    const row = list(seq === undefined ? undefined : { seq }, from, core.agent.id, said, core.now())
    if ('refused' in row) throw new Refusal(row.refused, 'a directory takes only the newest word of the caller itself')
    if (row.seq === seq) return { v: 1, ok: true }
    await keep(row, gone)
    return { v: 1, ok: true }
  }
  const keep = async (row: Listed, gone: string | undefined) => {
    if (gone !== undefined) known.delete(gone)
    known.delete(row.agent) // to the end
    known.set(row.agent, { seq: row.seq, at: core.now() }) // before the write: a lower one that comes meanwhile is refused
    await db.transaction(async (tx) => {
      await listed.save(tx, [row])
      if (gone !== undefined) await listed.drop(tx, [gone])
    })
  }
  /** Who gives way in a full directory. @throws Refusal custody-full where all have spoken lately */
  const silent = (): string => {
    const [first] = known
    if (first !== undefined && core.now() - first[1].at >= SILENT_MS) return first[0]
    throw new Refusal('custody-full', 'this directory is full')
  }

  return {
    async answer(from, remote, request) {
      const ask = reachAsk(request, 'the question')
      const meter = isReachAsk(ask) ? asked : told
      if (meter.take(networkOf(remote)) > 0)
        throw new Refusal('rate-limited', 'too many calls of a directory from there')
      return isReachAsk(ask) ? where(ask) : take(from, ask.tell ?? '')
    },
    async tidy() {
      const over = await listed.due(db, 'expires', core.now(), TIDY_MAX)
      await db.transaction((tx) => listed.drop(tx, over))
      for (const agent of over) known.delete(agent)
    },
  }
}
