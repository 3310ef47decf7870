/** Neighbours and strangers: look at, part with. How one gets neighbours: invite.ts, knock.ts. */
import { MOST_LIMIT } from '../../src/credit/credit.ts'
import type { Operation } from '../house.ts'
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

/** How much unwanted mail the owner lets a neighbour cost; whole, from 1 to MOST_LIMIT. */
export const linkTrust: Operation<{ neighbour: string; limit: number }, LinkView> = async (
  house,
  { neighbour, limit },
) => {
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_LIMIT)
    throw new Error(`Give a whole number from 1 to ${MOST_LIMIT}.`)
  const link = findLink(house, neighbour)
  await house.web.limit(link.agent, limit)
  return viewOf(house.web, { ...link, limit })
}

export const linkRevoke: Operation<{ neighbour: string }, LinkView> = async (house, { neighbour }) => {
  const link = findLink(house, neighbour)
  await house.pairing.part(link.agent)
  return viewOf(house.web, { ...link, state: 'revoked', up: false })
}
