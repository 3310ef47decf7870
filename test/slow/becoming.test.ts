/** The ways of becoming neighbours, between real gateways. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'chai'
import { befriend, Gateway, temporaryFolder, until } from '../../scripts/neighbourhood.ts'
import { freePortBase } from '../../scripts/ports.ts'
import { need } from '../peer/need.ts'

type Link = { agent: string; name: string; words: string; state: string; up: boolean }
type Status = { agent: string; words: string }

describe('becoming neighbours', function () {
  this.timeout(120_000)
  const folder = temporaryFolder()
  const open: Gateway[] = []

  /** Gateways that know nobody, running, with one person each. */
  const strangers = async (...names: string[]): Promise<Gateway[]> => {
    const base = await freePortBase(names.length)
    const made = names.map((name, i) => new Gateway(folder, name, `${name}.test`, base + 100 * i))
    for (const one of made) await one.init('--net', 'becoming', '--plain-loopback')
    await Promise.all(made.map((one) => one.start()))
    open.push(...made)
    return made
  }
  const two = async (a: string, b: string) => (await strangers(a, b)) as [Gateway, Gateway]
  const linksOf = (one: Gateway) => one.run<Link[]>(['link', 'list'])
  const areLinked = (a: Gateway, b: Gateway) =>
    until(`${a.name} and ${b.name} are connected`, async () => {
      const [atA, atB] = await Promise.all([linksOf(a), linksOf(b)])
      return atA.some(({ name, up }) => up && name === b.name) && atB.some(({ name, up }) => up && name === a.name)
    })
  const statusOf = (one: Gateway) => one.run<Status>(['status'])

  afterEach(() => Promise.all(open.splice(0).map((one) => one.stop())))

  it('by invitation: the QR picture is scanned, and both owners see the other’s name and words', async function () {
    need(this, 'zbarimg', 'zbar-tools')
    const [a, b] = await two('anna', 'bert')
    const picture = join(folder, 'invitation.png')
    const made = await a.run<{ id: string; link: string }>(['link', 'invite', '--for', 'Bert', '--qr-file', picture])
    const scanned = execFileSync('zbarimg', ['--quiet', '--raw', picture], { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim()
    expect(scanned.toLowerCase()).to.equal(made.link)

    const [atA, atB] = await Promise.all([statusOf(a), statusOf(b)])
    const accepted = await b.command(['link', 'accept', scanned])
    expect(accepted).to.include('You and anna are neighbours now.').and.include(atA.words)
    expect(await a.command(['link', 'invitations'])).to.include(`Bert  bert (${atB.words})`)
    await areLinked(a, b)
  })

  it('by invitation: whoever waits for it is shown who came', async () => {
    const [a, b] = await two('waits', 'comes')
    let said = ''
    const waiting = a.command(['link', 'invite', '--wait'], '', (text) => {
      said += text
    })
    await until('the code is said', async () => /vs1-[a-z2-7]+/.test(said))
    await b.run(['link', 'accept', /vs1-[a-z2-7]+/.exec(said)?.[0] ?? ''])
    expect(await waiting)
      .to.include('comes has accepted.')
      .and.include((await statusOf(b)).words)
  })

  it('by invitation: where the inviter answered it is dialled again, though it announces a name that nobody finds', async () => {
    const [a, b] = await two('misnamed', 'finds')
    await a.stop()
    a.set('announce', `["misnamed.invalid:${a.ports.link}"]`)
    await a.start()
    const { code: lost } = await a.run<{ code: string }>(['link', 'invite'])
    const [no] = await Promise.allSettled([b.run(['link', 'accept', lost])])
    expect(String((no as PromiseRejectedResult).reason)).to.include('--address HOST:PORT')

    const { code } = await a.run<{ code: string }>(['link', 'invite', '--address', `127.0.0.1:${a.ports.link}`])
    await b.stop()
    b.set('announce', '[]') // so that only b can dial
    await b.start()
    await b.run(['link', 'accept', code])
    await areLinked(a, b)
    await b.stop()
    await b.start()
    await areLinked(a, b)
  })

  it('by invitation: one that is taken back is worth nothing', async () => {
    const [a, b] = await two('regrets', 'late')
    const { id, code } = await a.run<{ id: string; code: string }>(['link', 'invite'])
    await a.run(['link', 'uninvite', id])
    const [no] = await Promise.allSettled([b.run(['link', 'accept', code])])
    expect(String((no as PromiseRejectedResult).reason)).to.match(/(link|invitation)-unknown/)
    expect(await linksOf(a)).to.deep.equal([])
  })

  it('by knocking: the stranger waits, is looked at and approved', async () => {
    const [a, b] = await two('asks', 'host')
    const [atA, atB] = await Promise.all([statusOf(a), statusOf(b)])
    const address = `127.0.0.1:${b.ports.link}`
    const asked = await a.command(['link', 'knock', address, '--say', 'Ann from the chess club'])
    expect(asked).to.include('asked, not answered yet').and.include(atB.words)
    expect((await linksOf(a)).map(({ name, state }) => [name, state])).to.deep.equal([['host', 'asked']])

    expect(await b.command(['link', 'list'])).to.match(/asks +asks to become a neighbour/)
    const shown = await b.command(['link', 'show', 'asks'])
    for (const fact of [atA.words, 'Ann from the chess club', '127.0.0.1']) expect(shown).to.include(fact)

    expect(await b.command(['link', 'approve', 'asks'])).to.include('You and asks are neighbours now.')
    await areLinked(a, b)
    expect((await linksOf(a)).map(({ state }) => state)).to.deep.equal(['active'])

    await b.run(['link', 'revoke', 'asks'])
    const [no] = await Promise.allSettled([a.run(['link', 'knock', address])])
    expect(String((no as PromiseRejectedResult).reason)).to.include('has parted with this one')
    await b.run(['link', 'approve', 'asks'])
    await areLinked(a, b)
  })

  it('by knocking: one who is refused hears it, and nothing else is taken from it meanwhile', async () => {
    const [a, b] = await two('unwanted', 'shut')
    const address = `127.0.0.1:${b.ports.link}`
    await a.run(['link', 'knock', address])
    const [guest] = await linksOf(b)
    expect(guest).to.include({ state: 'pending', up: false })
    await b.run(['link', 'refuse', 'unwanted'])
    const [no] = await Promise.allSettled([a.run(['link', 'knock', address])])
    expect(String((no as PromiseRejectedResult).reason)).to.include('knock-refused')
    expect((await linksOf(a)).map(({ state }) => state)).to.deep.equal(['denied'])
    expect((await linksOf(b)).map(({ state }) => state)).to.deep.equal(['refused'])
  })

  it('by knocking: a second stranger from the same place is told to wait', async () => {
    const [host, first, second] = (await strangers('door', 'first', 'second')) as [Gateway, Gateway, Gateway]
    const address = `127.0.0.1:${host.ports.link}`
    await first.run(['link', 'knock', address])
    const [no] = await Promise.allSettled([second.run(['link', 'knock', address])])
    expect(String((no as PromiseRejectedResult).reason)).to.include('knocks-full')
    expect(await linksOf(host)).to.have.length(1)
  })

  it('by open exchange: both owners name the other’s words, one of them an address', async () => {
    const [a, b] = await two('reads', 'spells')
    const [atA, atB] = await Promise.all([statusOf(a), statusOf(b)])
    const waits = await a.run<Link>(['link', 'add', '--fingerprint', atB.words.toUpperCase().replaceAll(' ', '-')])
    expect(waits).to.include({ state: 'asked', words: atB.words })
    await b.run(['link', 'add', '--fingerprint', atA.agent, `127.0.0.1:${a.ports.link}`])
    await areLinked(a, b)
  })

  it('by open exchange: whoever answers with other words is no neighbour', async () => {
    const [a, b] = await two('careful', 'imposter')
    const { words } = await statusOf(a)
    await a.run(['link', 'add', '--fingerprint', words, `127.0.0.1:${b.ports.link}`])
    await until('it is told apart', async () => a.log().includes('has other words'))
    expect((await linksOf(a)).map(({ state, words: asked }) => [state, asked])).to.deep.equal([['asked', words]])
    expect((await linksOf(b)).map(({ state }) => state)).to.deep.equal(['pending']) // a knock as any other
  })

  describe('through the web', () => {
    /** Ann's gateway and Bob's, with a relay between them. */
    const far = async (a: string, b: string, settings: [key: string, value: string][] = []) => {
      const [here, relay, there] = (await strangers(a, `${a}-${b}`, b)) as [Gateway, Gateway, Gateway]
      await Promise.all([here.addUser('ann', 'ann-s password'), there.addUser('bob', 'bob-s password')])
      if (settings.length > 0) {
        for (const [key, value] of settings) there.set(key, value)
        await there.stop()
        await there.start()
      }
      await Promise.all([befriend(relay, here), befriend(relay, there)])
      return { here, there }
    }
    /** Bob says that Ann's words are hers. */
    const trust = async (here: Gateway, there: Gateway) => {
      const { words } = await here.run<{ words: string }>(['user', 'show', 'ann'])
      await there.run(['contact', 'trust', `ann@${here.domain}`, '--words', words])
    }
    const stateAt = async (one: Gateway, other: Gateway) => {
      const { agent } = await statusOf(other)
      return (await linksOf(one)).find((link) => link.agent === agent)?.state
    }

    it('a direct link, where they have compared words, without any person there', async () => {
      const { here, there } = await far('near', 'far')
      await trust(here, there)
      expect(await here.command(['link', 'pair', 'bob@far.test'])).to.include('asked, not answered yet')
      await areLinked(here, there)
      expect([await stateAt(here, there), await stateAt(there, here)]).to.deep.equal(['probation', 'probation'])
      expect(await here.run<Link>(['link', 'pair', 'bob@far.test'])).to.include({ state: 'probation' }) // is one already
      const { words } = await statusOf(there)
      const trusted = await here.run<Link>(['link', 'trust', 'far', '--words', words, '--limit', '5'])
      expect(trusted).to.include({ state: 'active', limit: 5 })
      const [no] = await Promise.allSettled([there.run(['link', 'trust', 'near', '--words', words])])
      expect(String((no as PromiseRejectedResult).reason)).to.include('The words differ')
      const { folders } = await there.run<{ folders: { name: string; messages: number }[] }>(['user', 'show', 'bob'])
      const seen = folders.filter(({ name, messages }) => messages > 0 && name !== 'Outgoing') // where the answer shows
      expect(seen.map(({ name, messages }) => [name, messages])).to.deep.equal([['INBOX', 1]]) // what the owner is told
    })

    it('none where they have not', async () => {
      const { here, there } = await far('eager', 'reserved')
      await here.run(['link', 'pair', 'bob@reserved.test'])
      await until('the no has come', async () => (await stateAt(here, there)) === 'denied')
      expect(await stateAt(there, here)).to.equal(undefined)
    })

    it('none where the owner wants none', async () => {
      const { here, there } = await far('hopeful', 'closed', [['pair', '"never"']])
      await trust(here, there)
      await here.run(['link', 'pair', 'bob@closed.test'])
      await until('the no has come', async () => (await stateAt(here, there)) === 'denied')
    })
  })
})
