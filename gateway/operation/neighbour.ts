/** How neighbours and strangers look to whoever asks, and how they are named. */
import { isId } from '../../src/address.ts'
import { fingerprintWords } from '../../src/identity/words.ts'
import type { Knock } from '../../src/link/knock.ts'
import { limitOf } from '../../src/link/standing.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Link } from '../../src/state.ts'
import { readHostPort } from '../config/value.ts'
import { nameOfAgent } from '../fingerprint.ts'
import type { House, Web } from '../house.ts'
import { OperationError } from './error.ts'

export type LinkView = Link & {
  words: string
  /** How much unwanted mail the neighbour may cost before nothing more is taken from it. */
  limit: number
  /** Why the last dial came to nothing, as far as we have dialled it. */
  whyNot: { at: number; why: string } | null
  /** What it said last of where it is, and where it was not found since. */
  reach: { addresses: string[]; via: string[]; at: number; missed: string[] } | null
}

/** Somebody who asked to become a neighbour (`pending`, `refused`), or whom we asked (`asked`, `denied`). */
export type StrangerView = {
  /** Empty where only its words are known. */
  agent: string
  name: string
  addresses: string[]
  state: Knock['at']
  since: number
  until: number
  up: false
  words: string
  /** What it said of itself, and from where it knocked. */
  software?: string
  note?: string
  place?: string
}

export const viewOf = (web: Web, link: Link): LinkView => ({
  ...link,
  words: fingerprintWords(link.agent),
  limit: limitOf(link),
  whyNot: web.whyNot(link.agent) ?? null,
  reach: reachOf(web, link.agent),
})

const reachOf = (web: Web, agent: string): LinkView['reach'] => {
  const reach = web.reach(agent)
  if (reach?.record === undefined) return null
  const { addresses, via, seq, bad } = reach
  return { addresses, via, at: seq, missed: bad.map(({ address }) => address) }
}

export const viewOfStranger = ({ who, at, way: _way, ...knock }: Knock): StrangerView => ({
  ...knock,
  agent: isId(who) ? who : '',
  state: at,
  up: false,
  words: isId(who) ? fingerprintWords(who) : who,
})

/** By name, agent id, or the first letters of the id if they fit only one. */
export const findLink = ({ web }: House, text: string): Link => only(text, fitting(web.links(), nameOfLink, text))

export const hasLink = ({ web }: House, text: string): boolean => fitting(web.links(), nameOfLink, text).length > 0

/** The same, or by the words; a stranger's name is its own choice, so it never stands for a neighbour's. */
export const findStranger = (house: House, text: string): Knock => {
  const all = house.knocking.list()
  const words = all.filter((knock) => viewOfStranger(knock).words === text.trim().toLowerCase())
  const found = words.length > 0 ? words : fitting(all, ({ who, name }) => ({ id: who, name }), text)
  if (found.length === 0 && hasLink(house, text))
    throw new Refusal(
      'link-unknown',
      `${text} has not knocked: \`vouchsafe link list\` shows who has. To part with a neighbour: \`vouchsafe link revoke\`.`,
    )
  return only(text, found)
}

const nameOfLink = ({ agent, name }: Link) => ({ id: agent, name })

const fitting = <T>(all: T[], calledIn: (one: T) => { id: string; name: string }, text: string): T[] => {
  const exact = all.filter((one) => calledIn(one).id === text || calledIn(one).name === text)
  return exact.length > 0 ? exact : all.filter((one) => text.length >= 4 && calledIn(one).id.startsWith(text))
}

const only = <T>(text: string, [one, ...more]: T[]): T => {
  if (!one) throw new Refusal('link-unknown', `No neighbour is called ${text}. \`vouchsafe link list\` shows them.`)
  if (more.length > 0)
    throw new Refusal('link-unknown', `${text} fits ${more.length + 1} neighbours. Name one by its whole agent id.`)
  return one
}

/** Where a neighbour is to be dialled, as it was typed. @throws OperationError */
export const hostPort = (text: string): string => {
  if (readHostPort(text)) return text
  throw new OperationError(`${text} is not an address and port. Write for example mail.example.org:2740.`)
}

/** A neighbour by its name, ourselves as such, anybody further by the first letters of the agent id. */
export const nameOf = ({ web, keyring, config }: House, agent: string): string => {
  if (agent === keyring.agent.id) return `${config.gateway.name} (here)`
  return web.links().find((link) => link.agent === agent)?.name ?? nameOfAgent(agent)
}
