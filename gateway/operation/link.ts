/** Neighbours: invite, accept, look at, part with. What an invitation is: pairing.ts. */
import { fingerprintWords } from '../../src/identity/words.ts'
import { limitOf } from '../../src/link/standing.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Link } from '../../src/state.ts'
import { readHostPort } from '../config/value.ts'
import type { House, Operation } from '../house.ts'

/** `limit`: how much unwanted mail the neighbour may cost before nothing more is taken from it. */
export type LinkView = Link & { words: string; limit: number }

export const linkInvite: Operation<
  { hours: number; addresses?: string[] },
  { code: string; expires: number; addresses: string[]; agent: string; words: string }
> = async (house, { hours, addresses }) => {
  if ((addresses ?? house.config.link.announce).length === 0)
    throw new Error(
      'No address is known at which the neighbour could dial. Name one with --address HOST:PORT, or in link.announce; ' +
        'or let the neighbour invite you, if this gateway can not be reached from outside.',
    )
  for (const address of addresses ?? [])
    if (!readHostPort(address))
      throw new Error(`${address} is not an address and port. Write for example mail.example.org:2740.`)
  const { code, expires, announced } = await house.pairing.invite(hours * 3_600_000, addresses)
  const agent = house.keyring.agent.id
  return { code, expires, addresses: announced, agent, words: fingerprintWords(agent) }
}

export const linkAccept: Operation<{ code: string }, LinkView> = async (house, { code }) => {
  if (!house.serving)
    throw new Error(
      'To accept an invitation the gateway must run, for it dials the neighbour: `vouchsafe serve` first.',
    )
  return viewOf(await house.pairing.accept(code))
}

export const linkList: Operation<object, LinkView[]> = async ({ web }) => web.links().map(viewOf)

export const linkShow: Operation<{ neighbour: string }, LinkView> = async (house, { neighbour }) =>
  viewOf(findLink(house, neighbour))

export const linkRevoke: Operation<{ neighbour: string }, LinkView> = async (house, { neighbour }) => {
  const link = findLink(house, neighbour)
  await house.pairing.part(link.agent)
  return viewOf({ ...link, state: 'revoked', up: false })
}

const viewOf = (link: Link): LinkView => ({ ...link, words: fingerprintWords(link.agent), limit: limitOf(link) })

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
