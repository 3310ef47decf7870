/** Neighbours and strangers: look at, part with. How one gets neighbours: invite.ts, knock.ts. */
import { MOST_LIMIT } from '../../src/credit/credit.ts'
import { fingerprintWords, readWords } from '../../src/identity/words.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Operation } from '../house.ts'
import { OperationError } from './error.ts'
import {
  findLink,
  findStranger,
  hasLink,
  type LinkView,
  type StrangerView,
  viewOf,
  viewOfStranger,
} from './neighbour.ts'

/** Neighbours first, then those who are none yet. */
export const linkList: Operation<object, (LinkView | StrangerView)[]> = async ({ web, knocking }) => [
  ...web.links().map((link) => viewOf(web, link)),
  ...knocking.list().map(viewOfStranger),
]

export const linkShow: Operation<{ neighbour: string }, LinkView | StrangerView> = async (house, { neighbour }) =>
  hasLink(house, neighbour)
    ? viewOf(house.web, findLink(house, neighbour))
    : viewOfStranger(findStranger(house, neighbour))

/**
 * `words`: as the neighbour's owner read them out; probation is over then. `limit`: how much unwanted mail it may
 * cost; whole, from 1 to MOST_LIMIT.
 */
export const linkTrust: Operation<{ neighbour: string; limit?: number; words?: string }, LinkView> = async (
  house,
  { neighbour, limit, words },
) => {
  if (limit !== undefined && (!Number.isInteger(limit) || limit < 1 || limit > MOST_LIMIT))
    throw new OperationError(`Give a whole number from 1 to ${MOST_LIMIT}.`)
  const { agent, name } = findLink(house, neighbour)
  const expected = fingerprintWords(agent)
  if (words !== undefined && readWords(words) !== expected)
    throw new Refusal(
      'agent-mismatch',
      `The words differ. Those of ${name} are "${expected}". Do not trust it before you both see the same words.`,
    )
  if (words !== undefined) await house.web.vouch(agent)
  if (limit !== undefined) await house.web.limit(agent, limit)
  return viewOf(house.web, findLink(house, agent))
}

/** The owner knows better than the rule that suspended a neighbour: the link is as it was before. */
export const linkOverrule: Operation<{ neighbour: string }, LinkView> = async (house, { neighbour }) => {
  const link = findLink(house, neighbour)
  return viewOf(house.web, (await house.web.overrule(link.agent)) ?? link)
}

export const linkRevoke: Operation<{ neighbour: string }, LinkView> = async (house, { neighbour }) => {
  const link = findLink(house, neighbour)
  await house.pairing.part(link.agent)
  return viewOf(house.web, findLink(house, link.agent))
}
