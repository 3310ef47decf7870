/**
 * Three gateways that know each other: A can only dial out, C stays where it is, X moves to another port while
 * nobody can tell A: X does not know where A is, and A dials where X was.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { befriend, Gateway, type Person, temporaryFolder, until } from '../../scripts/neighbourhood.ts'
import { freePortBase } from '../../scripts/ports.ts'
import { awaitMessages, letter, RawSmtp } from '../journey/web.ts'

type LinkView = { name: string; agent: string; up: boolean; reach: { addresses: string[]; via: string[] } | null }

describe('reachability of running gateways', function () {
  this.timeout(90_000)
  let [a, c, x]: Gateway[] = []
  let [ann, xaver]: Person[] = []
  let newPort = 0

  before(async () => {
    const folder = temporaryFolder()
    const base = await freePortBase(4)
    const made = ['a', 'c', 'x'].map((name, i) => new Gateway(folder, name, `${name}.test`, base + 100 * i))
    ;[a, c, x] = made
    newPort = base + 340
    await Promise.all(made.map((one) => one.init('--net', 'journey', '--plain-loopback')))
    a?.set('announce', '[]')
    ;[ann, xaver] = await Promise.all([
      gateway(a).addUser('ann', 'another password'),
      gateway(x).addUser('xaver', 'a long password'),
    ])
    await Promise.all(made.map((one) => one.start()))
    await befriend(gateway(c), gateway(a))
    await befriend(gateway(x), gateway(a))
    await befriend(gateway(c), gateway(x))
  })
  after(async () => void (await Promise.all([a, c, x].map((one) => one?.stop()))))

  const gateway = (one: Gateway | undefined): Gateway => {
    if (one === undefined) throw new Error('only after the start')
    return one
  }
  const send = async (from: Gateway, by: Person | undefined, to: Person | undefined, subject: string) => {
    if (!by || !to) throw new Error('only after the start')
    const client = await RawSmtp.logIn(from, by)
    expect(await client.submit(by.address, [to.address], letter(by, to.address, subject))).to.match(/^250 /)
    client.close()
    return to
  }
  const seenBy = async (one: Gateway | undefined, name: string): Promise<LinkView | undefined> =>
    (await gateway(one).run<LinkView[]>(['link', 'list'])).find((link) => link.name === name)

  it('an agent that can only dial out receives mail', async () => {
    const reader = await send(gateway(x), xaver, ann, 'to you who only dials')
    const [got] = await awaitMessages(gateway(a), reader, 'Requests', 1)
    expect(got?.subject).to.equal('to you who only dials')
    expect((await seenBy(x, 'a'))?.reach, 'its own word').to.deep.include({ addresses: [] })
  })

  it('neighbours know where each is, and who is linked with it', async () => {
    const common = (await seenBy(a, 'c'))?.agent ?? ''
    await until('X has told A that C is linked with it', async () => {
      const reach = (await seenBy(a, 'x'))?.reach
      return reach?.via.includes(common) === true && reach.addresses[0] === `127.0.0.1:${x?.ports.link}`
    })
  })

  it('a gateway that comes back at another port is found through a common neighbour, and mail arrives', async () => {
    await gateway(x).stop()
    const path = join(gateway(x).home, 'vouchsafe.toml')
    const text = readFileSync(path, 'utf8')
    const old = `127.0.0.1:${gateway(x).ports.link}`
    expect(text.split(old), 'listen and announce').to.have.length(3)
    writeFileSync(path, text.replaceAll(old, `127.0.0.1:${newPort}`))
    await gateway(x).start()
    await until('A finds X again', async () => (await seenBy(a, 'x'))?.up === true, 60_000)
    expect((await seenBy(a, 'x'))?.reach?.addresses).to.deep.equal([`127.0.0.1:${newPort}`])
    const reader = await send(gateway(a), ann, xaver, 'there you are')
    await awaitMessages(gateway(x), reader, 'INBOX', 1) // xaver wrote to ann first
    expect(gateway(a).log(), 'one line says so').to.match(/neighbour-moved/)
  })

  it('what was heard outlives a restart', async () => {
    await Promise.all([gateway(a).stop(), gateway(x).stop()])
    await gateway(a).start()
    expect((await seenBy(a, 'x'))?.up).to.equal(false)
    expect((await seenBy(a, 'x'))?.reach?.addresses).to.deep.equal([`127.0.0.1:${newPort}`])
  })
})

describe('a directory of running gateways', function () {
  this.timeout(90_000)
  let [a, d, x]: Gateway[] = []
  let newPort = 0
  before(async () => {
    const folder = temporaryFolder()
    const base = await freePortBase(4)
    const made = ['a', 'd', 'x'].map((name, i) => new Gateway(folder, name, `${name}.test`, base + 100 * i))
    ;[a, d, x] = made
    newPort = base + 340
    await Promise.all(made.map((one) => one.init('--net', 'journey', '--plain-loopback')))
    a?.set('announce', '[]')
    d?.set('serve', 'true')
    await d?.start()
    const { agent } = (await d?.run<{ agent: string }>(['status'])) ?? {}
    for (const one of [a, x]) one?.set('ask', `["${agent}@127.0.0.1:${d?.ports.link}"]`)
    await Promise.all([a?.start(), x?.start()])
    if (a && x) await befriend(x, a)
  })
  after(async () => void (await Promise.all([a, d, x].map((one) => one?.stop()))))

  it('tells where a neighbour is that has moved, and is nobody’s neighbour', async () => {
    if (!a || !d || !x) throw new Error('only after the start')
    await x.stop()
    const path = join(x.home, 'vouchsafe.toml')
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(`127.0.0.1:${x.ports.link}`, `127.0.0.1:${newPort}`))
    await x.start()
    const seen = async () => (await a?.run<LinkView[]>(['link', 'list']))?.find((link) => link.name === 'x')
    await until('A finds X again', async () => (await seen())?.up === true, 60_000)
    expect(await d.run<LinkView[]>(['link', 'list'])).to.deep.equal([])
    expect(a.log()).to.match(/neighbour-moved/)
    const { findings } = await x.answer<{ findings: { what: string; detail: string }[] }>(['doctor'])
    expect(findings.find(({ what }) => /^directory/.test(what))?.detail).to.match(
      new RegExp(`knows 127.0.0.1:${newPort}`),
    )
  })
})
