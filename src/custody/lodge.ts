/**
 * The last step where a mail server of others keeps the mail of people here: it asks for more than a
 * transaction of ours. Until that server has taken the message (LMTP, RFC 2033) it is in our custody.
 *
 *   handing --taken--> done (delivered)
 *           --later--> waiting --time--> handing
 *           --a code--> done (refused): its sender hears why
 *
 * A crash between its answer and our commit asks it twice: the recipient may get the letter twice, and never not at all.
 */
import { createHash } from 'node:crypto'
import { nothing, type Step } from '../effect.ts'
import type { RefusalCode } from '../refusal.ts'
import { about, type Item } from '../report/owed.ts'
import type { Change, Delivery, Posted, State } from '../state.ts'
import { backoffMs, type Custody, HAND_GUARD_MS } from './custody.ts'
import { finish, oweUpstream } from './finish.ts'
import { logged } from './log.ts'
import { JUDGING_MS } from './meter.ts'

/** Its server's answer. `later`: 4yz, or none at all. */
export type Lodged = 'taken' | 'later' | RefusalCode

/** The row with what to do now, unless a time-out for it runs. */
export const lodge = (was: Custody, now: number): Step => {
  if (was.state === 'waiting' && was.retryAt !== null && now < was.retryAt) return nothing
  const row: Custody = { ...was, state: 'handing', retryAt: now + HAND_GUARD_MS, awaits: null }
  return { changes: [{ put: 'custody', row }], effects: [{ do: 'lodge', key: row.key }] }
}

export const lodged = (state: State, key: string, answer: Lodged, now: number): Step => {
  const was = state.custody.get(key)
  if (was?.lodge === undefined || was.state === 'done') return nothing
  if (answer === 'later') return waits(was, now)
  if (answer !== 'taken') return finish(state, was, { event: 'refused', code: answer, by: state.me, at: now }, now)
  const outcome = { event: 'delivered', by: state.me, at: now } as const
  if (was.role === 'origin') return finish(state, was, outcome, now)
  const row: Custody = {
    ...was,
    state: 'done',
    body: null,
    retryAt: null,
    ...(was.judgeBy !== undefined && { judgeBy: now + JUDGING_MS }),
    outcome,
  }
  const owed = oweUpstream(state, row, [deliveredAs(row)])
  return {
    changes: [{ put: 'custody', row }, ...owed.changes],
    effects: [logged('delivered', row, { recipient: was.lodge.to, detail: 'LMTP' }), ...owed.effects],
  }
}

const waits = (was: Custody, now: number): Step => {
  const attempts = was.attempts + 1
  const row: Custody = { ...was, state: 'waiting', attempts, retryAt: now + backoffMs(was.key, was.attempts) }
  return { changes: [{ put: 'custody', row }], effects: [] }
}

/** Our word that it was delivered; with what the sender needs to write without credit, if the recipient knows them. */
export const deliveredAs = ({ key, outcome, permit }: Custody): Item => ({
  own: { ...about(key, outcome?.at ?? 0), event: 'delivered', ...(permit && { permit }) },
})

/** Letters of ours for people here go the same way: what a decision would put into an INBOX of ours is posted. */
export const post = (state: State, made: Step, now: number): Step => {
  if (state.lodging === 'store') return made
  const posted = made.changes.flatMap((change) =>
    'deliver' in change ? (postedOf(state, change.deliver, now) ?? []) : [],
  )
  const rest = made.changes.filter((change) => !('deliver' in change && isLetter(change.deliver)))
  return {
    ...made,
    changes: [...rest, ...posted.map((row): Change => ({ put: 'posted', row }))],
    effects: [...made.effects, ...posted.map(({ id }) => ({ do: 'post', id }) as const)],
  }
}

const isLetter = ({ body }: Delivery): boolean => typeof body === 'object'

/** One that is made twice is one: its id is its content. To somebody who has gone it has no reader. */
const postedOf = (state: State, { account, body }: Delivery, now: number): Posted | undefined => {
  if (typeof body !== 'object') return undefined
  const local = [...state.locals.values()].find((one) => one.account === account)
  if (local === undefined) return undefined
  const id = createHash('sha256').update(`${account} `).update(body.letter).digest('hex')
  return { id, account, to: local.address, letter: body.letter.toString('base64'), at: now }
}
