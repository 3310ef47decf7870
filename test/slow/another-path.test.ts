/**
 * Four gateways as processes: A – R – B and A – S – B. A relay that has mail in custody is killed and its disk
 * thrown away; a recipient is never connected at the same time as the sender. Hop deadlines are 2 s here.
 */

import { rmSync } from 'node:fs'
import { expect } from 'chai'
import { befriend, Gateway, type Person, temporaryFolder, trust, until } from '../../scripts/neighbourhood.ts'
import { freePortBase } from '../../scripts/ports.ts'
import { idOf, letter, RawSmtp, readAll } from '../journey/web.ts'

type Underway = { messageId: string; state: string; next: string | null }
type Trail = { state: string; outcome: { event: string } | null; steps: { event: string; byName: string }[] }

describe('another path, between real gateways', function () {
  this.timeout(90_000)
  let all: [a: Gateway, r: Gateway, s: Gateway, b: Gateway]
  let ann: Person
  let bob: Person

  before(async () => {
    const folder = temporaryFolder()
    const base = await freePortBase(4)
    const made = (name: string, i: number) => new Gateway(folder, name, `${name}.test`, base + 100 * i)
    all = [made('a', 0), made('r', 1), made('s', 2), made('b', 3)]
    const [a, r, s, b] = all
    await Promise.all(all.map((one) => one.init('--net', 'journey', '--plain-loopback')))
    for (const one of all) one.set('hop_deadline', '"2 s"')
    ;[ann, bob] = await Promise.all([a.addUser('ann', 'ann-s password'), b.addUser('bob', 'bob-s password')])
    await Promise.all(all.map((one) => one.start()))
    for (const relay of [r, s]) for (const end of [a, b]) await befriend(relay, end)
    await trust(b, bob, ann.address)
    await send('first')
    await until('Ann knows that Bob has the first', async () => (await underway(a)).length === 0)
    expect(await subjects()).to.include('first')
  })
  after(async () => void (await Promise.all(all.map((one) => one.stop()))))

  const send = async (...subjects: string[]): Promise<void> => {
    const client = await RawSmtp.logIn(all[0], ann)
    for (const subject of subjects)
      expect(await client.submit(ann.address, [bob.address], letter(ann, bob.address, subject))).to.match(/^250 /)
    client.close()
  }
  const subjects = async (): Promise<string[]> => {
    const folders = await Promise.all(['INBOX', 'Requests'].map((folder) => readAll(all[3], bob, folder)))
    return folders.flat().map(({ subject }) => subject)
  }
  const underway = (gateway: Gateway) => gateway.run<Underway[]>(['queue', 'list'])
  const handed = async (count: number): Promise<void> =>
    until('all is in custody of a relay', async () => {
      const rows = await underway(all[0])
      return rows.length === count && rows.every(({ state }) => state === 'handed')
    })

  it('a recipient who is never connected at the same time as the sender gets it, and the sender hears of it', async () => {
    const [a, r, s, b] = all
    await b.stop()
    await send('never together')
    await handed(1)
    await a.stop()
    await b.start()
    await until('it is there', async () => (await subjects()).includes('never together'))
    await until('a relay has its report', async () => (await Promise.all([r, s].map(underway))).flat().length === 0)
    await b.stop()
    await a.start()
    await until('Ann knows', async () => (await underway(a)).length === 0)
    const [trail] = await a.run<Trail[]>(['trace', idOf('never together')])
    expect(trail?.outcome?.event).to.equal('delivered')
    await b.start()
  })

  it('a relay that has mail in custody is killed for good: all of it arrives by another path, once', async () => {
    const [a, r, s, b] = all
    const names = ['one', 'two', 'three', 'four', 'five']
    await b.stop()
    await send(...names)
    await handed(names.length)
    const held = async (relay: Gateway) => (await underway(relay)).length
    const lost = (await held(r)) >= (await held(s)) ? r : s
    expect(await held(lost)).to.be.greaterThan(0)
    await lost.stop('SIGKILL')
    rmSync(lost.home, { recursive: true, force: true })
    await b.start()
    await until(
      'all of it is there',
      async () => {
        const seen = await subjects()
        return names.every((name) => seen.includes(name))
      },
      60_000,
    )
    await until('Ann knows', async () => (await underway(a)).length === 0, 60_000)
    const got = await subjects()
    expect(got.filter((subject) => names.includes(subject)).sort()).to.deep.equal([...names].sort())
    const trails = await Promise.all(names.map((name) => a.run<Trail[]>(['trace', idOf(name)])))
    expect(trails.flat().map(({ outcome }) => outcome?.event)).to.deep.equal(names.map(() => 'delivered'))
    expect(trails.flat().some(({ steps }) => steps.some(({ event }) => event === 'stalled'))).to.equal(true)
    expect(
      (await readAll(a, ann, 'INBOX')).map(({ subject }) => subject).filter((one) => /fail/i.test(one)),
    ).to.deep.equal([])
  })
})
