/**
 * `npm run bench:links`: what an idle link costs in memory. One gateway is a process of its own; 1 000
 * neighbours dial it from this one, over real TLS, and then nothing is said but the pings. Beside it the
 * same number of links to a process that keeps the sessions and is no gateway: what Node asks for alone.
 *
 * For a link malloc gives 137 kB (105 without a gateway), the most of it buffers that are hardly written to: 64 KiB
 * and 16 KiB for TLS, 16 KiB for HTTP/2. How much of them is resident depends on where they lie (gateway/malloc.ts).
 * Some 30 kB are small things of OpenSSL and nghttp2, 14 kB are objects of JavaScript.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { makeCertificate } from '../gateway/link/certificate.ts'
import { linkLimits } from '../gateway/link/limits.ts'
import { connectTls } from '../gateway/link/peer.ts'
import { clientSession } from '../gateway/link/session.ts'
import { generateAgent } from '../src/identity/agent.ts'
import { introduce, makeAgents, NET, startEnd } from './bench/end.ts'
import { residentMb } from './bench/gateway.ts'
import { printTable, short, verdict, writeReport } from './bench/table.ts'
import { Gateway, sleep, temporaryFolder, until } from './neighbourhood.ts'
import { freePortBase } from './ports.ts'

const LINKS = 1000
/** Dials at a time, below what a listener takes of connections that are not links yet. */
const WIDTH = 8
/** A gateway says when it has given back what a busy time took (gateway/rest.ts): half a minute after it, or somewhat more. */
const RESTED_MS = 120_000
/** Node alone says nothing, and gives back what it gives when it has been idle for a while. */
const IDLE_MS = 60_000

type Measured = { before: number; after: number; perSecond: number }

const main = async (): Promise<void> => {
  const bare = await measureBare()
  const ours = await measureGateway()
  const linkKb = ({ before, after }: Measured) => ((after - before) * 1000) / LINKS
  const row = (what: string, { before, after }: Measured, ...more: string[]) => [
    what,
    short(before),
    short(after),
    short(linkKb({ before, after, perSecond: 0 })),
    ...more,
  ]
  printTable([
    [`${LINKS} idle links, MB of resident memory at rest`, 'without', 'with', 'kB a link', 'target'],
    row('a gateway', ours, verdict(linkKb(ours), '≤', 100)),
    row('TLS and HTTP/2 for each, and no gateway', bare, ''),
  ])
  printTable([
    [`links made, ${WIDTH} dials at a time, both ends on these cores`, 'links/s'],
    ['a gateway', short(ours.perSecond)],
    ['no gateway', short(bare.perSecond)],
  ])
  writeReport('links', { links: LINKS, ours, bare })
}

const measureGateway = async (): Promise<Measured> => {
  const folder = temporaryFolder()
  const gateway = new Gateway(folder, 'G', 'g.test', await freePortBase(1))
  await gateway.init('--net', NET)
  gateway.set('level', '"debug"')
  const agents = makeAgents(LINKS)
  const agentId = await introduce(gateway, agents)
  await gateway.start()
  try {
    const at = { agentId, port: gateway.ports.link }
    const left = [...agents]
    const rests = () => gateway.log().split('"event":"rested"').length
    const rested = async () => {
      const before = rests()
      await until('the gateway gives memory back', async () => rests() > before, RESTED_MS)
    }
    const dial = async () => {
      const agent = left.pop()
      if (agent) await startEnd(folder, at, agent)
    }
    const measured = await measure(gateway, dial, rested)
    const up = (await gateway.ask<{ up: boolean }[]>('link.list', {})).filter((link) => link.up).length
    if (up !== LINKS) throw new Error(`only ${up} of ${LINKS} links are up`)
    return measured
  } finally {
    await gateway.stop()
  }
}

const measureBare = async (): Promise<Measured> => {
  const file = fileURLToPath(new URL('./bench/bare-end.js', import.meta.url))
  const child = spawn(process.execPath, [file], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...memory },
  })
  try {
    const [line] = await once(createInterface(child.stdout), 'line')
    const { agentId, port } = JSON.parse(line) as { agentId: string; port: number }
    const keys = await makeCertificate(generateAgent(), Date.now())
    const dial = async () => {
      const { socket } = await connectTls(`127.0.0.1:${port}`, agentId, keys, linkLimits.handshakeMs)
      await clientSession(socket, linkLimits)
    }
    return await measure(child, dial, () => sleep(IDLE_MS))
  } finally {
    child.kill('SIGKILL')
  }
}

/** As the launcher starts a gateway. */
const memory = { MALLOC_ARENA_MAX: '2' }

const measure = async (
  process: ChildProcess | Gateway,
  dial: () => Promise<void>,
  rested: () => Promise<void>,
): Promise<Measured> => {
  await rested()
  const before = residentMb(process)
  const start = performance.now()
  let left = LINKS
  const lane = async () => {
    while (left-- > 0) await dial()
  }
  await Promise.all(Array.from({ length: WIDTH }, lane))
  const perSecond = LINKS / ((performance.now() - start) / 1000)
  await rested()
  return { before, after: residentMb(process), perSecond }
}

await main()
process.exit(0) // the ends of a thousand links have nothing more to do
