/**
 * `npm run bench:smtp`: how many messages of 5 kB are accepted durably in a second. Postfix's smtp-source
 * over connections that are kept, into our listener for trusted devices and into Postfix, in turn.
 *
 * Postfix throws the messages away once it has queued them (its transport `discard`). We deliver them
 * into a mailbox before we say 250.
 */
import { smtpSource } from './bench/client.ts'
import { withDevice } from './bench/gateway.ts'
import { freePort, installPeers, startPostfix } from './bench/peer.ts'
import { median, printTable, short, verdict, writeReport } from './bench/table.ts'
import { freePortBase, Gateway, sleep, temporaryFolder } from './neighbourhood.ts'

const ROUNDS = 5
const COUNT = 4000
const TARGET = 2.0

type Run = { connections: number; ours: number[]; postfix: number[] }

const main = async (): Promise<void> => {
  installPeers()
  const folder = temporaryFolder()
  const { gateway, person, port } = await withDevice(new Gateway(folder, 'A', 'a.test', await freePortBase(1)), 'anna')
  const postfixPort = await freePort()
  const postfix = await startPostfix(folder, postfixPort, 'discard:')
  try {
    await gateway.start()
    const load = { count: COUNT, from: person.address, to: person.address }
    const ours = async (connections: number) => COUNT / (await smtpSource({ ...load, port, connections }))
    const theirs = async (connections: number) =>
      COUNT / (await smtpSource({ ...load, port: postfixPort, connections }))
    for (let i = 0; i < 3; i++) await ours(50) // both warm: compiled, their processes started
    await theirs(10)

    const runs: Run[] = []
    for (const connections of [10, 50]) {
      const run: Run = { connections, ours: [], postfix: [] }
      for (let round = 0; round < ROUNDS; round++) {
        await sleep(1000)
        run.ours.push(await ours(connections))
        await sleep(1000) // what it has queued meanwhile is discarded
        run.postfix.push(await theirs(connections))
        console.log(
          `${connections} connections: ${short(run.ours.at(-1) ?? 0)}/s, Postfix ${short(run.postfix.at(-1) ?? 0)}/s`,
        )
      }
      runs.push(run)
    }
    report(runs)
  } finally {
    await Promise.all([gateway.stop(), postfix.stop()])
  }
}

const report = (runs: Run[]): void => {
  const rows = runs.map(({ connections, ours, postfix }) => {
    const ratio = median(ours.map((rate, i) => rate / (postfix[i] ?? 0))) // of neighbours in time
    return { connections, ours: median(ours), postfix: median(postfix), ratio, runs: { ours, postfix } }
  })
  printTable([
    ['durable SMTP acceptance, 5 kB', 'Vouchsafe', 'Postfix', 'ratio', 'target'],
    ...rows.map(({ connections, ours, postfix, ratio }) => [
      `${connections} kept connections`,
      `${short(ours)}/s`,
      `${short(postfix)}/s`,
      `${short(ratio)} ×`,
      verdict(ratio, '≥', TARGET),
    ]),
  ])
  writeReport('smtp', { messages: COUNT, rows })
}

await main()
