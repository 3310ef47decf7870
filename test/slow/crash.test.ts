/**
 * No loss, no doubles: a load goes A → R → B while each of the three processes is killed with SIGKILL
 * again and again. Afterwards every message for which 250 was given is in B's mailbox exactly once.
 *
 *   CRASH_MESSAGES (2000)  CRASH_KILLS (10, of each process)  CRASH_SEED (drawn, and printed)
 */
import { randomInt } from 'node:crypto'
import { expect } from 'chai'
import { befriend, Gateway, type Person, sleep, temporaryFolder, trust } from '../../scripts/neighbourhood.ts'
import { freePortBase } from '../../scripts/ports.ts'
import { withImap } from '../journey/web.ts'
import { type Load, sendLoad } from './load.ts'

const messages = Number(process.env.CRASH_MESSAGES ?? 2000)
const kills = Number(process.env.CRASH_KILLS ?? 10)
const seed = Number(process.env.CRASH_SEED ?? randomInt(2 ** 31))
/** After the last kill everything has this long to arrive. */
const SETTLE_MS = 120_000

describe(`a load of ${messages} while each gateway is killed ${kills} times (CRASH_SEED=${seed})`, function () {
  this.timeout(20 * 60_000)
  let gateways: Gateway[] = []
  let load: Load
  let arrived: string[]
  let ann: Person

  before(async () => {
    const folder = temporaryFolder()
    const base = await freePortBase(3)
    const [a, r, b] = ['a', 'r', 'b'].map((name, i) => new Gateway(folder, name, `${name}.test`, base + 100 * i)) as [
      Gateway,
      Gateway,
      Gateway,
    ]
    gateways = [a, r, b]
    await Promise.all(gateways.map((one) => one.init('--net', 'crash', '--plain-loopback')))
    for (const one of gateways) one.set('messages_per_minute', '1000000')
    await Promise.all(gateways.map((one) => one.start()))
    ann = await a.addUser('ann', 'ann-s password')
    const bob = await b.addUser('bob', 'bob-s password')
    await befriend(r, a)
    await befriend(r, b)
    await trust(b, bob, ann.address)

    // The first message finds the path while nobody is killed; so RCPT is known afterwards.
    const first = await sendLoad(a, ann, bob.address, { count: 1, lanes: 1, bytes: 100 })
    expect(first.promised.size).to.equal(1)
    const sending = sendLoad(a, ann, bob.address, { count: messages, lanes: 8, bytes: 5000 })
    let lastKill = 0
    const killing = killAll(gateways).then(() => {
      lastKill = Date.now()
    })
    ;[load] = await Promise.all([sending, killing])
    arrived = await settled(b, bob, load, lastKill + SETTLE_MS)
  })

  after(() => Promise.all(gateways.map((one) => one.stop())))

  it('kept its promise: all that 250 was said for is there', () => {
    const there = new Set(arrived)
    expect([...load.promised].filter((id) => !there.has(id))).to.deep.equal([])
    console.log(
      `      ${load.promised.size} promised, ${load.unsure.size} without an answer, ${load.refused.size} refused`,
    )
  })

  it('delivered nothing twice', () => {
    const counts = new Map<string, number>()
    for (const id of arrived) counts.set(id, (counts.get(id) ?? 0) + 1)
    // load-0 was sent by the first run and by the second: two different messages of one name.
    expect([...counts].filter(([id, count]) => count > 1 && id !== '<load-0@load.test>')).to.deep.equal([])
  })

  it('told the sender of no failure', async () => {
    const [a] = gateways
    const notices = await withImap(a as Gateway, ann, async (client) => (await client.mailboxOpen('INBOX')).exists)
    expect(notices).to.equal(0)
  })

  it('left every store whole', async () => {
    for (const one of gateways) {
      await one.stop()
      await one.run(['verify'])
    }
  })
})

/** Kills each gateway `kills` times, in a seeded order and rhythm, and starts it again. */
const killAll = async (gateways: Gateway[]): Promise<void> => {
  const random = generator(seed)
  const order = gateways.flatMap((one) => new Array<Gateway>(kills).fill(one))
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j] as Gateway, order[i] as Gateway]
  }
  for (const victim of order) {
    await sleep(random() * 600)
    await victim.stop('SIGKILL')
    await sleep(random() * 300)
    await victim.start()
  }
}

/** Mulberry32: small, and the same everywhere. */
const generator = (from: number) => {
  let state = from
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Waits until all that was promised is there, or the time is up, and then looks once more for doubles. */
const settled = async (b: Gateway, bob: Person, load: Load, lastAt: number): Promise<string[]> => {
  for (;;) {
    const ids = await idsAt(b, bob)
    const there = new Set(ids)
    if ([...load.promised].every((id) => there.has(id)) || Date.now() > lastAt) break
    await sleep(500)
  }
  await sleep(3000) // a double would be a late copy
  return idsAt(b, bob)
}

const idsAt = (gateway: Gateway, person: Person): Promise<string[]> =>
  withImap(gateway, person, async (client) => {
    const ids: string[] = []
    for (const folder of ['INBOX', 'Requests']) {
      const box = await client.mailboxOpen(folder, { readOnly: true })
      if (box.exists === 0) continue
      for await (const message of client.fetch('1:*', { envelope: true })) ids.push(message.envelope?.messageId ?? '')
    }
    return ids
  })
