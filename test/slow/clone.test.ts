/** LINK1 between real gateways: a copied home is found out, a restored one begins anew, and mail waits meanwhile. */
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { befriend, Gateway, type Person, temporaryFolder, until } from '../../scripts/neighbourhood.ts'
import { freePortBase } from '../../scripts/ports.ts'
import { letter, RawSmtp, readAll } from '../journey/web.ts'

type Link = { agent: string; name: string; up: boolean; frozen?: { why: string } }
type Alerts = { frozen: string[]; alerts: { what: string; text: string; name: string }[] }

describe('a home that was copied', function () {
  this.timeout(120_000)
  const open: Gateway[] = []
  let folder: string
  let base: number
  let [a, b]: Gateway[] = []
  let [ann, bob]: Person[] = []

  const made = <T>(one: T | undefined): T => one ?? expect.fail('not made')
  const linkAt = async (one: Gateway) => (await one.run<Link[]>(['link', 'list']))[0]
  const alertsAt = (one: Gateway) => one.run<Alerts>(['link', 'alerts'])
  const areLinked = (one: Gateway, other: Gateway) =>
    until(`${one.name} and ${other.name} are connected`, async () =>
      (await Promise.all([linkAt(one), linkAt(other)])).every((link) => link?.up),
    )
  /** A gateway of A's name and ports, on a home of its own. */
  const another = (name: string): Gateway => {
    mkdirSync(join(folder, name), { recursive: true })
    const one = new Gateway(join(folder, name), 'Anna', 'anna.test', base)
    open.push(one)
    return one
  }
  const write = async (at: Gateway, from: Person, to: Person, subject: string) => {
    const client = await RawSmtp.logIn(at, from)
    expect(await client.submit(from.address, [to.address], letter(from, to.address, subject))).to.match(/^250 /)
    client.close()
  }
  const hasMail = async (to: Person, at: Gateway, subject: string): Promise<boolean> =>
    [...(await readAll(at, to, 'INBOX')), ...(await readAll(at, to, 'Requests'))].some((one) =>
      one.subject.startsWith(subject),
    )
  const arrives = (to: Person, at: Gateway, subject: string) =>
    until(`${subject} arrives`, () => hasMail(to, at, subject))

  beforeEach(async () => {
    folder = temporaryFolder()
    base = await freePortBase(2)
    a = new Gateway(folder, 'Anna', 'anna.test', base)
    b = new Gateway(folder, 'Bert', 'bert.test', base + 100)
    open.push(a, b)
    for (const one of [a, b]) await one.init('--net', 'clone', '--plain-loopback')
    ;[ann, bob] = [await a.addUser('ann', 'ann-s password'), await b.addUser('bob', 'bob-s password')]
    await Promise.all([a.start(), b.start()])
    await befriend(a, b)
    await areLinked(a, b)
  })
  afterEach(() => Promise.all(open.splice(0).map((one) => one.stop())))

  it('and connects once is found out at the next connection of the true one; mail waits until it began anew', async () => {
    const [here, there, from, to] = [made(a), made(b), made(ann), made(bob)]
    await write(here, from, to, 'before the theft')
    await arrives(to, there, 'before the theft')
    await here.stop()
    const clone = another('thief')
    cpSync(here.home, clone.home, { recursive: true })
    await clone.start()
    await areLinked(clone, there)
    expect(await alertsAt(there), 'the clone is taken for Anna').to.deep.equal({ frozen: [], alerts: [] })
    await clone.stop()

    await here.start()
    await until('both have frozen the link', async () =>
      (await Promise.all([linkAt(here), linkAt(there)])).every((link) => link?.frozen?.why === 'diverged'),
    )
    for (const one of [here, there]) {
      const { frozen, alerts } = await alertsAt(one)
      expect(frozen).to.have.length(1)
      expect(alerts.map(({ what }) => what)).to.deep.equal(['diverged'])
      expect(alerts[0]?.text).to.match(/Here: connection \d+, .*There: connection \d+/)
      const metrics = await (await fetch(`http://127.0.0.1:${one.ports.health}/metrics`)).text()
      expect(metrics).to.include('vouchsafe_link_alerts_total{what="diverged"} 1')
      expect(one.log()).to.include('"event":"diverged"')
    }
    await arrives(to, there, 'A link is frozen')
    await arrives(from, here, 'A link is frozen')

    await write(here, from, to, 'waits for the thaw')
    expect(await hasMail(to, there, 'waits for the thaw')).to.equal(false)
    await here.run(['link', 'rekey', 'Bert'])
    await areLinked(here, there)
    await arrives(to, there, 'waits for the thaw')
    expect((await alertsAt(there)).alerts.map(({ what }) => what)).to.deep.equal(['diverged', 'rekeyed'])
  })

  it('as a backup and restored begins anew by itself, and the neighbour is told', async () => {
    const [here, there, from, to] = [made(a), made(b), made(ann), made(bob)]
    await here.run(['backup', join(folder, 'backup')])
    await here.stop()
    await here.start()
    await areLinked(here, there)
    await here.stop()

    const restored = another('new machine')
    await restored.run(['restore', join(folder, 'backup')])
    await restored.start()
    await areLinked(restored, there)
    const { frozen, alerts } = await alertsAt(there)
    expect([frozen, alerts.map(({ what }) => what)]).to.deep.equal([[], ['rekeyed']])
    await write(restored, from, to, 'from the new machine')
    await arrives(to, there, 'from the new machine')

    // The old home, started by mistake, is one too many.
    await restored.stop()
    await here.start()
    await until('it is found out', async () => (await linkAt(there))?.frozen?.why === 'diverged')
  })
})
