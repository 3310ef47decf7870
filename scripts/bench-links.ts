/**
 * `npm run bench:links`: what an idle link costs in memory. One gateway is a process of its own; 1 000
 * neighbours dial it from this one, over real TLS, and then nothing is said but the pings.
 */
import { type End, introduce, makeAgents, NET, startEnd } from './bench/end.ts'
import { residentMb } from './bench/gateway.ts'
import { printTable, short, verdict, writeReport } from './bench/table.ts'
import { freePortBase, Gateway, sleep, temporaryFolder } from './neighbourhood.ts'

const LINKS = 1000
/** Dials at a time, below what a listener takes of connections that are not links yet. */
const WIDTH = 8
/** Node gives memory back when it has been idle for a while; pings go three times meanwhile. */
const REST_MS = 70_000

const main = async (): Promise<void> => {
  const folder = temporaryFolder()
  const gateway = new Gateway(folder, 'G', 'g.test', await freePortBase(1))
  await gateway.init('--net', NET)
  const agents = makeAgents(LINKS)
  const agentId = await introduce(gateway, agents)
  await gateway.start()
  try {
    await sleep(REST_MS)
    const before = residentMb(gateway)
    const start = performance.now()
    const ends = await dialAll(agents, (agent) => startEnd(folder, { agentId, port: gateway.ports.link }, agent))
    const perSecond = LINKS / ((performance.now() - start) / 1000)
    await sleep(REST_MS)
    const after = residentMb(gateway)
    const up = (await gateway.run<{ up: boolean }[]>(['link', 'list'])).filter((link) => link.up).length
    if (up !== LINKS) throw new Error(`only ${up} of ${LINKS} links are up`)
    report({ before, after, perSecond })
    await Promise.all(ends.map(({ edge }) => edge.close()))
  } finally {
    await gateway.stop()
  }
}

const dialAll = async <T>(agents: readonly T[], dial: (agent: T) => Promise<End>): Promise<End[]> => {
  const ends: End[] = []
  const left = [...agents]
  const lane = async () => {
    for (let agent = left.pop(); agent !== undefined; agent = left.pop()) ends.push(await dial(agent))
  }
  await Promise.all(Array.from({ length: WIDTH }, lane))
  return ends
}

const report = ({ before, after, perSecond }: { before: number; after: number; perSecond: number }): void => {
  const linkKb = ((after - before) * 1000) / LINKS
  printTable([
    [`${LINKS} idle links, resident memory at rest`, 'without', 'with', 'kB a link', 'target'],
    ['the gateway, MB', short(before), short(after), short(linkKb), verdict(linkKb, '≤', 100)],
  ])
  printTable([
    ['made', 'links/s'],
    [`by ${WIDTH} dials at a time, both ends on these cores`, short(perSecond)],
  ])
  writeReport('links', { links: LINKS, residentMb: { before, after }, linkKb, perSecond })
}

await main()
