/**
 * The end of an envelope at one holder. The payload goes, the outcome stays until twice the
 * expiry; an origin tells its sender, everybody else owes the report to whoever handed it over.
 */
import { type Effect, nothing, type Step } from '../effect.ts'
import { unpaired } from '../link/pair.ts'
import { about, type Item, owe, owedKey } from '../report/owed.ts'
import type { Change, State } from '../state.ts'
import { again, permitted } from './again.ts'
import { type Custody, forgetAt, mayBeElsewhere } from './custody.ts'
import { progress, tell } from './letters.ts'
import { logged } from './log.ts'
import { freed, judgeBy } from './meter.ts'

type Outcome = NonNullable<Custody['outcome']>

/** The reports that brought the outcome, and over which neighbour. */
type Heard = { from: string; told: Item[] }

/** @param heard without it no report brought the outcome, and upstream has our own */
export const finish = (state: State, was: Custody, outcome: Outcome, now: number, heard?: Heard): Step => {
  const ended: Custody = { ...was, state: 'done', body: null, stamps: [], retryAt: null, awaits: null, outcome }
  const { row, changes } = settled(state, ended, outcome, now, heard?.from)
  const log = logged(outcome.event, row, outcome.code && { detail: outcome.code })
  const kept: Change[] = [{ put: 'custody', row }, ...changes]
  if (row.role === 'origin') {
    const anew = outcome.code === 'permit-ended' ? again(state, row, now) : undefined
    if (anew) return { changes: [...kept, ...anew.changes], effects: [log, ...anew.effects] }
    const permit = permitted(state, row)
    const woken: Effect[] = permit.length > 0 && row.next ? [{ do: 'wake', awaits: `credit:${row.next}` }] : []
    return {
      changes: [
        ...kept,
        ...permit,
        ...unpaired(state, row.agent, outcome.code),
        ...tellSender(state, row, outcome, now),
      ],
      effects: [log, ...woken],
    }
  }
  const owed = oweUpstream(state, row, heard?.told ?? [{ own: own(row, outcome) }])
  return { changes: [...kept, ...owed.changes], effects: [log, ...owed.effects] }
}

/** Reports owed to whoever handed it to us, and to all who brought another copy. */
export const oweUpstream = (state: State, row: Custody, items: Item[]): Step => {
  if (row.from === undefined || items.length === 0) return nothing
  const them = [row.from, ...(row.also ?? [])]
  return {
    changes: them.map((to) => ({
      put: 'owed',
      row: owe(state.owed.get(owedKey(to, row.key)), to, row.key, items, forgetAt(row)),
    })),
    effects: them.map((to) => ({ do: 'settle', to })),
  }
}

/** Our word that `next` has it; with its receipt, where there is one. */
export const forwarded = (key: string, next: string, at: number, receipt = ''): Item => ({
  own: { ...about(key, at), event: 'forwarded', next, ...(receipt && { receipt }) },
})

/**
 * What it costs from now on: nothing, if it came to nobody or the recipient knows the sender. Else it
 * is judged within a week of the delivery; and where nobody knows of one, within a week of the expiry:
 * whoever took it may have delivered it, and a complaint be under way. All on its way keep it open so, else one
 * would be charged and the next, who had closed it, refuse to hear why.
 *
 * A relay can't check that the recipient knows the sender: whoever claims it frees what was lent to itself, and nothing
 * where another neighbour has a copy, too.
 */
const settled = (state: State, row: Custody, outcome: Outcome, now: number, from: string | undefined) => {
  const delivered = row.trail.findLast((step) => step.event === 'delivered')
  const isShown = row.role === 'origin' || (row.lent ?? []).every(({ to }) => to === from)
  if (outcome.event === 'delivered' && (delivered?.permit === undefined || !isShown))
    return { row: { ...row, judgeBy: judgeBy(row.path, Math.min(outcome.at, now)) }, changes: [] }
  const mayHaveArrived = mayBeElsewhere(row) && outcome.event !== 'delivered'
  if (mayHaveArrived && isGuess(state, outcome))
    return { row: { ...row, judgeBy: judgeBy(row.path, row.expires) }, changes: [] }
  return freed(state, row, now)
}

/** Ours, and that of a holder further on: it expired, or was given up, while somebody beyond may have had it. */
const isGuess = (state: State, { event, code, by }: Outcome): boolean =>
  by === state.me || event === 'expired' || code === 'given-up'

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
