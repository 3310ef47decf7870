/** The ways of becoming neighbours, between real gateways. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'chai'
import { freePortBase, Gateway, temporaryFolder, until } from '../../scripts/neighbourhood.ts'
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

  it('by invitation: one that is taken back is worth nothing', async () => {
    const [a, b] = await two('regrets', 'late')
    const { id, code } = await a.run<{ id: string; code: string }>(['link', 'invite'])
    await a.run(['link', 'uninvite', id])
    const [no] = await Promise.allSettled([b.run(['link', 'accept', code])])
    expect(String((no as PromiseRejectedResult).reason)).to.match(/link-unknown|invitation-unknown/)
    expect(await linksOf(a)).to.deep.equal([])
  })
})
