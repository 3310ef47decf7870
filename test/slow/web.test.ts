/**
 * Twelve gateways as processes on loopback, in a ring with three chords:
 *
 *   a ── b ── c ── d ── e ── f        a─e, c─k and f─j besides
 *   │                        │        f can only dial out
 *   l ── k ── j ── i ── h ── g
 *
 * One person lives at each. Deadlines are seconds here; nothing else is other than it is for real.
 */
import { expect } from 'chai'
import { befriend, freePortBase, Gateway, type Person, temporaryFolder, until } from '../../scripts/neighbourhood.ts'
import { awaitMessages, letter, RawSmtp } from '../journey/web.ts'

const NAMES = [...'abcdefghijkl']
const CHORDS = ['ae', 'ck', 'fj']
/** Twice this, and a holder that is silent is gone round. */
const HOP_DEADLINE = '"4 s"'

describe('twelve gateways', function () {
  this.timeout(180_000)
  const gateways = new Map<string, Gateway>()
  const people = new Map<string, Person>()

  before(async () => {
    const folder = temporaryFolder()
    const base = await freePortBase(NAMES.length)
    for (const [i, name] of NAMES.entries())
      gateways.set(name, new Gateway(folder, name, `${name}.test`, base + 100 * i))
    await Promise.all([...gateways.values()].map(prepare))
    const links = [...NAMES.map((name, i) => `${name}${NAMES[(i + 1) % NAMES.length]}`), ...CHORDS]
    // Who can only dial out accepts, and never invites.
    for (const [one = '', other = ''] of links) {
      const [inviter, accepter] = one === 'f' ? [other, one] : [one, other]
      await befriend(at(inviter), at(accepter))
    }
  })
  after(() => Promise.all([...gateways.values()].map((gateway) => gateway.stop())))

  const prepare = async (gateway: Gateway): Promise<void> => {
    await gateway.init('--net', 'twelve', '--plain-loopback')
    gateway.set('hop_deadline', HOP_DEADLINE)
    if (gateway.name === 'f') gateway.set('announce', '[]')
    people.set(gateway.name, await gateway.addUser('p', `${gateway.name}-s password`))
    await gateway.start()
  }
  const at = (name: string): Gateway => gateways.get(name) ?? expect.fail(`no gateway ${name}`)
  const of = (name: string): Person => people.get(name) ?? expect.fail(`nobody at ${name}`)

  const send = async (from: string, to: string, subjects: string[]): Promise<void> => {
    const client = await RawSmtp.logIn(at(from), of(from))
    for (const subject of subjects)
      expect(
        await client.submit(of(from).address, [of(to).address], letter(of(from), of(to).address, subject)),
      ).to.match(/^250 /)
    client.close()
  }
  const subjectsIn = async (name: string, count: number, limitMs = 30_000): Promise<string[]> =>
    (await awaitMessages(at(name), of(name), 'INBOX', count, limitMs)).map((one) => one.subject)
  const queued = (name: string) => at(name).ask<object[]>('queue.list', {})

  /** Two people let each other's mail in and have written once, so their gateways know the way. */
  const acquaint = async (one: string, other: string): Promise<void> => {
    for (const [me, them] of [
      [one, other],
      [other, one],
    ] as const)
      await at(me).ask('contact.add', { as: of(me).address, address: of(them).address })
    await send(one, other, [`${one} to ${other}`])
    expect(await subjectsIn(other, 1)).to.include(`${one} to ${other}`)
    await send(other, one, [`${other} to ${one}`])
    await until('the answer is there', async () => (await subjectsIn(one, 1)).includes(`${other} to ${one}`))
    await until('nothing is under way', async () => (await queued(one)).length + (await queued(other)).length === 0)
  }

  it('a relay with messages in custody is killed for good: all arrive by another path, once', async () => {
    await acquaint('a', 'c')
    await at('c').stop()
    const subjects = Array.from({ length: 20 }, (_, i) => `over b, which dies: ${i}`)
    await send('a', 'c', subjects)
    await until('b has signed for all', async () => (await queued('b')).length === subjects.length)
    await at('b').stop('SIGKILL')
    await at('c').start()
    expect(await queued('l')).to.deep.equal([])
    await subjectsIn('c', 1 + subjects.length, 60_000)
    await until('a knows of every one', async () => (await queued('a')).length === 0, 30_000)
    expect((await subjectsIn('c', 0)).sort()).to.deep.equal(['a to c', ...subjects].sort())
  })

  it('an agent that can only dial out receives mail', async () => {
    for (const neighbour of ['e', 'g', 'j']) {
      const links = await at(neighbour).ask<{ name: string; addresses: string[]; up: boolean }[]>('link.list', {})
      expect(links.find((link) => link.name === 'f'))
        .to.include({ up: true })
        .and.deep.include({ addresses: [] })
    }
    await acquaint('k', 'f')
  })

  it('somebody who is never online together with the sender gets mail, and can answer', async () => {
    await acquaint('d', 'h')
    await at('h').stop()
    await send('d', 'h', ['while you were away'])
    await until('another has custody', async () => {
      const held = await Promise.all(['g', 'i'].map(queued))
      return held.flat().length > 0
    })
    await at('d').stop()
    await at('h').start()
    expect(await subjectsIn('h', 2)).to.include('while you were away')
    await send('h', 'd', ['and while you were'])
    await until('another has custody', async () => {
      const held = await Promise.all(['c', 'e'].map(queued))
      return held.flat().length > 0
    })
    await at('h').stop()
    await at('d').start()
    expect(await subjectsIn('d', 2)).to.include('and while you were')
    await at('h').start()
  })
})
