/** What LINK1 found about neighbours, and beginning anew with one (src/link/alarm.ts). */
import { fingerprintWords } from '../../src/identity/words.ts'
import type { Alert } from '../../src/link/alert.ts'
import { isFrozen, isLinked } from '../../src/link/standing.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Link } from '../../src/state.ts'
import type { House, Operation } from '../house.ts'
import { findLink, type LinkView, viewOf } from './neighbour.ts'

type AlertView = Alert & { agent: string; name: string }

export const linkAlerts: Operation<{ neighbour?: string }, { frozen: string[]; alerts: AlertView[] }> = async (
  house,
  { neighbour },
) => {
  const links = neighbour === undefined ? house.web.links() : [findLink(house, neighbour)]
  const alerts = links.flatMap(({ agent, name, alerts = [] }) => alerts.map((one) => ({ ...one, agent, name })))
  return {
    frozen: links.filter(isFrozen).map(({ name }) => name),
    alerts: alerts.sort((a, b) => a.at - b.at),
  }
}

/** With one neighbour, or with all: after a copy of the home was put back. */
export const linkRekey: Operation<{ neighbour?: string }, LinkView[]> = async (house, { neighbour }) => {
  const links = neighbour === undefined ? house.web.links().filter(isLinked) : [linkedOf(house, neighbour)]
  for (const { agent } of links) await house.web.rekey(agent)
  const agents = new Set(links.map(({ agent }) => agent))
  return house.web
    .links()
    .filter(({ agent }) => agents.has(agent))
    .map((link) => viewOf(house.web, link))
}

const linkedOf = (house: House, neighbour: string): Link => {
  const link = findLink(house, neighbour)
  if (link.state !== 'revoked') return link
  throw new Refusal('link-revoked', `${link.name} is no neighbour any more, and is told nothing: invite it again.`)
}

/**
 * The agent's key is in other hands: another one, from now on. The neighbours are told as soon as the gateway runs; a
 * running one closes all and opens it anew for it.
 */
export const linkRenew: Operation<object, { was: string; agent: string; words: string; neighbours: string[] }> = async (
  house,
) => {
  house.web.operator()
  const was = house.keyring.agent.id
  const { id } = await house.keyring.renew()
  house.serving?.renewed()
  const neighbours = house.web.links().filter(isLinked)
  return { was, agent: id, words: fingerprintWords(id), neighbours: neighbours.map(({ name }) => name) }
}

export const frozenProblems = (links: Link[]): string[] =>
  links
    .filter(isFrozen)
    .map(({ name, frozen }) => `the link with ${name} is frozen (${frozenBy(frozen)}): vouchsafe link alerts`)

export const frozenBy = (frozen: Link['frozen']): string => (frozen ? reasons[frozen.why] : '')

const reasons: Record<NonNullable<Link['frozen']>['why'], string> = {
  diverged: 'somebody has a copy of one of the two homes',
  clock: 'a clock is wrong',
  stolen: 'its key was stolen',
}
