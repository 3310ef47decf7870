/**
 * Neighbours that are nothing but the end of a real link: an agent key and the link edge, as many in this
 * process as a benchmark wants, around one gateway that is a process of its own.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type LinkEdge, startLink } from '../../gateway/link/edge.ts'
import type { LinkHandlers } from '../../gateway/link/handlers.ts'
import { createLog } from '../../gateway/log.ts'
import { createMetrics } from '../../gateway/metrics.ts'
import { openHouse } from '../../gateway/rooms.ts'
import { DAY_MS, type Flow, MOST_LIMIT } from '../../src/credit/credit.ts'
import { type Agent, generateAgent } from '../../src/identity/agent.ts'
import { credits, links } from '../../store/web.ts'
import { nothingKept, ratchetsIn } from '../../test/link/ratchets.ts'
import type { Gateway } from '../neighbourhood.ts'

export const NET = 'bench'

export type End = { agent: Agent; edge: LinkEdge }

const log = createLog({ level: 'silent', format: 'json' })
const metrics = createMetrics()

/**
 * Writes agents into a home as neighbours since a month, who dial, and whose mail was always wanted, so that
 * credit is asked for and never lacking. The gateway must not run yet.
 * @returns its agentId
 */
export const introduce = async (gateway: Gateway, agents: readonly Agent[]): Promise<string> => {
  const house = await openHouse(gateway.home, { log })
  try {
    const now = Date.now()
    const since = now - 30 * DAY_MS
    const rows = agents.map(({ id }, i) => ({
      ...{ agent: id, name: `end ${i}`, addresses: [], state: 'active' as const, since, up: false, limit: MOST_LIMIT },
    }))
    const credit = agents.map(({ id }) => ({
      agent: id,
      debt: 0,
      at: now,
      theirs: wellKnown(now),
      ours: wellKnown(now),
    }))
    await house.store.db.transaction(async (tx) => {
      await links.save(tx, rows)
      await credits.save(tx, credit)
    })
    return house.keyring.agent.id
  } finally {
    await house.close()
  }
}

/** Judged so often as wanted, over two ways, that a message weighs as little as it can. */
export const wellKnown = (now: number): Flow => ({
  reserved: 0,
  pending: 0,
  weeks: [{ week: Math.floor(now / (7 * DAY_MS)), complaints: 0, wanted: { one: 1000, other: 1000 } }],
})

/** Links an agent to the gateway; it is up when this resolves. */
export const startEnd = async (
  folder: string,
  gateway: { agentId: string; port: number },
  agent: Agent,
  handlers: Partial<LinkHandlers> = {},
): Promise<End> => {
  const nobody = async () => {
    throw new Error('this end takes nothing')
  }
  const edge = await startLink({
    ...{ agent, net: NET, home: join(folder, agent.id), log, metrics },
    listen: { host: '127.0.0.1', port: 0 },
    peers: () => [{ agentId: gateway.agentId, addresses: [`127.0.0.1:${gateway.port}`] }],
    allow: () => 'linked',
    ratchets: ratchetsIn(nothingKept()),
    handlers: {
      ...{
        hand: nobody,
        pair: nobody,
        directory: nobody,
        moved: nobody,
        up: () => {},
        down: () => {},
        missed: () => {},
      },
      records: async (_from, lines) => lines.map(() => ({ ok: true })),
      ...handlers,
    },
  })
  while (!edge.isUp(gateway.agentId)) await sleep(2)
  return { agent, edge }
}

export const makeAgents = (count: number): Agent[] => Array.from({ length: count }, generateAgent)
