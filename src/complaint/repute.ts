/**
 * The origin's side of a complaint: what it leads to for the one who lives here (policy.ts). Each
 * step is told to the account by a letter, and each complaint to the owner of the gateway as ARF.
 */
import { nothing, type Step } from '../effect.ts'
import { repented } from '../link/sentence.ts'
import { letterHome } from '../report/letter.ts'
import { type Local, ownerOf, type State } from '../state.ts'
import { feedbackReport } from './arf.ts'
import { countOf, type Level, levelOf, type Reproach, type Repute, recent } from './policy.ts'

/** As many as are needed for any threshold one may set, and far below what a row may weigh. */
const KEPT = 1_000

/** A complaint about mail of somebody here has come, and its signature holds. */
export const reproached = (state: State, entity: string, reproach: Reproach, now: number): Step => {
  const local = state.locals.get(entity)
  const was: Repute = state.repute.get(entity) ?? { entity, reproaches: [], isStopped: false }
  if (local === undefined || was.reproaches.some(({ key, by }) => key === reproach.key && by === reproach.by))
    return nothing
  const next: Repute = { ...was, reproaches: [...recent(was, now).slice(1 - KEPT), reproach] }
  const { policy } = state.terms
  const isStopped = was.isStopped || (policy.most === 'stop' && countOf(next, now) >= policy.stopAt)
  const row: Repute = { ...next, isStopped }
  // Whoever suspended us for this mail hears that its source is cut.
  const keys = row.reproaches.map((one) => one.key)
  const answer = isStopped ? repented(state, state.me, keys, now) : nothing
  const [before, level] = [levelOf(was, policy, now), levelOf(row, policy, now)]
  return {
    changes: [
      { put: 'repute', row },
      ...(before === level ? [] : [tell(state, local, level, row, reproach, now)]),
      ...tellOwner(state, local, level, row, reproach, now),
      ...answer.changes,
    ],
    effects: [
      ...answer.effects,
      { do: 'log', event: 'reproached', level: 'warn', key: reproach.key, detail: `${local.address} is ${level}` },
    ],
  }
}

/** The complaint was taken back. Whoever was stopped by it stays so: an administrator looks at it. */
export const pardoned = (state: State, entity: string, key: string, by: string): Step => {
  const was = state.repute.get(entity)
  const reproaches = was?.reproaches.filter((one) => one.key !== key || one.by !== by) ?? []
  if (was === undefined || reproaches.length === was.reproaches.length) return nothing
  return { changes: [{ put: 'repute', row: { ...was, reproaches } }], effects: [] }
}

/** The administrator lets somebody send again: what was held against them until now counts no more. */
export const allowed = (state: State, entity: string): Step => {
  const was = state.repute.get(entity)
  const local = state.locals.get(entity)
  if (was === undefined || local === undefined) return nothing
  return {
    changes: [{ put: 'repute', row: { ...was, reproaches: [], isStopped: false } }],
    effects: [{ do: 'log', event: 'allowed', detail: local.address }],
  }
}

const subjects: Record<Level, string> = {
  free: 'Nothing is held against you',
  warned: 'Somebody complained about your mail',
  slowed: 'You can send only a little mail for now',
  stopped: 'You can not send mail for now',
}

const tell = (
  state: State,
  to: Local,
  level: Level,
  row: Repute,
  { key, reason, messageId }: Reproach,
  now: number,
) => {
  const count = countOf(row, now)
  const people = count === 1 ? 'One recipient has' : `${count} recipients have`
  const paragraphs = [
    `${people} marked mail you sent as unwanted in the last 28 days. The latest complaint (${reason}) is about ${messageId ? `your message ${messageId}` : 'a message of yours'}. Who complained is not said.`,
    'Unwanted mail is paid for by the gateways it passes: your gateway owes its neighbours for it, and loses them if it goes on. So please write only to people who want your mail.',
    consequence(state, level),
    'If you did not send it, somebody else may know your password: have your administrator set another one.',
  ]
  const letter = { to, gateway: state.domain, now, subject: subjects[level], paragraphs }
  return letterHome({ ...letter, id: `reproached.${key.replace(/[^a-z0-9]+/gi, '.')}` })
}

const consequence = ({ terms: { policy } }: State, level: Level): string => {
  switch (level) {
    case 'stopped':
      return 'From now on your mail program can not send. Speak with the administrator of your gateway, who can allow it again.'
    case 'slowed':
      return 'From now on you can send a few messages an hour; your mail program tries the others again later. This ends by itself when no more complaints come.'
    default:
      return policy.most === 'warn'
        ? 'Nothing else happens.'
        : `Nothing else happens yet. With ${policy.slowAt} such recipients sending becomes slow${policy.most === 'stop' ? `, with ${policy.stopAt} it is stopped` : ''}.`
  }
}

/** ARF to whoever answers for the gateway, unless it is about themselves: they have the letter. */
const tellOwner = (state: State, about: Local, level: Level, row: Repute, reproach: Reproach, now: number) => {
  const owner = ownerOf(state)
  if (owner === undefined || owner.entity === about.entity) return []
  const letter = feedbackReport({
    to: owner.address,
    gateway: state.domain,
    about: about.address,
    level,
    count: countOf(row, now),
    reproach,
    now,
  })
  return [{ deliver: { account: owner.account, folder: 'INBOX', body: { letter } } } as const]
}
