/**
 * A neighbour's agent key was stolen, and its operator (whom we know since the pairing) says which agent it is from
 * now on: REKEY, reason compromise. The link goes over to the new agent as it is: its state, its limit, what both
 * owe each other, and every envelope under way between the two. So nobody is rid of a debt by it, and nothing is lost.
 * The old key is dead from then on (revoked.ts), whoever holds it.
 *
 * The rows in which the old agent is named are loaded with the event (`custody`, `owed`: their keys). What stamps and
 * receipts say stays as it was signed: the neighbour finishes with its old key what it began with it.
 */
import type { Custody } from '../custody/custody.ts'
import { type Effect, nothing, type Step } from '../effect.ts'
import { fingerprintWords } from '../identity/words.ts'
import type { Owed } from '../report/owed.ts'
import { ownerLetter } from '../report/owner.ts'
import type { Change, Link, State } from '../state.ts'
import { noted } from './alarm.ts'

export type Move = {
  was: string
  agent: string
  /** Of the REKEY: later than that of the last one. */
  epoch: number
  name: string
  addresses: string[]
  custody: string[]
  owed: string[]
}

export const moved = (state: State, move: Move, now: number): Step => {
  const { was, agent } = move
  const link = state.links.get(was)
  if (link === undefined || state.links.has(agent)) return nothing // a repeat
  const text = `The operator of ${link.name} says that the key of its gateway was stolen, and that it has a new one (${new Date(move.epoch).toISOString()}). The link goes on with the new key; whoever has the old one is refused. Its new words: ${fingerprintWords(agent)}.`
  const account = state.credits.get(was)
  const letter = ownerLetter(state, now, {
    subject: `A neighbour has a new key: ${link.name}`,
    paragraphs: [
      text,
      'If you doubt it, ask its operator by telephone whether these are their words; `vouchsafe link revoke` parts with it.',
    ],
  })
  const { row, letters } = noted(linkAs(link, move), { at: now, what: 'moved', text }, letter)
  const effects: Effect[] = [{ do: 'alert', agent, what: 'moved', detail: text }, { do: 'redial' }]
  return {
    changes: [
      { put: 'link', row },
      { drop: 'link', agent: was },
      { drop: 'reach', agent: was },
      ...(account
        ? ([
            { put: 'credit', agent, row: account },
            { drop: 'credit', agent: was },
          ] as const)
        : []),
      ...move.custody.flatMap((key) => rowChange(state.custody.get(key), was, agent)),
      ...move.owed.flatMap((key) => owedChange(state.owed.get(key), was, agent)),
      ...letters,
    ],
    effects,
  }
}

const linkAs = (link: Link, { was, agent, epoch, name, addresses }: Move): Link => {
  const { frozen, downAt, ...rest } = link
  return {
    ...rest,
    agent,
    name: name || link.name,
    addresses: addresses.length > 0 ? addresses : link.addresses,
    up: false,
    rekeyed: epoch,
    formerly: [...(link.formerly ?? []), was].slice(-FORMER_MOST),
  }
}

/** What it began with an older key has ended long ago. */
const FORMER_MOST = 3

const rowChange = (row: Custody | undefined, was: string, now: string): Change[] =>
  row === undefined ? [] : [{ put: 'custody', row: rowAs(row, (agent) => (agent === was ? now : agent)) }]

/** As the link is named now: whom it came from, whom it went to, what is reserved with whom, whom we owe for it. */
const rowAs = (row: Custody, as: (agent: string) => string): Custody => ({
  ...row,
  ...(row.from !== undefined && { from: as(row.from) }),
  ...(row.next !== undefined && { next: as(row.next) }),
  awaits: row.awaits?.replace(/^(up|credit):(.*)$/, (_all, kind, agent) => `${kind}:${as(agent)}`) ?? null,
  advice: row.advice.map(as),
  onward: row.onward.map(as),
  avoid: row.avoid.map((one) => ({ ...one, by: as(one.by) })),
  tried: row.tried.map((one) => ({ ...one, by: as(one.by) })),
  ...(row.stalled && { stalled: row.stalled.map(as) }),
  ...(row.also && { also: row.also.map(as) }),
  ...(row.lent && { lent: row.lent.map((one) => ({ ...one, to: as(one.to) })) }),
  ...(row.verdict && 'via' in row.verdict && { verdict: { ...row.verdict, via: as(row.verdict.via) } }),
})

const owedChange = (row: Owed | undefined, was: string, now: string): Change[] =>
  row === undefined || row.to !== was
    ? []
    : [
        { drop: 'owed', key: row.key },
        { put: 'owed', row: { ...row, key: now + row.key.slice(was.length), to: now } },
      ]
