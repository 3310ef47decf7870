/**
 * `npm run bench:path`: A → R → B, three gateways as processes on the cores of this machine.
 *
 *   sustained  SMTP in at A to visible in IMAP at B, beside Postfix → Dovecot over LMTP without any
 *              encryption, and beside the bare cryptography of as many messages on both cores
 *   latency    single messages on an idle machine: the final dot of DATA to the push in IDLE, beside Dovecot
 *   memory     of the gateway R, which has no mailboxes, and of B: started, and after the load
 */
import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { MESSAGE_BYTES, Reader, Sender, smtpSource } from './bench/client.ts'
import { atRest, type Device, processorMs, residentMb, withDevice } from './bench/gateway.ts'
import { type Dovecot, installPeers, startDovecot } from './bench/peer.ts'
import { startPostfix } from './bench/postfix.ts'
import { median, printTable, quantile, short, verdict, writeReport } from './bench/table.ts'
import { befriend, Gateway, sleep, temporaryFolder } from './neighbourhood.ts'
import { freePort, freePortBase } from './ports.ts'

const ROUNDS = 3
const COUNT = 2000
const CONNECTIONS = 20
const SINGLES = 250
const DOVECOT_SINGLES = 50
/** A gateway gives memory back half a minute after its start or its work (gateway/rest.ts). */
const START_MS = 60_000
const REST_MS = 120_000

type Web = { a: Device; r: Gateway; b: Device; reader: Reader }
type Plain = { port: number; dovecot: Dovecot; reader: Reader }

const main = async (): Promise<void> => {
  installPeers()
  const folder = temporaryFolder()
  const base = await freePortBase(3)
  const a = await withDevice(new Gateway(folder, 'A', 'a.test', base), 'anna')
  const r = new Gateway(folder, 'R', 'r.test', base + 100)
  await r.init('--net', 'bench')
  const b = await withDevice(new Gateway(folder, 'B', 'b.test', base + 200), 'bert')
  const gateways = [a.gateway, r, b.gateway]
  const dovecot = await startDovecot(folder)
  const port = await freePort()
  const postfix = await startPostfix(folder, { port, transport: `lmtp:inet:127.0.0.1:${dovecot.lmtp}` })
  try {
    await Promise.all(gateways.map((gateway) => gateway.start()))
    await sleep(START_MS)
    const started = gateways.map(residentMb)
    const web: Web = { a, r, b, reader: await acquainted(a, r, b) }
    const plain: Plain = { port, dovecot, reader: new Reader(dovecot.imap) }
    await plain.reader.idle(PEER, 'any')

    const sustained = await measureSustained(web, plain)
    const latency = await measureLatency(web, plain)
    await sleep(REST_MS)
    const loaded = gateways.map(residentMb)
    report(sustained, latency, { started, loaded })
    await Promise.all([web.reader.close(), plain.reader.close()])
  } finally {
    await Promise.all([...gateways.map((gateway) => gateway.stop()), postfix.stop(), dovecot.stop()])
  }
}

const PEER = 'bert@peer.test'

/** Bert writes first, so that what Anna sends is for his INBOX, and both gateways have found each other. */
const acquainted = async (a: Device, r: Gateway, b: Device): Promise<Reader> => {
  await befriend(r, a.gateway)
  await befriend(r, b.gateway)
  const [anna, bert] = [new Reader(a.gateway.ports.imap), new Reader(b.gateway.ports.imap)]
  await bert.idle(b.person.address, b.person.password)
  await sendOne(b, a.person.address)
  await sleep(1000) // hers waits in Requests, where she may leave it
  await sendOne(a, b.person.address)
  await bert.sees(1)
  await anna.close()
  return bert
}

const sendOne = async ({ port, person }: Device, to: string): Promise<void> => {
  const sender = new Sender(port)
  await sender.greet()
  await sender.send(person.address, to)
  await sender.close()
}

/** Messages a second; of a message, the milliseconds of processor time at A, R and B, and of its bare cryptography. */
type Sustained = Record<'ours' | 'accepted' | 'peers' | 'crypto' | 'a' | 'r' | 'b' | 'bare', number[]>

const measureSustained = async ({ a, r, b, reader }: Web, plain: Plain): Promise<Sustained> => {
  const sustained: Sustained = { ours: [], accepted: [], peers: [], crypto: [], a: [], r: [], b: [], bare: [] }
  const load = { connections: CONNECTIONS, count: COUNT }
  const spent = () => [a.gateway, r, b.gateway].map(processorMs)
  const throughUs = () => smtpSource({ ...load, port: a.port, from: a.person.address, to: b.person.address })
  const throughPeers = () => smtpSource({ ...load, port: plain.port, from: 'anna@peer.test', to: PEER })
  await visible(reader, throughUs) // all warm: compiled, their processes started
  await visible(plain.reader, throughPeers)
  for (let round = 0; round < ROUNDS; round++) {
    await atRest(a.gateway, r, b.gateway)
    const before = spent()
    const ours = await visible(reader, throughUs)
    sustained.ours.push(ours.rate)
    sustained.accepted.push(ours.accepted)
    await atRest(a.gateway, r, b.gateway) // the reports and the index are work of these messages, too
    const cost = spent().map((ms, i) => (ms - (before[i] ?? 0)) / COUNT)
    for (const [i, who] of (['a', 'r', 'b'] as const).entries()) sustained[who].push(cost[i] ?? 0)
    const peers = await visible(plain.reader, throughPeers)
    sustained.peers.push(peers.rate)
    const crypto = await cryptography()
    sustained.crypto.push(crypto.rate)
    sustained.bare.push(crypto.processorMs)
    const [seen, theirs, bare] = [ours.rate, peers.rate, crypto.rate].map(short)
    console.log(`A → R → B ${seen}/s, Postfix → Dovecot ${theirs}/s, bare cryptography ${bare}/s`)
  }
  return sustained
}

const visible = async (reader: Reader, send: () => Promise<number>): Promise<{ rate: number; accepted: number }> => {
  const start = performance.now()
  const [seconds, last] = await Promise.all([send(), reader.sees(reader.count + COUNT)])
  return { rate: COUNT / ((last - start) / 1000), accepted: COUNT / seconds }
}

/** All cores at it. @returns messages a second, and milliseconds of processor time for each */
const cryptography = async (): Promise<{ rate: number; processorMs: number }> => {
  const lanes = availableParallelism()
  const each = Math.ceil(COUNT / lanes)
  const file = fileURLToPath(new URL('./bench/crypto.js', import.meta.url))
  const args = [file, String(each), String(MESSAGE_BYTES)]
  const lane = async (): Promise<{ seconds: number; processorMs: number }> =>
    JSON.parse((await promisify(execFile)(process.execPath, args)).stdout)
  const done = await Promise.all(Array.from({ length: lanes }, lane))
  const processorMs = done.reduce((sum, one) => sum + one.processorMs, 0)
  return {
    rate: (each * lanes) / Math.max(...done.map(({ seconds }) => seconds)),
    processorMs: processorMs / (each * lanes),
  }
}

type Latency = { ours: number[]; dovecot: number[] }

const measureLatency = async ({ a, b, reader }: Web, { dovecot, reader: peer }: Plain): Promise<Latency> => {
  const sender = new Sender(a.port)
  await sender.greet()
  const ours = await singles(reader, () => sender.send(a.person.address, b.person.address), SINGLES)
  const lmtp = new Sender(dovecot.lmtp, 'LHLO')
  await lmtp.greet()
  const theirs = await singles(peer, () => lmtp.send('anna@peer.test', PEER), DOVECOT_SINGLES)
  await Promise.all([sender.close(), lmtp.close()])
  return { ours, dovecot: theirs }
}

const singles = async (reader: Reader, send: () => Promise<number>, count: number): Promise<number[]> => {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const [dot, seen] = await Promise.all([send(), reader.sees(reader.count + 1)])
    times.push(seen - dot)
    await sleep(100) // idle again: the reports have gone home
  }
  return times
}

const report = (sustained: Sustained, latency: Latency, memory: { started: number[]; loaded: number[] }): void => {
  const rate = median(sustained.ours)
  const ratios = { peers: rate / median(sustained.peers), crypto: rate / median(sustained.crypto) }
  printTable([
    [`A → R → B, ${COUNT} messages of 5 kB, seen in IMAP`, 'messages/s', 'ratio', 'target'],
    ['Vouchsafe, sealed, three gateways', short(rate), '', verdict(rate, '≥', 250)],
    ['Postfix → Dovecot, LMTP, unencrypted', short(median(sustained.peers)), `${short(ratios.peers)} ×`, ''],
    ['bare cryptography of the same', short(median(sustained.crypto)), `${short(ratios.crypto)} ×`, ''],
  ])
  const { a, r, b, bare } = sustained
  printTable([
    ['processor time of one message, ms', 'A', 'R', 'B', 'all', 'bare cryptography'],
    ['', ...[a, r, b].map((ms) => short(median(ms))), short(median(a) + median(r) + median(b)), short(median(bare))],
  ])
  const [mid, p99] = [median(latency.ours), quantile(latency.ours, 0.99)]
  const [peerMid, peerP99] = [median(latency.dovecot), quantile(latency.dovecot, 0.99)]
  printTable([
    ['final dot to IDLE push, ms', 'median', 'p99', 'target'],
    ['A → R → B', short(mid), short(p99), `${verdict(mid, '≤', 50)}, ${verdict(p99, '≤', 200)}`],
    ['Dovecot alone, LMTP', short(peerMid), short(peerP99), ''],
  ])
  const names = ['A', 'R', 'B']
  printTable([
    ['resident memory at rest, MB', 'started', 'two minutes after the load', 'target'],
    ...names.map((name, i) => {
      const [before = 0, after = 0] = [memory.started[i], memory.loaded[i]]
      return [name, short(before), short(after), verdict(Math.max(before, after), '≤', 120)]
    }),
  ])
  writeReport('path', { messages: COUNT, sustained, ratios, latency, memory })
}

await main()
