/**
 * `npm run bench:smtp`: how many messages of 5 kB are accepted durably in a second, over connections that are kept,
 * here and by Postfix, in turn.
 *
 *   no login   smtp-source, Postfix's own load, into our listener for trusted devices and into Postfix, which
 *              throws the messages away once it has queued them (`discard`), or delivers each into a Maildir (virtual(8))
 *   login      the same over TLS with AUTH, by a load of our own (bench/submitter.ts)
 *
 * Of so many at once both deliver most after their 250. So the fair row is the Maildir's last: until all lie in it, and
 * in our mailbox. Its rate of acceptance is what a client of a server that delivers sees; `discard` is Postfix at its
 * fastest. Each begins when our gateway is at rest, and Postfix has discarded what it had queued.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { smtpSource } from './bench/client.ts'
import { atRest, type Device, processorMs, withDevice } from './bench/gateway.ts'
import { ImapClient } from './bench/imap-client.ts'
import { freePort, installPeers, startLogins } from './bench/peer.ts'
import { MAILDIR_DOMAIN, type Postfix, startPostfix } from './bench/postfix.ts'
import type { Load, Sent } from './bench/submitter.ts'
import { median, printTable, short, verdict, writeReport } from './bench/table.ts'
import { freePortBase, Gateway, temporaryFolder } from './neighbourhood.ts'

const ROUNDS = 6
const COUNT = 2500
const TARGET = 3.0
const names = ['ours', 'discard', 'accepted', 'oursDelivered', 'delivered', 'oursTls', 'discardTls'] as const
type Name = (typeof names)[number]
type Rates = Record<Name, number>
/** A round of each, and the processor time of our gateway and of the load with TLS, ms a message. */
type Run = { connections: number; rates: Rates[]; oursMs: number[]; loadMs: number[] }

type Bench = { device: Device; postfix: Postfix; ports: { postfix: number; tls: number } }

const main = async (): Promise<void> => {
  installPeers()
  const folder = temporaryFolder()
  const device = await withDevice(new Gateway(folder, 'A', 'a.test', await freePortBase(1)), 'anna')
  await device.gateway.start() // which also makes the certificate that both show
  const ports = { postfix: await freePort(), tls: await freePort() }
  const socket = join(folder, 'logins.sock')
  const logins = await startLogins(folder, socket)
  const tls = join(device.gateway.home, 'tls')
  const submission = {
    port: ports.tls,
    certificate: join(tls, 'certificate.pem'),
    key: join(tls, 'key.pem'),
    logins: socket,
  }
  const postfix = await startPostfix(folder, { port: ports.postfix, transport: 'discard:', submission })
  try {
    const bench = { device, postfix, ports }
    // All warm: compiled, their processes started, each kind of load seen.
    for (const connections of [50, 10, 10]) await ours(bench, connections)
    for (const port of [device.gateway.ports.smtps, ports.tls]) await submitted(bench, port, 10)
    await discarded(bench, 10)
    await atRest(device.gateway)
    const runs: Run[] = []
    for (const connections of [10, 50]) runs.push(await measure(bench, connections))
    report(runs)
  } finally {
    await Promise.all([device.gateway.stop(), postfix.stop(), logins.stop()])
  }
}

const measure = async (bench: Bench, connections: number): Promise<Run> => {
  const run: Run = { connections, rates: [], oursMs: [], loadMs: [] }
  const { gateway } = bench.device
  for (let round = 0; round < ROUNDS; round++) {
    const before = processorMs(gateway)
    const mine = await ours(bench, connections)
    run.oursMs.push((processorMs(gateway) - before) / COUNT)
    await atRest(gateway)
    const theirs = await discarded(bench, connections)
    await atRest(gateway)
    const maildir = await intoMaildir(bench, connections)
    const mineTls = await submitted(bench, gateway.ports.smtps, connections)
    await atRest(gateway)
    const theirsTls = await submitted(bench, bench.ports.tls, connections)
    await atRest(gateway)
    run.loadMs.push(mineTls.processorMs / COUNT)
    const rates = { ...mine, discard: theirs, ...maildir, oursTls: mineTls.rate, discardTls: theirsTls.rate }
    run.rates.push(rates)
    console.log(
      `${connections} connections: ${names.map((name) => `${name} ${short(rates[name])}`).join(', ')} a second`,
    )
  }
  return run
}

const ours = async ({ device: { gateway, port, person } }: Bench, connections: number) => {
  const { address, password } = person
  const looker = await ImapClient.login(gateway.ports.imap, address, password)
  const upTo = (await uidNext(looker)) + COUNT
  const start = performance.now()
  const accepted = COUNT / (await smtpSource({ count: COUNT, from: address, to: address, port, connections }))
  while ((await uidNext(looker)) < upTo) await sleep(LOOK_MS)
  const delivered = COUNT / ((performance.now() - start) / 1000)
  await looker.logout()
  return { ours: accepted, oursDelivered: delivered }
}

const LOOK_MS = 10
const uidNext = async (client: ImapClient): Promise<number> =>
  Number(/UIDNEXT (\d+)/.exec((await client.ok('STATUS INBOX (UIDNEXT)')).toString('latin1'))?.[1])

const discarded = async ({ device: { person }, ports }: Bench, connections: number): Promise<number> =>
  COUNT /
  (await smtpSource({ count: COUNT, from: person.address, to: person.address, port: ports.postfix, connections }))

const intoMaildir = async ({ device, postfix, ports }: Bench, connections: number) => {
  const start = performance.now()
  const load = { count: COUNT, from: device.person.address, to: `anna@${MAILDIR_DOMAIN}` }
  const accepted = COUNT / (await smtpSource({ ...load, port: ports.postfix, connections }))
  await postfix.delivered(COUNT)
  return { accepted, delivered: COUNT / ((performance.now() - start) / 1000) }
}

const submitted = async ({ device: { person } }: Bench, port: number, connections: number) => {
  const { address, password } = person
  const load: Load = { port, connections, count: COUNT, user: address, password, from: address, to: address }
  const file = fileURLToPath(new URL('./bench/submitter.js', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [file, JSON.stringify(load)])
  const sent = JSON.parse(stdout) as Sent
  return { ...sent, rate: COUNT / sent.seconds }
}

const comparisons: [what: string, mine: Name, theirs: Name][] = [
  ['Postfix discards', 'ours', 'discard'],
  ['Postfix delivers, while it accepts', 'ours', 'accepted'],
  ['Postfix delivers, until all lie there', 'oursDelivered', 'delivered'],
  ['AUTH and TLS, Postfix discards', 'oursTls', 'discardTls'],
]

const report = (runs: Run[]): void => {
  const rows = runs.flatMap(({ connections, rates }) =>
    comparisons.map(([what, mine, theirs]) => ({
      connections,
      what,
      ours: median(rates.map((rate) => rate[mine])),
      postfix: median(rates.map((rate) => rate[theirs])),
      ratio: median(rates.map((rate) => rate[mine] / rate[theirs])), // of neighbours in time
      target: TARGET,
    })),
  )
  printTable([
    ['durable SMTP acceptance, 5 kB', 'Vouchsafe', 'Postfix', 'ratio', 'target'],
    ...rows.map(({ connections, what, ours, postfix, ratio }) => [
      `${connections} connections, ${what}`,
      `${short(ours)}/s`,
      `${short(postfix)}/s`,
      `${short(ratio)} ×`,
      verdict(ratio, '≥', TARGET),
    ]),
  ])
  for (const { connections, oursMs, loadMs } of runs)
    console.log(
      `${connections} connections: ${short(median(oursMs))} ms of processor time a message; the load with TLS has ${short(median(loadMs))} ms itself`,
    )
  writeReport('smtp', { messages: COUNT, rows, runs })
}

await main()
