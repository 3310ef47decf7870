/**
 * The cryptography of A → R → B and nothing else: what each message costs in seals, signatures and
 * verifications, by the very functions the gateways call. One process of two: node spawns this file.
 *
 *   A  seal, sign ENVELOPE and STAMP, verify R's receipt and the three reports
 *   R  verify ENVELOPE and STAMP, sign receipt, STAMP and REPORT, verify B's receipt and report
 *   B  verify ENVELOPE and both STAMPs, open, sign receipt and REPORT
 */
import { randomBytes } from 'node:crypto'
import { type Agent, generateAgent } from '../../src/identity/agent.ts'
import { makeCard, readCard } from '../../src/identity/card.ts'
import { generateEntity } from '../../src/identity/entity.ts'
import { signShared, verifyRecord } from '../../src/identity/record.ts'
import { open, seal } from '../../src/identity/seal.ts'

const NET = 'bench'
/** As many at a time as a gateway seals. */
const WIDTH = 16

/** @returns how long `count` messages of `bytes` took, and the processor time of all threads */
const measure = async (count: number, bytes: number): Promise<{ seconds: number; processorMs: number }> => {
  const now = Date.now()
  const agents = { a: generateAgent(), r: generateAgent(), b: generateAgent() }
  const anna = await generateEntity({ name: 'Anna', address: 'anna@a.test', now })
  const bert = await generateEntity({ name: 'Bert', address: 'bert@b.test', now })
  const term = { now, expires: now + 86_400_000, seq: now }
  const card = await makeCard(anna, agents.a.id, NET, term)
  const to = await readCard(await makeCard(bert, agents.b.id, NET, term), NET, now)
  const plaintext = Buffer.alloc(bytes, 'All work and no play makes a dull mail.\r\n')

  const message = async () => {
    const id = randomBytes(16).toString('hex')
    const payload = await seal({ from: anna, to, id, card, plaintext })
    await records(agents, id)
    await open({ to: bert, net: NET, now: Date.now(), payload, expect: { id } })
  }
  const run = async (times: number) => {
    let left = times
    const lane = async () => {
      while (left-- > 0) await message()
    }
    await Promise.all(Array.from({ length: WIDTH }, lane))
  }
  await run(WIDTH * 4) // compiled
  const [start, before] = [performance.now(), process.cpuUsage()]
  await run(count)
  const { user, system } = process.cpuUsage(before)
  return { seconds: (performance.now() - start) / 1000, processorMs: (user + system) / 1000 }
}

/** Bodies as long as the real ones. */
const records = async ({ a, r, b }: Record<'a' | 'r' | 'b', Agent>, id: string): Promise<void> => {
  const hash = randomBytes(32).toString('hex')
  const sign = (by: Agent, type: string, more: object = {}) =>
    signShared(by, NET, type, { id, chain: hash, to: b.id, at: Date.now(), ...more })
  const verify = (type: string, ...all: string[]) => Promise.all(all.map((jws) => verifyRecord(jws, NET, type)))

  const envelope = await sign(a, 'ENVELOPE', { hash })
  const first = await sign(a, 'STAMP')
  await verify('ENVELOPE', envelope)
  await verify('STAMP', first)
  const taken = await sign(r, 'ACCEPTED')
  await verify('ACCEPTED', taken)
  const second = await sign(r, 'STAMP')
  await verify('ENVELOPE', envelope)
  await verify('STAMP', first, second)
  const takenByB = await sign(b, 'ACCEPTED')
  await verify('ACCEPTED', takenByB)
  const delivered = await sign(b, 'REPORT')
  const forwarded = await sign(r, 'REPORT', { receipt: takenByB })
  await verify('REPORT', delivered)
  await verify('REPORT', forwarded, delivered)
}

const [count = '0', bytes = '0'] = process.argv.slice(2)
console.log(JSON.stringify(await measure(Number(count), Number(bytes))))
