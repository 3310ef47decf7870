/**
 * `npm run bench:smtp`: how many messages of 5 kB are accepted durably in a second, over connections that are kept,
 * here and by Postfix, in turn.
 *
 *   no login       smtp-source, Postfix's own load, into our listener for trusted devices and into Postfix, which
 *                  throws the messages away once it has queued them (`discard`), or delivers each into a Maildir (virtual(8))
 *   AUTH and TLS   the same by a load of our own (bench/submitter.ts)
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
import { installPeers, startLogins } from './bench/peer.ts'
import { MAILDIR_DOMAIN, type Postfix, startPostfix } from './bench/postfix.ts'
import type { Load, Sent } from './bench/submitter.ts'
import { median, printTable, short, verdict, writeReport } from './bench/table.ts'
import { Gateway, temporaryFolder } from './neighbourhood.ts'
import { freePort, freePortBase } from './ports.ts'

const ROUNDS = 6
const COUNT = 2500
const TARGET = 3.0
const names = ['ours', 'discard', 'accepted', 'oursDelivered', 'delivered'] as const
/** Messages a second; and the processor time of our gateway, and of the load where it tells, ms a message. */
type Rates = Record<(typeof names)[number], number> & { oursMs: number; loadMs: number }
const ways = ['no login', 'AUTH and TLS'] as const
type Run = { connections: number; rounds: Record<(typeof ways)[number], Rates>[] }

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
    for (const connections of [50, 10, 10]) await into(bench, loadOf(bench, 'no login', connections))
    for (const way of ways) await ratesOf(bench, way, 10)
    const runs: Run[] = []
    for (const connections of [10, 50]) runs.push(await measure(bench, connections))
    report(runs)
  } finally {
    await Promise.all([device.gateway.stop(), postfix.stop(), logins.stop()])
  }
}

const measure = async (bench: Bench, connections: number): Promise<Run> => {
  const run: Run = { connections, rounds: [] }
  for (let round = 0; round < ROUNDS; round++) {
    const rates = {
      'no login': await ratesOf(bench, 'no login', connections),
      'AUTH and TLS': await ratesOf(bench, 'AUTH and TLS', connections),
    }
    run.rounds.push(rates)
    for (const way of ways) {
      const told = names.map((name) => `${name} ${short(rates[way][name])}`).join(', ')
      console.log(`${connections} connections, ${way}: ${told} a second`)
    }
  }
  return run
}

/** One after the other; the gateway comes to rest between them. */
const ratesOf = async (bench: Bench, way: (typeof ways)[number], connections: number): Promise<Rates> => {
  const { device, postfix } = bench
  const load = loadOf(bench, way, connections)
  const mine = await into(bench, load)
  await atRest(device.gateway)
  const { seconds } = await load.send(load.theirs, device.person.address)
  await atRest(device.gateway)
  const maildir = await load.send(load.theirs, `anna@${MAILDIR_DOMAIN}`)
  const after = performance.now()
  await postfix.delivered(COUNT)
  const until = maildir.seconds + (performance.now() - after) / 1000
  await atRest(device.gateway)
  return { ...mine, discard: COUNT / seconds, accepted: COUNT / maildir.seconds, delivered: COUNT / until }
}

/** Into our gateway, and until all lie in the mailbox. */
const into = async ({ device: { gateway, person } }: Bench, { send, mine }: Sender) => {
  const looker = await ImapClient.login(gateway.ports.imap, person.address, person.password)
  const upTo = (await uidNext(looker)) + COUNT
  const before = processorMs(gateway)
  const { seconds, processorMs: loadMs } = await send(mine, person.address)
  const after = performance.now()
  while ((await uidNext(looker)) < upTo) await sleep(LOOK_MS)
  const until = seconds + (performance.now() - after) / 1000
  const oursMs = (processorMs(gateway) - before) / COUNT
  await looker.logout()
  return { ours: COUNT / seconds, oursDelivered: COUNT / until, oursMs, loadMs: loadMs / COUNT }
}

const LOOK_MS = 10
const uidNext = async (client: ImapClient): Promise<number> =>
  Number(/UIDNEXT (\d+)/.exec((await client.ok('STATUS INBOX (UIDNEXT)')).toString('latin1'))?.[1])

/** A load, and the ports it goes to. */
type Sender = { send(port: number, to: string): Promise<Sent>; mine: number; theirs: number }

const loadOf = ({ device, ports }: Bench, way: (typeof ways)[number], connections: number): Sender => {
  const { address: from, password } = device.person
  if (way === 'no login') {
    const send = async (port: number, to: string) => ({
      seconds: await smtpSource({ count: COUNT, from, to, port, connections }),
      processorMs: Number.NaN,
    })
    return { send, mine: device.port, theirs: ports.postfix }
  }
  const file = fileURLToPath(new URL('./bench/submitter.js', import.meta.url))
  const send = async (port: number, to: string) => {
    const load: Load = { port, connections, count: COUNT, user: from, password, from, to }
    const { stdout } = await promisify(execFile)(process.execPath, [file, JSON.stringify(load)])
    return JSON.parse(stdout) as Sent
  }
  return { send, mine: device.gateway.ports.smtps, theirs: ports.tls }
}

const comparisons = [
  ['Postfix discards', 'ours', 'discard'],
  ['Postfix delivers, while it accepts', 'ours', 'accepted'],
  ['Postfix delivers, until all lie there', 'oursDelivered', 'delivered'],
] as const

const report = (runs: Run[]): void => {
  const rows = runs.flatMap(({ connections, rounds }) =>
    ways.flatMap((way) =>
      comparisons.map(([what, mine, theirs]) => ({
        connections,
        what: way === 'no login' ? what : `${way}, ${what}`,
        ours: median(rounds.map((rates) => rates[way][mine])),
        postfix: median(rounds.map((rates) => rates[way][theirs])),
        ratio: median(rounds.map((rates) => rates[way][mine] / rates[way][theirs])), // of neighbours in time
        target: TARGET,
      })),
    ),
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
  for (const { connections, rounds } of runs) {
    const oursMs = median(rounds.map((rates) => rates['no login'].oursMs))
    const loadMs = median(rounds.map((rates) => rates['AUTH and TLS'].loadMs))
    console.log(
      `${connections} connections: ${short(oursMs)} ms of processor time a message; the load with TLS has ${short(loadMs)} ms itself`,
    )
  }
  writeReport('smtp', { messages: COUNT, rows, runs })
}

await main()
