/**
 * What a change makes of a State, for the gateway and for the village: so a decision sees the same world in both.
 *
 * Beside each row goes what is looked up by another key: targets, addresses, bytes held for a neighbour or brought by one.
 */
import { targetOfAddress, targetOfEntity } from './address.ts'
import { broughtBy, type Custody, heldFor, ROW_BYTES } from './custody/custody.ts'
import { dropRoute, note, putRoute, putSearch } from './route/memory.ts'
import type { Known } from './route/search.ts'
import { type Change, contactKey, type State } from './state.ts'

/** Deliveries and the Outgoing folder are the store's; everything else changes here. */
export const apply = (state: State, change: Change): void => {
  if ('put' in change) put(state, change)
  else if ('drop' in change) drop(state, change)
  else if ('note' in change) note(state, change.note)
}

const put = (state: State, change: Extract<Change, { put: string }>): void => {
  switch (change.put) {
    case 'custody':
      return void putCustody(state, change.row.key, change.row)
    case 'submission':
      return void state.submissions.set(change.row.id, change.row)
    case 'owed':
      return void state.owed.set(change.row.key, change.row)
    case 'warned':
      return void state.warned.set(change.row.entity, change.row)
    case 'contact':
      return void state.contacts.set(contactKey(change.row.entity, change.row.other), change.row)
    case 'repute':
      return void state.repute.set(change.row.entity, change.row)
    case 'route':
      return void putRoute(state, change.row, change.isFurther === true)
    case 'link':
      return void state.links.set(change.row.agent, change.row)
    case 'revocation':
      return void state.revoked.set(change.row.agent, change.row)
    case 'reach':
      return void state.reaches.set(change.row.agent, change.row)
    case 'critic':
      return void state.critics.set(change.row.entity, change.row)
    case 'complaint':
    case 'posted':
    case 'ruling':
      return // for whoever asks; no decision does
    case 'credit':
      return void state.credits.set(change.agent, change.row)
    case 'knock':
      return void state.knocks.set(change.row.who, change.row)
    case 'household':
      return void state.households.set(change.row.agent, change.row)
    case 'search':
      return void putSearch(state, change.row.qid, change.row)
    case 'known':
      return void putKnown(state, change.row)
  }
}

const putKnown = (state: State, row: Known): void => {
  unlistKnown(state, row.entity) // they may have moved
  for (const target of targetsOf(row)) state.knownTargets.set(target, row.entity)
  state.known.set(row.entity, row)
  state.knownAt.set(row.address, row.entity)
}

/** By its address and its targets it is found no more. */
const unlistKnown = (state: State, entity: string): void => {
  const was = state.known.get(entity)
  if (was === undefined) return
  for (const target of targetsOf(was)) state.knownTargets.delete(target)
  state.knownAt.delete(was.address)
}

const targetsOf = ({ address, entity }: Known): string[] => [targetOfAddress(address), targetOfEntity(entity)]

const drop = (state: State, change: Extract<Change, { drop: string }>): void => {
  switch (change.drop) {
    case 'custody':
      return void putCustody(state, change.key, undefined)
    case 'submission':
      return void state.submissions.delete(change.id)
    case 'owed':
      return void state.owed.delete(change.key)
    case 'posted':
      return // as above
    case 'known':
      unlistKnown(state, change.entity)
      return void state.known.delete(change.entity)
    case 'route':
      return void dropRoute(state, change.entity, change.key)
    case 'link':
      return void state.links.delete(change.agent)
    case 'credit':
      return void state.credits.delete(change.agent)
    case 'revocation':
      return void state.revoked.delete(change.agent)
    case 'reach':
      return void state.reaches.delete(change.agent)
    case 'knock':
      return void state.knocks.delete(change.who)
    case 'household':
      return void state.households.delete(change.agent)
    case 'search':
      return void putSearch(state, change.qid, undefined)
  }
}

/** `held` and `brought` follow what lies here, so that nobody adds it up for every arrival. */
const putCustody = (state: State, key: string, row: Custody | undefined): void => {
  const was = state.custody.get(key)
  count(state.held, heldFor(was), -(was?.size ?? 0))
  count(state.held, heldFor(row), row?.size ?? 0)
  count(state.brought, broughtBy(was), -(was?.size ?? 0) - ROW_BYTES)
  count(state.brought, broughtBy(row), (row?.size ?? 0) + ROW_BYTES)
  if (row === undefined) state.custody.delete(key)
  else state.custody.set(key, row)
}

const count = (sums: Map<string, number>, agent: string | undefined, bytes: number): void => {
  if (agent === undefined) return
  const left = (sums.get(agent) ?? 0) + bytes
  if (left > 0) sums.set(agent, left)
  else sums.delete(agent)
}
