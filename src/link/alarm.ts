/**
 * What LINK1 found, as it concerns people: the link is frozen or thawed, and whoever runs the gateway hears of it.
 *
 *   diverged       one secret too many: frozen until a REKEY, or until both pair again
 *   clock          clocks were wrong too often: frozen for a day (connection-times.ts)
 *   clock-warning  once: nothing happens
 *   rekeyed        their operator says that their state was lost: thawed
 *   rekey-refused  somebody says so who is not their operator
 *   stolen         its key is dead, by the key's own word: frozen, whatever is found since, until its operator shows the new one (moved.ts)
 *   owner          somebody else claims to operate the neighbour: not believed
 *
 * A frozen link carries nothing in either direction; mail for it waits or goes another way. Alerts are
 * kept with the link, the last of them; all but a warning are a letter to the owner, too, one of a kind a day.
 */
import type { Effect, Step } from '../effect.ts'
import { ownerLetter } from '../report/owner.ts'
import type { Change, Link, State } from '../state.ts'
import type { Alarm, Alert, Stand } from './alert.ts'
import { WARNED_MS } from './connection-times.ts'
import type { Ratchet } from './ratchet.ts'

export const standOf = ({ n, incarnation, at }: Ratchet): Stand => ({ n, incarnation, at })

export const alarmed = (state: State, agent: string, alarm: Alarm, now: number): Step => {
  const link = state.links.get(agent)
  if (link === undefined || isRepeat(link, alarm)) return { changes: [], effects: [] }
  const alert = { at: now, what: alarm.what, text: textOf(link, alarm) }
  const after = turned(link, alarm, now)
  const last = link.alerts?.findLast(({ what }) => what === alert.what)
  if (after === link && last?.text === alert.text && alarm.what !== 'clock-warning') return { changes: [], effects: [] }
  const { row, letters } = noted(after, alert, letterOf(state, link, alert, now))
  return { changes: [{ put: 'link', row }, ...letters], effects: effectsOf(row, link, alert) }
}

/** With one alert more, and its letter unless the owner has had one of the kind today: the neighbour may choose how many there are. */
export const noted = (link: Link, alert: Alert, letter: Change | undefined): { row: Link; letters: Change[] } => {
  const row = { ...link, alerts: withRoom([...(link.alerts ?? []), alert]) }
  const isTold = alert.at - (link.told?.[alert.what] ?? 0) < DAY_MS
  if (letter === undefined || isTold) return { row, letters: [] }
  return { row: { ...row, told: { ...link.told, [alert.what]: alert.at } }, letters: [letter] }
}

/** By our own operator's REKEY, or because a day has gone by. A stolen key stays dead: else we dial whoever has it. */
export const thawed = (state: State, agent: string): Step => {
  const link = state.links.get(agent)
  if (link?.frozen === undefined || isDead(link)) return { changes: [], effects: [] }
  return { changes: [{ put: 'link', row: withoutFrozen(link) }], effects: [{ do: 'redial' }] }
}

/** Links whose day is over. */
export const thawing = (state: State, now: number): string[] =>
  [...state.links.values()].flatMap(({ agent, frozen }) =>
    frozen?.why === 'clock' && now - frozen.since >= WARNED_MS ? [agent] : [],
  )

/** Whoever operates a neighbour: the first one seen is believed, with the keys it shows now. */
export const ownerSeen = (state: State, agent: string, owner: NonNullable<Link['owner']>, now: number): Step => {
  const link = state.links.get(agent)
  if (link === undefined || link.owner?.card === owner.card) return { changes: [], effects: [] }
  if (link.owner !== undefined && link.owner.entity !== owner.entity)
    return alarmed(state, agent, { what: 'owner', entity: owner.entity, address: owner.address }, now)
  return { changes: [{ put: 'link', row: { ...link, owner } }], effects: [] }
}

const DAY_MS = 86_400_000
/** Kept with a link; enough to see what a bad night was like. */
const ALERTS_MOST = 20

/** The oldest of the most frequent kind gives way, so that none pushes out the others. */
const withRoom = (alerts: Alert[]): Alert[] => {
  if (alerts.length <= ALERTS_MOST) return alerts
  const countOf = (kind: Alert) => alerts.filter(({ what }) => what === kind.what).length
  const most = alerts.reduce((first, one) => (countOf(one) > countOf(first) ? one : first))
  return alerts.filter((one) => one !== most)
}

/** Its key is in other hands, and nothing it says counts until its operator has shown another (moved.ts). */
const isDead = ({ frozen }: Link): boolean => frozen?.why === 'stolen'

const isRepeat = (link: Link, alarm: Alarm): boolean =>
  isDead(link) ||
  (alarm.what === 'diverged' && link.frozen?.why === 'diverged') ||
  (alarm.what === 'clock' && link.frozen !== undefined) ||
  (alarm.what === 'rekeyed' && alarm.epoch <= (link.rekeyed ?? 0))

const turned = (link: Link, alarm: Alarm, now: number): Link => {
  if (alarm.what === 'diverged' || alarm.what === 'clock' || alarm.what === 'stolen')
    return { ...link, frozen: { since: now, why: alarm.what } }
  return alarm.what === 'rekeyed' ? { ...withoutFrozen(link), rekeyed: alarm.epoch } : link
}

const withoutFrozen = ({ frozen, ...rest }: Link): Link => rest

type Said = { at: number; what: Alarm['what']; text: string }

const effectsOf = (row: Link, was: Link, { what, text }: Said): Effect[] => [
  { do: 'alert', agent: row.agent, what, detail: text },
  ...(row.frozen === was.frozen ? [] : [{ do: 'redial' as const }]),
]

const letterOf = (state: State, link: Link, { what, text }: Said, now: number): Change | undefined =>
  what === 'clock-warning'
    ? undefined
    : ownerLetter(state, now, {
        subject: `${titles[what]}: ${link.name}`,
        paragraphs: [text, advice[what], 'All of it: vouchsafe link alerts'],
      })

const titles: Record<Alarm['what'], string> = {
  diverged: 'A link is frozen',
  clock: 'A link is frozen for a day',
  'clock-warning': 'A clock is wrong',
  rekeyed: 'A neighbour has begun anew',
  'rekey-refused': 'A neighbour could not begin anew',
  owner: 'Somebody else claims to run a neighbour',
  stolen: 'The key of a neighbour was stolen',
}

const textOf = ({ name }: Link, alarm: Alarm): string => {
  switch (alarm.what) {
    case 'diverged':
      return (
        `${name} and this gateway do not know the same secret any more (seen by ${alarm.seenBy === 'us' ? 'this gateway' : name}). ` +
        `Somebody has used a copy of one of the two, or one was put back from a copy. ` +
        `Here: ${stand(alarm.ours)}. There: ${alarm.theirs ? stand(alarm.theirs) : 'unknown'}.`
      )
    case 'clock':
      return `The time between connections with ${name} was wrong three times in a day: one of the two clocks is set again and again. The link rests for a day.`
    case 'clock-warning':
      return `A clock, here or at ${name}, was set since their last connections. The secret is right: nothing needs to be done.`
    case 'rekeyed':
      return `The operator of ${name} says that its link state was lost (${alarm.reason}, ${when(alarm.epoch)}), and the link began anew.`
    case 'rekey-refused':
      return `${name} wants to begin anew, but not by the word of its operator as known here: ${alarm.detail}.`
    case 'stolen':
      return `The key of ${name} is revoked, by its own word of ${when(alarm.at)}: it was stolen, or is feared to be. Nothing is taken from whoever has it.`
    case 'owner':
      return `${name} says that ${alarm.address} operates it now. It was somebody else when it was first seen.`
  }
}

const stand = ({ n, incarnation, at }: Stand): string =>
  `connection ${n}${at === undefined ? '' : `, last ${at === 0 ? 'never' : when(at)}`}, life ${incarnation}`
const when = (at: number): string => new Date(at).toISOString()

const advice: Record<Alarm['what'], string> = {
  diverged:
    'Nothing is taken from it or handed to it; mail waits or goes another way. Ask its operator, by telephone: was one of you put back from a backup or a copy? Then that one runs `vouchsafe link rekey`. If neither was, somebody has a copy of one home, keys and all: part with it, and pair again once its operator has a new home.',
  clock: 'Let both machines have their time from the network (NTP). `vouchsafe link rekey` ends the rest at once.',
  'clock-warning': 'Nothing.',
  rekeyed:
    'Did its operator restore a backup? If you doubt it, ask by telephone; `vouchsafe link revoke` parts with it.',
  'rekey-refused': 'If its operator says that it is right, pair again: `vouchsafe link invite`.',
  stolen:
    'If its operator has a new key, the link goes on with it by itself, and you are told. If that does not happen within the day, ask its operator by telephone, and pair again: `vouchsafe link invite`.',
  owner: 'If that is right, pair again: `vouchsafe link invite`. Until then its word does not count for a REKEY.',
}
