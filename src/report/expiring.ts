/**
 * A key that ends is renewed in time only if somebody is told: from 30 days before, once a week, also
 * after its end. The gateway looks at its start and every hour; this says whether to speak.
 */
import { nothing, type Step } from '../effect.ts'
import type { State } from '../state.ts'
import { letterHome } from './letter.ts'
import { time } from './lines.ts'

const DAY_MS = 86_400_000
/** Correspondents learn a new key by letters: a month is time enough for those who write seldom. */
const AHEAD_MS = 30 * DAY_MS
const AGAIN_MS = 7 * DAY_MS

export const endsSoon = (ends: number, now: number): boolean => ends - now <= AHEAD_MS

/** In words: `ends in 12 days`, `has ended`. */
export const tellEnd = (ends: number, now: number): string => {
  const days = Math.floor((ends - now) / DAY_MS)
  if (ends <= now) return 'has ended'
  return days === 0 ? 'ends within a day' : `ends in ${days} ${days === 1 ? 'day' : 'days'}`
}

export const expiring = (state: State, entity: string, ends: number, now: number): Step => {
  const local = state.locals.get(entity)
  const was = state.warned.get(entity)
  const isTold = was !== undefined && was.at <= now && now < was.at + AGAIN_MS // not, if the clock was ahead then
  if (local === undefined || !endsSoon(ends, now) || isTold) return nothing
  const { address } = local
  const paragraphs = [
    `The key of ${address} ${tellEnd(ends, now)} (${time(ends)}).`,
    'From then on nobody can seal mail for you, and your own can not be signed: it waits with this gateway until there is a new key.',
    `What you can do: have your administrator run "vouchsafe key rotate ${address}". Your fingerprint words stay as they are, and so does all your mail.`,
  ]
  const letter = { to: local, gateway: state.domain, now, subject: `Your key ${tellEnd(ends, now)}`, paragraphs }
  return {
    changes: [{ put: 'warned', row: { entity, at: now } }, letterHome({ ...letter, id: `key.${entity}.${now}` })],
    effects: [{ do: 'log', event: 'key-expiring', level: 'warn', detail: `${address} ${tellEnd(ends, now)}` }],
  }
}
