/**
 * `npm run bench:discover`: what it takes to find somebody three hops away, A → B → C → D, with real gateways.
 * Every search is for somebody never heard of before; cached is the same question again. Both are asked
 * over the control socket, as `contact look` asks. Gateways pass on few searches of one neighbour, so there are few.
 */
import { median, printTable, short, verdict, writeReport } from './bench/table.ts'
import { befriend, Gateway, temporaryFolder } from './neighbourhood.ts'
import { freePortBase } from './ports.ts'

/** Three rings each, below the 20 that a neighbour may ask at once (src/route/bucket.ts). */
const PEOPLE = 6
/** Of what takes no search. */
const REPEATS = 200

const main = async (): Promise<void> => {
  const folder = temporaryFolder()
  const base = await freePortBase(4)
  const gateways = ['A', 'B', 'C', 'D'].map(
    (name, i) => new Gateway(folder, name, `${name.toLowerCase()}.test`, base + 100 * i),
  )
  const [a, , , d] = gateways as [Gateway, Gateway, Gateway, Gateway]
  for (const gateway of gateways) await gateway.init('--net', 'bench')
  const people: string[] = []
  for (let i = 0; i < PEOPLE; i++) people.push((await d.addUser(`person${i}`, 'a password')).address)
  try {
    await Promise.all(gateways.map((gateway) => gateway.start()))
    for (const [i, gateway] of gateways.slice(1).entries()) await befriend(gateway, gateways[i] as Gateway)
    const [warm = '', ...others] = people
    await ask(a, 'contact.look', { address: warm })
    const cold: number[] = []
    for (const address of others) cold.push(await ask(a, 'contact.look', { address }))
    const cached: number[] = []
    const bare: number[] = []
    for (let times = 0; times < REPEATS; times++) {
      cached.push(await ask(a, 'contact.look', { address: others[times % others.length] ?? '' }))
      bare.push(await ask(a, 'key.show', {}))
    }
    report(cold, cached, bare)
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.stop()))
  }
}

/** @returns ms to the answer */
const ask = async (gateway: Gateway, operation: string, args: object): Promise<number> => {
  const start = performance.now()
  await gateway.ask(operation, args)
  return performance.now() - start
}

/** Node compiles, disks and the scheduler stray: the median stands for a search. */
const report = (cold: number[], cached: number[], bare: number[]): void => {
  const [found, known] = [median(cold), median(cached)]
  const added = Math.max(0, known - median(bare))
  printTable([
    ['finding somebody three hops away, ms', 'median', 'longest', 'target'],
    ['never heard of before', short(found), short(Math.max(...cold)), verdict(found, '≤', 150)],
    ['asked before', short(known), short(Math.max(...cached)), ''],
    ['more than a question that needs no look', short(added), '', verdict(added, '≤', 1)],
  ])
  writeReport('discover', { cold, cached, bare })
}

await main()
