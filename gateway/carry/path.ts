/**
 * PATH, signed: by the agent that represents the entity, then by every relay on the way back.
 * Whoever asked accepts it only if all of it holds: so nobody can invent a route.
 */
import { createHash } from 'node:crypto'
import { targetOfAddress, targetOfEntity } from '../../src/address.ts'
import type { Effect } from '../../src/effect.ts'
import { readCard } from '../../src/identity/card.ts'
import { signRecord, verifyRecord } from '../../src/identity/record.ts'
import { Refusal } from '../../src/refusal.ts'
import { ROUTE_LIFE_MS } from '../../src/route/cache.ts'
import { knownOf } from '../../src/route/known.ts'
import type { Path } from '../../src/route/search.ts'
import { splice } from '../../src/route/splice.ts'
import { type CachedRecord, cachedRecord, hopRecord, type PathMessage, pathRecord } from '../../src/wire/record.ts'
import { cards, routes } from '../../store/web.ts'
import type { Core } from '../core.ts'
import { ownCard } from './card.ts'

/** What is needed of the gateway. */
type Here = Pick<Core, 'agent' | 'net' | 'now'> & {
  store: Pick<Core['store'], 'db'>
  engine: Pick<Core['engine'], 'state'>
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Our answer to a WHO for somebody who lives here. */
export const answerWho = async (
  core: Pick<Core, 'agent' | 'net' | 'now'> & { keyring: Pick<Core['keyring'], 'entity'> },
  asked: Extract<Effect, { do: 'answer' }>,
): Promise<PathMessage | undefined> => {
  const entity = core.keyring.entity(asked.entity)
  if (entity === undefined) return undefined
  const card = await ownCard(core, entity)
  const { qid, target, route } = asked
  const record = { qid, target, entity: entity.id, route, card: hashOf(card), expires: core.now() + ROUTE_LIFE_MS }
  return { t: 'PATH', path: await signRecord(core.agent, core.net, 'PATH', record), hops: [], card }
}

/** An answer from memory: the PATH we asked for ourselves, and our word that we stand between (src/route/splice.ts). */
export const recallPath = async (
  core: Here,
  { key, qid, target, route }: Extract<Effect, { do: 'recall' }>,
): Promise<PathMessage | undefined> => {
  const proof = (await routes.load(core.store.db, [key]))[0]?.proof
  if (proof === undefined) return undefined
  const message: PathMessage = JSON.parse(proof)
  const record: CachedRecord = { qid, target, route, path: hashOf(message.path) }
  return { ...message, cached: await signRecord(core.agent, core.net, 'CACHED', record), cachedHops: [] }
}

/** The same with our signature: the decision has checked that both neighbours on the route are ours. */
export const passOn = async (core: Pick<Core, 'agent' | 'net'>, message: PathMessage): Promise<PathMessage> => {
  const { cached, cachedHops = [], hops, path } = message
  const hop = await signRecord(core.agent, core.net, 'HOP', { path: hashOf(cached ?? path) })
  return cached === undefined ? { ...message, hops: [...hops, hop] } : { ...message, cachedHops: [...cachedHops, hop] }
}

/**
 * @throws Refusal unless every signature holds: the target's agent for the route, each hop between
 * it and us in order, and the entity for the card, which must name the agent and what was asked for
 */
export const verifyPath = async (core: Here, message: PathMessage): Promise<Path> => {
  const { by, body } = await verifyRecord(message.path, core.net, 'PATH')
  const record = pathRecord(body, 'PATH')
  const { route } = record
  refuseRevoked(core, route)
  if (by !== route.at(-1)) throw new Refusal('agent-mismatch', 'the route is not signed by the agent it leads to')
  if (new Set(route).size !== route.length) throw new Refusal('path-loops', 'an agent stands twice on the route')
  if (record.card !== hashOf(message.card))
    throw new Refusal('card-invalid', 'the card is not the one that was signed for')

  const answer = message.cached === undefined ? undefined : await verifySplice(core, message.cached, message, record)
  await verifyHops(core, { of: message.path, hops: message.hops, route, to: answer?.by ?? core.agent.id })
  const asked = answer?.record ?? record
  const known = await knownBy(core, message.card, asked, by)
  const kept = await keptBeside(core, known)
  return { record: asked, card: message.card, message, known, ...(kept && { kept }) }
}

const refuseRevoked = ({ engine }: Here, route: readonly string[]): void => {
  if (route.some((agent) => engine.state.revoked.has(agent)))
    throw new Refusal('agent-revoked', 'the key of an agent on this route was stolen')
}

type Hops = { of: string; hops: string[]; route: string[]; to: string }

/** Whoever stands on the route between its end and `to` has signed `of`, in that order. */
const verifyHops = async (core: Here, { of, hops, route, to }: Hops): Promise<void> => {
  const passed = route.slice(route.indexOf(to) + 1, -1).reverse()
  if (!route.includes(to) || passed.length !== hops.length)
    throw new Refusal('chain-broken', 'the route does not lead here, or a hop has not signed')
  const hash = hashOf(of)
  for (const [i, jws] of hops.entries()) {
    const hop = await verifyRecord(jws, core.net, 'HOP')
    if (hop.by !== passed[i] || hopRecord(hop.body, 'HOP').path !== hash)
      throw new Refusal('chain-broken', `hop ${i + 1} did not sign this route`)
  }
}

/** The relay that answers from memory, and the answer as if its target had given it to us. */
const verifySplice = async (core: Here, jws: string, message: PathMessage, path: Path['record']) => {
  const { by, body } = await verifyRecord(jws, core.net, 'CACHED')
  const cached = cachedRecord(body, 'CACHED')
  refuseRevoked(core, cached.route)
  const record = cached.path === hashOf(message.path) ? splice(path, cached, by) : undefined
  if (record === undefined)
    throw new Refusal('chain-broken', 'the way from memory does not begin where the answer ends')
  await verifyHops(core, { of: jws, hops: message.cachedHops ?? [], route: cached.route, to: core.agent.id })
  return { by, record }
}

/** What we hold for the address, if it is of another key: the decision writes the claim beside it. */
const keptBeside = async ({ engine, store }: Here, { address, entity }: Path['known']): Promise<string | undefined> => {
  const holder = engine.state.knownAt.get(address)
  if (holder === undefined || holder === entity) return undefined
  return (await cards.load(store.db, [holder]))[0]?.card
}

const knownBy = async (core: Here, text: string, record: Path['record'], agent: string): Promise<Path['known']> => {
  const card = await readCard(text, core.net, core.now())
  if (card.entityId !== record.entity || card.agentId !== agent)
    throw new Refusal('card-invalid', 'the card is of another entity, or names another agent')
  if (record.target !== targetOfEntity(card.entityId) && record.target !== targetOfAddress(card.address))
    throw new Refusal('card-invalid', 'the card is not of whom was asked for')
  return knownOf(card)
}
