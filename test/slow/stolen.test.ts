/**
 * The key of a gateway is stolen, between real processes: the thief connects with it, the owner takes a new one
 * (`link rekey --compromise`), and the link, the mail under way and the correspondents go with the owner.
 *
 *   cora (can only dial) ──── anna ──── bert ──── dora
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { befriend, Gateway, type Person, temporaryFolder, until } from '../../scripts/neighbourhood.ts'
import { freePortBase } from '../../scripts/ports.ts'
import { letter, RawSmtp, readAll } from '../journey/web.ts'

type Link = { agent: string; name: string; up: boolean; state: string; formerly?: string[]; frozen?: { why: string } }

describe('a key that was stolen', function () {
  this.timeout(180_000)
  const open: Gateway[] = []
  let folder: string
  let base: number
  let thief: Gateway
  const gateways = new Map<string, Gateway>()
  const people = new Map<string, Person>()

  const at = (name: string): Gateway => gateways.get(name) ?? expect.fail(name)
  const person = (name: string): Person => people.get(name) ?? expect.fail(name)
  const links = (one: Gateway) => one.run<Link[]>(['link', 'list'])
  const agentOf = async (name: string) => (await at(name).run<{ agent: string }>(['status'])).agent
  const write = async (from: string, to: string, subject: string, by = at(from)) => {
    const client = await RawSmtp.logIn(by, person(from))
    expect(
      await client.submit(
        person(from).address,
        [person(to).address],
        letter(person(from), person(to).address, subject),
      ),
    ).to.match(/^250 /)
    client.close()
  }
  const copies = async (to: string, subject: string): Promise<number> =>
    [...(await readAll(at(to), person(to), 'INBOX')), ...(await readAll(at(to), person(to), 'Requests'))].filter(
      (one) => one.subject.startsWith(subject),
    ).length
  const arrives = (to: string, subject: string) =>
    until(`${subject} arrives`, async () => (await copies(to, subject)) === 1)
  const areLinked = (name: string, agent: string) =>
    until(`${name} is linked with ${agent}`, async () =>
      (await links(at(name))).some((link) => link.agent === agent && link.up),
    )

  before(async () => {
    folder = temporaryFolder()
    base = await freePortBase(5)
    for (const [i, name] of ['anna', 'bert', 'cora', 'dora'].entries()) {
      const one = new Gateway(folder, name, `${name}.test`, base + 100 * i)
      gateways.set(name, one)
      open.push(one)
      await one.init('--net', 'theft', '--plain-loopback')
      people.set(name, await one.addUser(name, `${name}-s password`))
      if (name === 'cora') one.set('announce', '[]')
      await one.start()
    }
    for (const [one = '', other = ''] of [
      ['anna', 'bert'],
      ['anna', 'cora'],
      ['bert', 'dora'],
    ]) {
      await befriend(at(one), at(other))
      await at(one).run(['link', 'trust', other, '--limit', '100']) // strangers' mail is not the matter here
      await at(other).run(['link', 'trust', one, '--limit', '100'])
    }
    await write('anna', 'bert', 'before')
    await write('anna', 'dora', 'before')
    await write('anna', 'cora', 'before')
    await arrives('cora', 'before')
    await arrives('bert', 'before')
    await arrives('dora', 'before')
  })
  after(() => Promise.all(open.splice(0).map((one) => one.stop())))

  it('is of no use to the thief once its owner has another: the link, and what waited, go on with the owner', async () => {
    const old = await agentOf('anna')
    await at('cora').stop()
    await write('anna', 'cora', 'waits for you')
    await at('anna').stop()

    // The thief has the agent's key and all the database, not the keys of people: those lie elsewhere, or are sealed.
    mkdirSync(join(folder, 'thief'), { recursive: true })
    thief = new Gateway(join(folder, 'thief'), 'anna', 'anna.test', base + 400)
    cpSync(at('anna').home, thief.home, { recursive: true })
    const keys = join(thief.home, 'key')
    for (const name of readdirSync(keys)) if (name.startsWith('entity-')) rmSync(join(keys, name))
    const config = join(thief.home, 'vouchsafe.toml')
    let text = readFileSync(config, 'utf8')
    for (const [edge, port] of Object.entries(at('anna').ports))
      text = text.replaceAll(`:${port}"`, `:${thief.ports[edge as keyof typeof thief.ports]}"`)
    writeFileSync(config, text)
    open.push(thief)
    await thief.start()
    await until('the thief is taken for Anna', async () =>
      (await links(thief)).some(({ name, up }) => name === 'bert' && up),
    )

    const { agent, was } = await at('anna').run<{ agent: string; was: string }>(['link', 'rekey', '--compromise'])
    expect(was).to.equal(old)
    await at('anna').start()
    await areLinked('bert', agent)
    expect((await links(at('bert'))).map((link) => link.agent)).to.not.include(old)
    await until('the thief is refused by name', async () => thief.log().includes('agent-revoked'))
    expect(at('bert').log()).to.match(/"code":"agent-revoked"/)
    await arrives('bert', 'A neighbour has a new key')

    await write('anna', 'bert', 'after')
    await arrives('bert', 'after')
    await write('bert', 'anna', 'an answer')
    await arrives('anna', 'an answer')
  })

  it('is dead for those who are no neighbours, too: they hear of it, and find the new agent', async () => {
    await until('the word has come to Dora', async () => at('dora').log().includes('"event":"agent-revoked"'))
    await write('dora', 'anna', 'from afar')
    await arrives('anna', 'from afar')
    await write('anna', 'dora', 'to afar')
    await arrives('dora', 'to afar')
  })

  it('who can only dial meets another key where the old one was, asks it, and has its mail', async () => {
    const agent = await agentOf('anna')
    await at('cora').start()
    await areLinked('cora', agent)
    await arrives('cora', 'waits for you')
    await write('cora', 'anna', 'i am back')
    await arrives('anna', 'i am back')
  })

  it('a gateway that runs takes a new key without being stopped, and the word goes round again', async () => {
    const second = await agentOf('anna')
    const { agent } = await at('anna').run<{ agent: string }>(['link', 'rekey', '--compromise'])
    await areLinked('bert', agent)
    await areLinked('cora', agent)
    expect((await links(at('bert'))).find((link) => link.agent === agent)?.formerly).to.include(second)
    await write('cora', 'bert', 'over the new key')
    await arrives('bert', 'over the new key')
  })
})
