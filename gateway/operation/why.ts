/** Why a neighbour stands as it does: numbers, rules, dates and the messages behind them. */
import type { Entry } from '../../src/complaint/verdict.ts'
import { debtAt, type Flow, judgedIn, newCredit, weightOf } from '../../src/credit/credit.ts'
import { partsOfKey } from '../../src/envelope/envelope.ts'
import type { Accusation, Ruling } from '../../src/link/ruling.ts'
import { limitOf, sinceOf } from '../../src/link/standing.ts'
import type { Link } from '../../src/state.ts'
import { complaintsWith, rulings } from '../../store/web.ts'
import type { House, Operation } from '../house.ts'
import { findLink } from './neighbour.ts'

/** Messages in one direction, all in complaints: what is taken is what fits below the limit. */
type FlowView = {
  /** Not judged yet, and what they weigh together. */
  pending: number
  reserved: number
  /** What one more message weighs. */
  weight: number
  /** Whether one more to a stranger is taken now. */
  isTaken: boolean
  /** Judgements of the last four weeks. */
  complaints: number
  wanted: number
}

export type Complained = {
  at: number
  /** Whose mail it was about: the neighbour pays us, or we pay it. */
  direction: 'theirs' | 'ours'
  role: Entry['role']
  reason: Entry['reason']
  envelope: string
  messageId: string | null
  withdrawnAt: number | null
}

/** A rule has cut the link, with what it found then. */
type Decision = Omit<Ruling, 'keys' | 'befores' | 'agent'> & {
  /** Envelopes complained about, the latest last. */
  envelopes: string[]
}

export type WhyView = {
  name: string
  agent: string
  state: Link['state']
  since: number
  /** Since when it carries nothing because its keys or clocks are in doubt: `link alerts`. */
  frozen: Link['frozen'] | null
  limit: number
  isLimitSet: boolean
  /** What the neighbour owes us; below 0, what we owe it. */
  debt: number
  theirs: FlowView
  ours: FlowView
  /** The latest first, both. */
  decisions: Decision[]
  complaints: Complained[]
  /** What the neighbour said when it suspended us, and whether we have answered whom we cut for it. */
  accused: (Omit<Accusation, 'keys'> & { envelopes: string[] }) | null
}

export const linkWhy: Operation<{ neighbour: string }, WhyView> = async (house, { neighbour }) => {
  const link = findLink(house, neighbour)
  const now = Date.now()
  const credit = house.web.credit(link.agent) ?? newCredit(now)
  const limit = limitOf(link)
  const debt = debtAt(credit, now)
  const flowOf = (flow: Flow, owed: number) => viewOfFlow(house, flow, { owed, limit, now })
  return {
    name: link.name,
    agent: link.agent,
    state: link.state,
    since: sinceOf(link),
    frozen: link.frozen ?? null,
    limit,
    isLimitSet: link.limit !== undefined,
    debt,
    theirs: flowOf(credit.theirs, debt),
    ours: flowOf(credit.ours, -debt),
    decisions: await decisionsOf(house, link.agent),
    complaints: await complaintsOf(house, link.agent),
    accused: link.accused === undefined ? null : accusedOf(link.accused),
  }
}

const viewOfFlow = (
  { web }: House,
  flow: Flow,
  { owed, limit, now }: { owed: number; limit: number; now: number },
): FlowView => {
  const weight = weightOf(flow, now, web.weights())
  const { complaints, wanted } = judgedIn(flow, now)
  return {
    pending: flow.pending,
    reserved: flow.reserved,
    weight,
    isTaken: owed + flow.reserved + weight <= limit,
    complaints,
    wanted,
  }
}

const decisionsOf = async ({ store: { db } }: House, agent: string): Promise<Decision[]> => {
  const found = await rulings.by(db, 'agent', [agent], SHOWN)
  return found
    .sort((a, b) => b.at - a.at)
    .map(({ keys, befores: _befores, agent: _agent, ...ruling }) => ({ ...ruling, envelopes: envelopesOf(keys) }))
}

const accusedOf = ({ keys, ...accused }: Accusation) => ({ ...accused, envelopes: envelopesOf(keys) })
const envelopesOf = (keys: readonly string[]): string[] => keys.map((key) => partsOfKey(key)[1])

/** More says no more to a person; the numbers count them all. */
const SHOWN = 500

const complaintsOf = async ({ store: { db } }: House, agent: string): Promise<Complained[]> => {
  const { theirs, ours } = await complaintsWith(db, agent, SHOWN)
  const told = (direction: Complained['direction']) => (one: Entry) => ({
    at: one.at,
    direction,
    role: one.role,
    reason: one.reason,
    envelope: partsOfKey(one.key)[1],
    messageId: one.messageId ?? null,
    withdrawnAt: one.withdrawnAt ?? null,
  })
  return [...theirs.map(told('theirs')), ...ours.map(told('ours'))].sort((a, b) => b.at - a.at)
}
