/** Agents with a real link edge each, on loopback, in homes of their own; what they are told is recorded. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pino } from 'pino'
import { type LinkEdge, startLink } from '../../gateway/link/edge.ts'
import type { Arrived, Body, LinkHandlers, Offer, Standing } from '../../gateway/link/handlers.ts'
import type { LinkLimits } from '../../gateway/link/limits.ts'
import type { Ratchets } from '../../gateway/link/ratchets.ts'
import { createMetrics } from '../../gateway/metrics.ts'
import { type Agent, generateAgent } from '../../src/identity/agent.ts'
import { type Kept, nothingKept, ratchetsIn } from './ratchets.ts'

export type TestAgent = {
  agent: Agent
  home: string
  edge: LinkEdge
  /** Every log line, as JSON. */
  log: Record<string, unknown>[]
  hands: { from: string; offer: Offer; body: Arrived }[]
  records: string[]
  ups: string[]
  downs: string[]
  /** `host:port` of the link port. */
  address: string
  neighbours: Map<string, { addresses: string[]; standing: Standing }>
  kept: Kept
  /** The value of a counter, all labels together, or of those that match. */
  counted(name: 'linkBytes' | 'linkRecords' | 'refusals', labels?: Record<string, string>): Promise<number>
  stop(): Promise<void>
}

type Options = {
  agent?: Agent
  net?: string
  limits?: Partial<LinkLimits>
  handlers?: Partial<LinkHandlers>
  home?: string
  port?: number
  kept?: Kept
  /** By default those of `kept`, as they are. */
  ratchets?: (kept: Kept) => Ratchets
  now?: () => number
}

export const startAgent = async (options: Options = {}): Promise<TestAgent> => {
  const { agent = generateAgent(), net = 'test', kept = nothingKept() } = options
  const home = options.home ?? (await mkdtemp(join(tmpdir(), 'vouchsafe-link-')))
  const metrics = createMetrics()
  const log: Record<string, unknown>[] = []
  const hands: TestAgent['hands'] = []
  const records: string[] = []
  const ups: string[] = []
  const downs: string[] = []
  const neighbours: TestAgent['neighbours'] = new Map()

  const edge = await startLink({
    agent,
    net,
    home,
    listen: { host: '127.0.0.1', port: options.port ?? 0 },
    peers: () => [...neighbours].map(([agentId, { addresses }]) => ({ agentId, addresses })),
    allow: (agentId) => (kept.frozen.has(agentId) ? 'frozen' : (neighbours.get(agentId)?.standing ?? 'no')),
    ratchets: (options.ratchets ?? ratchetsIn)(kept),
    ...(options.now && { now: options.now }),
    ...(options.limits && { limits: options.limits }),
    log: pino({ level: 'debug' }, { write: (line: string) => void log.push(JSON.parse(line)) }),
    metrics,
    handlers: {
      async hand(from, offer, body) {
        hands.push({ from, offer, body })
        return { accepted: `receipt for ${offer.envelope}` }
      },
      async records(_from, lines) {
        records.push(...lines)
        return lines.map(() => ({ ok: true }))
      },
      pair: async (_from, request) => request,
      moved: async (_from, request) => request,
      up: (agentId) => ups.push(agentId),
      down: (agentId) => downs.push(agentId),
      missed: () => {},
      directory: async (from, _remote, request) => ({ from, request }),
      ...options.handlers,
    },
  })

  return {
    agent,
    home,
    edge,
    log,
    hands,
    records,
    ups,
    downs,
    neighbours,
    kept,
    address: `127.0.0.1:${edge.address.port}`,
    async counted(name, labels = {}) {
      const { values } = await metrics[name].get()
      const matching = values.filter((one) =>
        Object.entries(labels).every(([label, value]) => one.labels[label as never] === value),
      )
      return matching.reduce((sum, one) => sum + one.value, 0)
    },
    async stop() {
      await edge.close()
      if (options.home === undefined) await rm(home, { recursive: true, force: true })
    },
  }
}

/** Starts the agents of a test, which end with it. */
export const agentsOfEach = () => {
  const agents: TestAgent[] = []
  afterEach(async () => {
    await Promise.all(agents.splice(0).map((one) => one.stop()))
  })
  const start: typeof startAgent = async (options) => {
    const made = await startAgent(options)
    agents.push(made)
    return made
  }
  return { agents, start }
}

/** Makes both neighbours; `dials` of them know the other's address. */
export const befriend = (one: TestAgent, other: TestAgent, dials: 'one' | 'both' = 'one'): void => {
  one.neighbours.set(other.agent.id, { addresses: [other.address], standing: 'linked' })
  other.neighbours.set(one.agent.id, { addresses: dials === 'both' ? [one.address] : [], standing: 'linked' })
  other.edge.refresh()
  one.edge.refresh()
}

export const until = async (
  holds: () => boolean | Promise<boolean>,
  what: string,
  withinMs = 15_000,
): Promise<void> => {
  const end = Date.now() + withinMs
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export const areLinked = (one: TestAgent, other: TestAgent): Promise<void> =>
  until(() => one.edge.isUp(other.agent.id) && other.edge.isUp(one.agent.id), 'both are up')

/** `size` bytes that don't compress, and what a transfer took of them. */
export const payloadOf = (size: number): Body & { bytes: Buffer; opened: number[] } => {
  const block = randomBytes(Math.min(size, 1 << 20))
  const bytes = Buffer.alloc(size)
  for (let at = 0; at < size; at += block.length) block.copy(bytes, at)
  const opened: number[] = []
  return {
    size,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes,
    opened,
    open(from) {
      opened.push(from)
      const pieces = function* () {
        for (let at = from; at < size; at += 100_000) yield bytes.subarray(at, Math.min(size, at + 100_000))
      }
      return Readable.from(pieces(), { objectMode: false })
    },
  }
}

export const offerOf = (name: string): Offer => ({ envelope: name, stamps: ['stamp'], route: [] })
