/** Neighbours: look at, part with. How one gets them: invite.ts. */

import { MOST_LIMIT } from '../../src/credit/credit.ts'
import { fingerprintWords } from '../../src/identity/words.ts'
import { limitOf } from '../../src/link/standing.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Link } from '../../src/state.ts'
import type { House, Operation, Web } from '../house.ts'

export type LinkView = Link & {
  words: string
  /** How much unwanted mail the neighbour may cost before nothing more is taken from it. */
  limit: number
  /** What it said last of where it is, and where it was not found since. */
  reach: { addresses: string[]; via: string[]; at: number; missed: string[] } | null
}

export const linkList: Operation<object, LinkView[]> = async ({ web }) => web.links().map((link) => viewOf(web, link))

export const linkShow: Operation<{ neighbour: string }, LinkView> = async (house, { neighbour }) =>
  viewOf(house.web, findLink(house, neighbour))

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

export const viewOf = (web: Web, link: Link): LinkView => ({
  ...link,
  words: fingerprintWords(link.agent),
  limit: limitOf(link),
  reach: reachOf(web, link.agent),
})

const reachOf = (web: Web, agent: string): LinkView['reach'] => {
  const reach = web.reach(agent)
  if (reach?.record === undefined) return null
  const { addresses, via, seq, bad } = reach
  return { addresses, via, at: seq, missed: bad.map(({ address }) => address) }
}

/** By name, agent id, or the first letters of the id if they fit only one. */
const findLink = ({ web }: House, text: string): Link => {
  const links = web.links()
  const exact = links.filter((link) => link.agent === text || link.name === text)
  const found = exact.length > 0 ? exact : links.filter((link) => text.length >= 4 && link.agent.startsWith(text))
  const [link] = found
  if (!link) throw new Refusal('link-unknown', `No neighbour is called ${text}. \`vouchsafe link list\` shows them.`)
  if (found.length > 1)
    throw new Refusal('link-unknown', `${text} fits ${found.length} neighbours. Name one by its whole agent id.`)
  return link
}
