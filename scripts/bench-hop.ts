/**
 * `npm run bench:hop`: one hop and nothing else. A relay is a process of its own; from this one an origin
 * hands it envelopes of 5 kB over a real link, and their destination takes them at the end of another.
 *
 *   a hop   receive, verify ENVELOPE and STAMP, admit, make durable, sign the receipt, stamp, hand on,
 *           verify the next receipt, and report `forwarded` upstream
 *   bare    verify three records, sign three, and write 5 kB durably, as many at a time as an origin hands
 */
import { createHash, randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Body, Offer } from '../gateway/link/handlers.ts'
import { chainHash } from '../src/envelope/envelope.ts'
import type { Agent } from '../src/identity/agent.ts'
import { signRecord, verifyRecord } from '../src/identity/record.ts'
import { MESSAGE_BYTES } from './bench/client.ts'
import { type End, introduce, makeAgents, NET, startEnd } from './bench/end.ts'
import { atRest, processorMs } from './bench/gateway.ts'
import { median, printTable, short, verdict, writeReport } from './bench/table.ts'
import { Gateway, temporaryFolder } from './neighbourhood.ts'
import { freePortBase } from './ports.ts'

const ROUNDS = 3
const COUNT = 4000
const WARM = 1000
/** Hand-overs at once: fewer than a gateway has under way itself (gateway/engine/perform.ts), so that none waits. */
const WIDTH = 90

type Message = { id: string; offer: Offer; body: Body }

const main = async (): Promise<void> => {
  const folder = temporaryFolder()
  const relay = new Gateway(folder, 'R', 'r.test', await freePortBase(1))
  await relay.init('--net', NET)
  const [origin, destination] = makeAgents(2) as [Agent, Agent]
  const agentId = await introduce(relay, [origin, destination])
  await relay.start()
  try {
    const at = { agentId, port: relay.ports.link }
    const arrivals = countArrivals(origin.id)
    const ends = await Promise.all([
      startEnd(folder, at, origin),
      startEnd(folder, at, destination, { hand: (from, offer) => arrivals.take(destination, from, offer) }),
    ])
    const rates: number[] = []
    const bare: number[] = []
    const spent: number[] = []
    const hops = async (count: number): Promise<number> => {
      const messages = await Promise.all(Array.from({ length: count }, () => write(origin, agentId, destination.id)))
      const start = performance.now()
      await Promise.all([handAll(ends[0], agentId, messages), arrivals.reach(arrivals.count + count)])
      return count / ((performance.now() - start) / 1000)
    }
    await hops(WARM)
    await atRest(relay)
    await bareWork(folder, origin, WARM)
    for (let round = 0; round < ROUNDS; round++) {
      const before = processorMs(relay)
      rates.push(await hops(COUNT))
      spent.push((processorMs(relay) - before) / COUNT)
      await atRest(relay) // the last reports are on their way home
      bare.push(await bareWork(folder, origin, COUNT))
      console.log(`a hop ${short(rates.at(-1) ?? 0)}/s, bare ${short(bare.at(-1) ?? 0)}/s`)
    }
    report({ rates, bare, spent })
    await Promise.all(ends.map(({ edge }) => edge.close()))
  } finally {
    await relay.stop()
  }
}

/** Sealed for nobody: a relay sees bytes. */
const write = async (origin: Agent, relay: string, destination: string): Promise<Message> => {
  const payload = randomBytes(MESSAGE_BYTES)
  const hash = createHash('sha256').update(payload).digest('hex')
  const id = randomBytes(16).toString('hex')
  const now = Date.now()
  const to = origin.id // any entity: the way onward is advised
  const record = {
    id,
    to,
    hash,
    size: payload.length,
    priority: 'interactive',
    created: now,
    expires: now + 86_400_000,
  }
  const envelope = await signRecord(origin, NET, 'ENVELOPE', record)
  const stamp = await signRecord(origin, NET, 'STAMP', { id, chain: chainHash(envelope, []), to: relay, at: now })
  const body = { size: payload.length, sha256: hash, open: (from: number) => payload.subarray(from) }
  return { id, offer: { envelope, stamps: [stamp], route: [destination] }, body }
}

const handAll = async ({ edge }: End, relay: string, messages: readonly Message[]): Promise<void> => {
  const left = [...messages]
  const lane = async () => {
    for (let message = left.pop(); message; message = left.pop()) {
      const answer = await edge.hand(relay, message.offer, message.body)
      if ('refused' in answer) throw new Error(`the relay refused: ${answer.refused} ${answer.detail}`)
    }
  }
  await Promise.all(Array.from({ length: WIDTH }, lane))
}

/** The destination signs for what it takes, and checks nothing: its work is not measured. */
const countArrivals = (origin: string) => {
  let wanted: { count: number; heard: () => void } | undefined
  const arrivals = {
    count: 0,
    async take(me: Agent, from: string, { envelope, stamps }: Offer) {
      const { id } = JSON.parse(Buffer.from(envelope.split('.')[1] ?? '', 'base64url').toString()) as { id: string }
      const chain = chainHash(envelope, stamps)
      arrivals.count += 1
      if (wanted && arrivals.count >= wanted.count) wanted.heard()
      return { accepted: await signRecord(me, NET, 'ACCEPTED', { id, origin, from, chain, at: Date.now() }) }
    },
    reach: (count: number) =>
      new Promise<void>((heard) => {
        wanted = { count, heard }
      }),
  }
  return arrivals
}

/** The cryptography of a hop and one durable write for each group, one group after the other. @returns messages a second */
const bareWork = async (folder: string, agent: Agent, count: number): Promise<number> => {
  const file = await open(join(folder, 'bare'), 'w')
  const payload = randomBytes(MESSAGE_BYTES)
  const given = await signRecord(agent, NET, 'STAMP', { id: '', chain: '0'.repeat(64), to: agent.id, at: 0 })
  const start = performance.now()
  for (let done = 0; done < count; done += WIDTH) {
    for (let i = 0; i < WIDTH; i++)
      for (let record = 0; record < 3; record++) {
        await verifyRecord(given, NET, 'STAMP')
        await signRecord(agent, NET, 'STAMP', { id: '', chain: '0'.repeat(64), to: agent.id, at: i })
      }
    await file.write(Buffer.concat(new Array(WIDTH).fill(payload)))
    await file.datasync()
  }
  const rate = count / ((performance.now() - start) / 1000)
  await file.close()
  return rate
}

const report = ({ rates, bare, spent }: { rates: number[]; bare: number[]; spent: number[] }): void => {
  const [rate, floor] = [median(rates), median(bare)]
  printTable([
    [`one hop, ${COUNT} envelopes of 5 kB`, 'messages/s', 'ratio', 'target'],
    ['a relay, between two real links', short(rate), '', verdict(rate, '≥', 800)],
    ['bare: Ed25519 and a durable group write', short(floor), `${short(rate / floor)} ×`, ''],
  ])
  printTable([
    ['processor time of one hop, ms', 'the relay', 'bare'],
    ['', short(median(spent)), short(1000 / floor)],
  ])
  writeReport('hop', { messages: COUNT, rates, bare, relayMs: spent })
}

await main()
