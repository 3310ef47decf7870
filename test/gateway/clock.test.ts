import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { defaultPorts } from '../../gateway/config/text.ts'
import { type Clock, startClock } from '../../gateway/engine/clock.ts'
import { makeHome } from '../../gateway/home.ts'
import { createLog } from '../../gateway/log.ts'
import { openKnocking } from '../../gateway/neighbour/knocking.ts'
import { openRooms, type Rooms } from '../../gateway/rooms.ts'
import { sleep, until } from '../../scripts/neighbourhood.ts'
import { custody } from '../../store/web.ts'
import { bob, HOUR, MINUTE, relayed } from '../custody/rows.ts'

describe('the clock', () => {
  let home = ''
  let rooms: Rooms
  let clock: Clock | undefined
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'vouchsafe-clock-'))
    await makeHome(home, { domain: 'a.test', name: 'A', ports: defaultPorts }, {})
    rooms = await openRooms(home, { log: createLog({ level: 'silent', format: 'json' }) })
  })
  afterEach(async () => {
    await clock?.stop()
    await rooms.core.engine.close()
    await rooms.core.store.close()
    await rm(home, { recursive: true })
  })

  /** @param done hears of what was done, by its name */
  const start = (now: () => number, done: (what: string) => void = () => {}, minuteMs?: number) => {
    const does = (what: string) => async () => done(what)
    clock = startClock(
      { ...rooms.core, now },
      {
        announce: does('announce'),
        keepName: does('name'),
        tellDirectories: does('directories'),
        tidy: does('listed'),
      },
      { retry: does('knock') },
      { tell: does('move') },
      minuteMs,
    )
  }

  it('does each minute and half hour what belongs there, whatever the time of the system is set to', async () => {
    let done: string[] = []
    let now = Date.now()
    start(
      () => now,
      (what) => done.push(what),
      5,
    )
    await until('half an hour is over', async () => done.includes('announce'))
    expect(done).to.include.members(['directories', 'name', 'knock', 'move', 'listed'])
    now -= 48 * HOUR
    done = []
    await until('another is', async () => done.includes('announce'))
    expect(done).to.include.members(['directories', 'name', 'knock', 'move', 'listed'])
  })

  it('set back, it leaves nobody waiting for a time that was near', async () => {
    const { store, engine } = rooms.core
    const ahead = Date.now() + 48 * HOUR
    const times = { expires: ahead + HOUR, retryAt: ahead + MINUTE }
    const waiting = relayed({ awaits: `who:${bob}`, attempts: 3, body: null, ...times })
    const load = async () => (await custody.load(store.db, [waiting.key]))[0]
    await store.db.transaction((tx) => custody.save(tx, [waiting]))
    engine.state.missing.set(bob, ahead)
    engine.state.nextSearchAt = ahead
    let now = ahead
    start(() => now)
    await sleep(700)
    expect((await load())?.retryAt).to.equal(ahead + MINUTE)
    now = Date.now()
    await until('it is tried again', async () => (await load())?.attempts === 4)
    expect((await load())?.retryAt).to.be.below(Date.now() + HOUR)
    expect([engine.state.missing.size, engine.state.nextSearchAt]).to.deep.equal([0, 0])
  })

  it('set back, whoever is to become a neighbour is asked again', async () => {
    const { core } = rooms
    let now = Date.now() + 48 * HOUR
    let asked = 0
    const pair = async () => {
      asked++
      throw new Error('nobody answers')
    }
    const knocking = openKnocking({ ...core, now: () => now, link: { ...core.link, pair } }, true)
    await knocking.want(bob, 'open', ['b.test:2740'])
    await knocking.retry()
    expect(asked, 'a moment later it is too soon').to.equal(1)
    now = Date.now()
    await knocking.retry()
    expect(asked).to.equal(2)
  })

  it('whoever is to become a neighbour is asked soon at first, and then ever more seldom', async () => {
    const { core } = rooms
    const start = Date.now()
    let now = start
    const asked: number[] = []
    const pair = async () => {
      asked.push((now - start) / 1000)
      throw new Error('nobody answers')
    }
    const knocking = openKnocking({ ...core, now: () => now, link: { ...core.link, pair } }, true)
    await knocking.want(bob, 'open', ['b.test:2740'])
    for (; now < start + HOUR; now += 5000) await knocking.retry()
    expect(asked.slice(0, 4)).to.deep.equal([0, 10, 20, 30])
    const pauses = asked.slice(1).map((at, i) => at - (asked[i] ?? 0))
    expect(pauses).to.deep.equal([...pauses].sort((one, other) => one - other))
    expect(pauses.at(-1)).to.be.within(300, 400)
  })

  it('set back, and then stopped, it leaves the rest of a long queue to the next start', async () => {
    const { engine, store } = rooms.core
    const ahead = Date.now() + 48 * HOUR
    const waiting = relayed({ awaits: `who:${bob}`, body: null, expires: ahead + HOUR, retryAt: ahead + MINUTE })
    const ids = Array.from({ length: 3000 }, (_, i) => i.toString(16).padStart(32, '0'))
    const rows = ids.map((id) => ({ ...waiting, id, key: `${waiting.origin}/${id}` }))
    await store.db.transaction((tx) => custody.save(tx, rows))
    let raised = 0
    const { handle } = engine
    engine.handle = (...event) => {
      raised++
      return handle(...event)
    }
    let now = ahead
    start(() => now)
    await sleep(700)
    now = Date.now()
    await until('some are raised', async () => raised > 0)
    await clock?.stop()
    expect(raised).to.be.below(3000)
  })
})
