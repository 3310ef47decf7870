/**
 * What the clock asks of every link: is it time to go on, by the rules of src/credit/conduct.ts, or to
 * say what one is owed. States and their ends: ruling.ts.
 */
import { isDisputed, newBooks } from '../credit/books.ts'
import { type Finding, judge, type Mark, newConduct, sampled } from '../credit/conduct.ts'
import { debtAt, messagesIn } from '../credit/credit.ts'
import { creditOf, kept } from '../custody/meter.ts'
import { nothing, refuse, type Step } from '../effect.ts'
import { oweMessage } from '../report/owed.ts'
import type { Account, Change, Link, State } from '../state.ts'
import { KEYS_KEPT, KEYS_TOLD, PROBATION_MS, PUNISHED_EVERY_MS, type Ruling, SUSPENDED_MS } from './ruling.ts'
import { repented, speak } from './sentence.ts'
import { isActive, isLinked, limitOf, sinceOf } from './standing.ts'

/** All links, one after the other; harmless at any time and as often as anybody likes. */
export const assess = (state: State, now: number): Step => {
  const steps = [...state.links.values()].map((link) => assessOne(state, link, now))
  return { changes: steps.flatMap((one) => one.changes), effects: steps.flatMap((one) => one.effects) }
}

const assessOne = (state: State, link: Link, now: number): Step => {
  if (link.state === 'suspended') return serve(state, link, now)
  if (!isActive(link)) return nothing
  const account = creditOf(state, link.agent, now)
  const conduct = sampled(account.conduct ?? newConduct(), account, limitOf(link), now)
  const bounds = {
    limit: limitOf(link),
    since: sinceOf(link),
    others: linksBeside(state, link),
    isLink: (via: string) => state.links.has(via),
  }
  const found = judge(conduct, account, bounds, now)
  if (found) return suspend(state, link, found, { ...account, conduct }, now)
  if (isDisputed(account.books ?? newBooks(now), now)) {
    const seen = { debt: debtAt(account, now), limit: bounds.limit, messages: messagesIn(account.theirs, now) }
    return suspend(state, link, { ...noFinding, ...seen, rule: 'statements' }, account, now)
  }
  const said = speak(link, { ...account, conduct }, now)
  const isProven = link.state === 'probation' && now - sinceOf(link) >= PROBATION_MS
  const promoted: Change[] = isProven ? [{ put: 'link', row: { ...link, state: 'active', stateSince: now } }] : []
  const changes = conduct === account.conduct && said.effects.length === 0 ? [] : [kept(link.agent, said.account)]
  return { changes: [...changes, ...promoted], effects: said.effects }
}

const noFinding = { loads: [], load: 0, complaints: 0, sources: 0, rate: 0 }

const linksBeside = ({ links }: State, link: Link): number =>
  [...links.values()].filter((one) => one !== link && isLinked(one)).length

const suspend = (
  state: State,
  link: Link,
  found: Omit<Finding, 'rule'> & { rule: Ruling['rule'] },
  account: Account,
  now: number,
): Step => {
  const marks: Mark[] = account.conduct?.marks ?? []
  const about = marks.map(({ key }) => key)
  const ruling: Ruling = {
    ...found,
    id: `${link.agent} ${now}`,
    agent: link.agent,
    at: now,
    until: now + SUSPENDED_MS,
    was: link.state === 'probation' ? 'probation' : 'active',
    keys: about.slice(-KEYS_KEPT),
    befores: [...new Set(marks.map(({ before }) => before))],
  }
  const { rule, until, complaints, messages, keys } = ruling
  const told = oweMessage(
    link.agent,
    `suspended ${now}`,
    { t: 'SUSPENDED', rule, until, complaints, messages, keys: keys.slice(-KEYS_TOLD) },
    until,
  )
  const row: Link = { ...link, state: 'suspended', stateSince: now, ruling }
  const repent = repented(state, row.agent, about, now)
  return {
    changes: [
      { put: 'link', row },
      { put: 'ruling', row: ruling },
      kept(link.agent, account),
      { put: 'owed', row: told },
      ...repent.changes,
    ],
    effects: [
      {
        do: 'log',
        event: 'link-suspended',
        to: link.agent,
        detail: `${rule}: ${complaints} complaints, D ${found.debt.toFixed(2)}`,
      },
      { do: 'settle', to: link.agent },
      ...repent.effects,
    ],
  }
}

/** A suspended link whose neighbour said nothing is over; one whose books agree again was a misunderstanding. */
const serve = (state: State, link: Link, now: number): Step => {
  const { ruling } = link
  if (ruling === undefined) return nothing
  const account = creditOf(state, link.agent, now)
  const heard = account.books?.heard
  if (ruling.rule === 'statements' && heard && heard.at > ruling.at && account.books?.disputedSince === undefined)
    return readmit(state, { ...link, state: ruling.was, ruling: { ...ruling, ended: { at: now, how: 'agreed' } } }, now)
  if (now < ruling.until) {
    const said = speak(link, account, now)
    return said.effects.length === 0 ? nothing : { changes: [kept(link.agent, said.account)], effects: said.effects }
  }
  const ended: Ruling = { ...ruling, ended: { at: now, how: 'expired' } }
  return {
    changes: [
      { put: 'link', row: { ...link, state: 'revoked', stateSince: now, up: false, ruling: ended } },
      { put: 'ruling', row: ended },
    ],
    effects: [{ do: 'log', event: 'link-revoked', to: link.agent, detail: 'suspended for a week, and it cut nobody' }],
  }
}

/** The owner knows better: the link is as it was, and what led to it does not count again. */
export const overruled = (state: State, agent: string, now: number): Step => {
  const link = state.links.get(agent)
  if (link?.state !== 'suspended' || link.ruling === undefined)
    return refuse('link-unknown', 'this link is not suspended')
  const ruling: Ruling = { ...link.ruling, ended: { at: now, how: 'overruled' } }
  const again = readmit(state, { ...link, state: link.ruling.was, ruling }, now)
  return { ...again, answer: { say: 'done' } }
}

/** The neighbour says whom it cut: believed if that one did hand it what was complained about, and not too often. */
export const punished = (state: State, from: string, cut: string, now: number): Step => {
  const link = state.links.get(from)
  const { ruling, punishedAt = 0 } = link ?? {}
  if (link?.state !== 'suspended' || ruling === undefined) return nothing
  if (!ruling.befores.includes(cut) || now - punishedAt < PUNISHED_EVERY_MS) return nothing
  const ended: Ruling = { ...ruling, ended: { at: now, how: 'punished', cut } }
  const { limit, ...rest } = link // an owner who trusted it with more says so again
  return readmit(state, { ...rest, state: 'probation', punishedAt: now, ruling: ended }, now)
}

const readmit = (state: State, link: Link & { ruling: Ruling }, now: number): Step => {
  const { disputedSince, ...before } = creditOf(state, link.agent, now).books ?? newBooks(now)
  const books = { ...before, at: 0 } // our number goes out with the next look
  const account: Account = { ...creditOf(state, link.agent, now), conduct: newConduct(), books }
  // Where the books differ, somebody gives way: whoever's owner speaks takes the neighbour's number.
  if (link.ruling.rule === 'statements' && link.ruling.ended?.how === 'overruled' && books.heard)
    Object.assign(account, { debt: -books.heard.debt, at: books.heard.at })
  return {
    changes: [
      { put: 'link', row: { ...link, stateSince: now } },
      { put: 'ruling', row: link.ruling },
      kept(link.agent, account),
    ],
    effects: [{ do: 'log', event: 'link-readmitted', to: link.agent, detail: link.ruling.ended?.how ?? '' }],
  }
}
