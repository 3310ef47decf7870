/**
 * The end of an envelope at one holder. The payload goes, the outcome stays until twice the
 * expiry; an origin tells its sender, everybody else owes the report to whoever handed it over.
 */
import type { Effect, Step } from '../effect.ts'
import { about, type Item, owe, owedKey } from '../report/owed.ts'
import type { Change, State } from '../state.ts'
import { type Custody, forgetAt } from './custody.ts'
import { progress, tell } from './letters.ts'

type Outcome = NonNullable<Custody['outcome']>

/** @param told the reports that brought the outcome; without them the outcome is our own word */
export const finish = (state: State, was: Custody, outcome: Outcome, now: number, told: Item[] = []): Step => {
  const row: Custody = { ...was, state: 'done', body: null, stamps: [], retryAt: null, awaits: null, outcome }
  const log: Effect = {
    do: 'log',
    event: outcome.event,
    key: row.key,
    ...(row.messageId && { messageId: row.messageId }),
    ...(outcome.code && { detail: outcome.code }),
  }
  const kept: Change = { put: 'custody', row }
  if (row.role === 'origin') return { changes: [kept, ...tellSender(state, row, outcome, now)], effects: [log] }
  const owed = oweUpstream(state, row, told.length > 0 ? told : [{ own: own(row, outcome) }])
  return { changes: [kept, ...owed.changes], effects: [log, ...owed.effects] }
}

/** Reports owed to whoever handed it to us, and to all who brought another copy. */
export const oweUpstream = (state: State, row: Custody, items: Item[]): Step => {
  if (row.from === undefined || items.length === 0) return { changes: [], effects: [] }
  const them = [row.from, ...(row.also ?? [])]
  return {
    changes: them.map((to) => ({
      put: 'owed',
      row: owe(state.owed.get(owedKey(to, row.key)), to, row.key, items, forgetAt(row)),
    })),
    effects: them.map((to) => ({ do: 'settle', to })),
  }
}

const own = (row: Custody, outcome: Outcome) => ({
  ...about(row.key, outcome.at),
  event: outcome.event,
  ...(outcome.code && { code: outcome.code }),
})

const tellSender = (state: State, row: Custody, outcome: Outcome, now: number): Change[] => {
  const isDelivered = outcome.event === 'delivered'
  const told = isDelivered
    ? ({ kind: 'delivered' } as const)
    : ({ kind: 'failed', code: outcome.code ?? 'expired' } as const)
  return [...progress(state, row, isDelivered ? 'Delivered' : 'Failed', now), ...tell(state, row, told, now)]
}
