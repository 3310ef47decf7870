/**
 * What an agent remembers of the web around it: ways that were found, searches that go by, and what it
 * thinks of others for a while. It is part of the State (src/state.ts). Ways are kept in the store as well;
 * all the rest is working memory: a restart forgets it, and nothing but some time is lost. Times are epoch ms.
 */
import type { Bucket } from './bucket.ts'
import { questName, type Search } from './search.ts'

/** A way to an agent: every hop from us to it, both included. `entity` is whom it was found for; `key` names this very way. */
export type Route = {
  key: string
  entity: string
  hops: string[]
  expires: number
  /** The signatures by which it was found are kept, to be shown to others. */
  isProven?: true
}

/** Somebody who was silent: see blame.ts. */
export type Blame = { agent: string; times: number; until: number }

export type Memory = {
  routes: Map<string, readonly Route[]> // by entity: at most three, the first is tried first; see cache.ts
  searches: Map<string, Search> // by qid
  quests: Map<string, string> // by name, the qid of our search that is under way
  missing: Map<string, number> // targets nobody knows, until when that is believed
  buckets: Map<string, Bucket> // by neighbour
  blamed: Map<string, Blame> // by agent
  /** Our next search may begin then, if those before it took all that a minute allows. */
  nextSearchAt: number
}

export const emptyMemory = (): Memory => ({
  routes: new Map(),
  searches: new Map(),
  quests: new Map(),
  missing: new Map(),
  buckets: new Map(),
  blamed: new Map(),
  nextSearchAt: 0,
})

/** A change to what is working memory alone. */
export type Note =
  | { of: 'use'; entity: string } // its ways were used: they are the last to go
  | { of: 'missing'; target: string; until: number }
  | { of: 'hope'; target?: string } // it is not missing any more; without a target: nothing is
  | { of: 'bucket'; row: Bucket }
  | { of: 'pace'; nextSearchAt: number }
  | { of: 'blame'; row: Blame }
  | { of: 'forgiven'; agent: string }

export const note = (memory: Memory, noted: Note): void => {
  switch (noted.of) {
    case 'use':
      use(memory, noted.entity)
      break
    case 'missing':
      memory.missing.set(noted.target, noted.until)
      break
    case 'hope':
      if (noted.target === undefined) memory.missing.clear()
      else memory.missing.delete(noted.target)
      break
    case 'bucket':
      memory.buckets.set(noted.row.neighbour, noted.row)
      break
    case 'pace':
      memory.nextSearchAt = noted.nextSearchAt
      break
    case 'blame':
      memory.blamed.set(noted.row.agent, noted.row)
      break
    case 'forgiven':
      memory.blamed.delete(noted.agent)
      break
  }
}

/** Before the others, or behind them: what answered first is tried first. */
export const putRoute = (memory: Memory, row: Route, isFurther: boolean): void => {
  const others = (memory.routes.get(row.entity) ?? []).filter((one) => one.key !== row.key)
  memory.routes.set(row.entity, isFurther ? [...others, row] : [row, ...others])
}

export const dropRoute = (memory: Memory, entity: string, key: string): void => {
  const left = (memory.routes.get(entity) ?? []).filter((one) => one.key !== key)
  if (left.length > 0) memory.routes.set(entity, left)
  else memory.routes.delete(entity)
}

/** Last used, last to go. */
const use = (memory: Memory, entity: string): void => {
  const ways = memory.routes.get(entity)
  if (ways === undefined) return
  memory.routes.delete(entity)
  memory.routes.set(entity, ways)
}

/** `quests` follows what is under way, so that nobody goes through all searches to find one. */
export const putSearch = (memory: Memory, qid: string, row: Search | undefined): void => {
  const was = memory.searches.get(qid)
  if (was !== undefined && 'seed' in was && memory.quests.get(questName(was)) === qid)
    memory.quests.delete(questName(was))
  if (row === undefined) return void memory.searches.delete(qid)
  memory.searches.set(qid, row)
  if ('seed' in row) memory.quests.set(questName(row), qid)
}
