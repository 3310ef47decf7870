/** Strangers as commands see them, with no gateway running: what needs none works all the same. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { House } from '../../gateway/house.ts'
import { LinkFault } from '../../gateway/link/handlers.ts'
import { strangersOf } from '../../gateway/neighbour/stranger.ts'
import { linkAdd, linkApprove, linkKnock, linkPair, linkRefuse } from '../../gateway/operation/knock.ts'
import { linkList, linkShow } from '../../gateway/operation/link.ts'
import { generateAgent } from '../../src/identity/agent.ts'
import { fingerprintWords } from '../../src/identity/words.ts'
import { Refusal } from '../../src/refusal.ts'
import { eachWithHouse } from '../gateway/house.ts'

const [bob, eve] = [generateAgent().id, generateAgent().id]
const idle = () => {}

describe('strangers, on the command line', function () {
  this.timeout(60_000)
  const { house, again } = eachWithHouse()
  const knock = (agent = bob, name = 'Bob’s', remote = '192.0.2.7') =>
    strangersOf(house()).answer(agent, { v: 1, t: 'KNOCK', name, addresses: [], note: 'it’s me' }, remote)
  const list = async () => (await linkList(house(), {}, idle)).map(({ name, state }) => [name, state])
  const show = (neighbour: string) => linkShow(house(), { neighbour }, idle)
  const codeOf = (error: unknown) => (error instanceof Refusal ? error.code : String(error))

  it('one who knocks is listed and shown with what it says, also after a restart', async () => {
    expect(await knock()).to.deep.equal({ v: 1, t: 'PENDING', name: 'A', addresses: ['a.test:2740'] })
    await again()
    expect(await list()).to.deep.equal([['Bob’s', 'pending']])
    expect(await show('Bob’s')).to.include({
      agent: bob,
      words: fingerprintWords(bob),
      note: 'it’s me',
      place: '192.0.2.7',
    })
    expect(await show(fingerprintWords(bob))).to.include({ agent: bob })
  })

  it('approved it is a neighbour, and is told so when it asks again', async () => {
    await knock()
    expect(await linkApprove(house(), { neighbour: 'Bob’s' }, idle)).to.include({ state: 'active', agent: bob })
    expect(await knock()).to.include({ t: 'LINKED' })
    expect(await list()).to.deep.equal([['Bob’s', 'active']])
  })

  it('a neighbour that has not knocked is not called unknown', async () => {
    await knock()
    await linkApprove(house(), { neighbour: 'Bob’s' }, idle)
    for (const work of [linkApprove, linkRefuse]) {
      const error = await work(house(), { neighbour: 'Bob’s' }, idle).catch((refusal: unknown) => refusal)
      expect(error instanceof Refusal && error.detail).to.match(/^Bob’s has not knocked: .*link revoke/)
    }
  })

  it('refused it is told no, until its owner thinks again', async () => {
    await knock()
    await linkRefuse(house(), { neighbour: bob.slice(0, 6) }, idle)
    expect(await knock().catch(codeOf)).to.equal('knock-refused')
    await linkApprove(house(), { neighbour: 'Bob’s' }, idle)
    expect(await list()).to.deep.equal([['Bob’s', 'active']])
  })

  it('a stranger that calls itself like a neighbour is not taken for it', async () => {
    await knock()
    await linkApprove(house(), { neighbour: 'Bob’s' }, idle)
    await knock(eve, 'Bob’s', '192.0.2.8')
    expect(await show('Bob’s')).to.include({ agent: bob })
    await linkRefuse(house(), { neighbour: 'Bob’s' }, idle)
    expect(await list()).to.deep.equal([
      ['Bob’s', 'active'],
      ['Bob’s', 'refused'],
    ])
  })

  it('two strangers of one name are told apart by id or words alone', async () => {
    await knock()
    await knock(eve, 'Bob’s', '192.0.2.8')
    const no = await linkApprove(house(), { neighbour: 'Bob’s' }, idle).catch(codeOf)
    expect(no).to.equal('link-unknown')
    expect(await linkApprove(house(), { neighbour: fingerprintWords(eve) }, idle)).to.include({ agent: eve })
  })

  it('a wish is kept until a gateway runs, and answers whoever comes with these words', async () => {
    const fingerprint = ` ${fingerprintWords(bob).toUpperCase().replaceAll(' ', ' - ')}`
    expect(await linkAdd(house(), { fingerprint, address: 'b.test:2740' }, idle)).to.include({
      state: 'asked',
      agent: '',
    })
    await again()
    const approved = await linkApprove(house(), { neighbour: fingerprintWords(bob) }, idle).catch(codeOf)
    expect(approved).to.equal('link-unknown') // only their owner can
    expect(await knock(eve, 'Eve’s', '192.0.2.8')).to.include({ t: 'PENDING' })
    expect(await knock()).to.include({ t: 'LINKED' })
  })

  it('a wish may be taken back', async () => {
    await linkAdd(house(), { fingerprint: bob }, idle)
    await linkRefuse(house(), { neighbour: bob }, idle)
    expect(await list()).to.deep.equal([])
    expect(await knock()).to.include({ t: 'PENDING' })
  })

  it('where the owner wants no knocks a stranger is heard only if it was asked', async () => {
    const isOpen = () => strangersOf(house()).isOpen(Date.now())
    expect(isOpen()).to.equal(true)
    const file = join(house().home, 'vouchsafe.toml')
    await writeFile(file, (await readFile(file, 'utf8')).replace('# knock = true', 'knock = false'))
    await again()
    expect(isOpen()).to.equal(false)
    await linkAdd(house(), { fingerprint: fingerprintWords(bob) }, idle)
    expect(isOpen()).to.equal(true)
    expect(await knock(eve, 'Eve’s').catch(codeOf)).to.equal('link-unknown')
    expect(await knock()).to.include({ t: 'LINKED' })
    expect(await knock()).to.include({ t: 'LINKED' })
  })

  const atWork = (fault: Error): House => {
    const serving = {} as NonNullable<House['serving']> // that there is one is all that is looked at
    return { ...house(), serving, knocking: { ...house().knocking, knock: () => Promise.reject(fault) } }
  }
  const wrong: [what: string, work: () => Promise<unknown>, said: RegExp][] = [
    ['no fingerprint', () => linkAdd(house(), { fingerprint: 'one two three' }, idle), /six words/],
    ['words of no list', () => linkAdd(house(), { fingerprint: 'zzz zzz zzz zzz zzz zzz' }, idle), /six words/],
    ['no address', () => linkAdd(house(), { fingerprint: bob, address: 'b.test' }, idle), /not an address and port/],
    ['knocking while nothing runs', () => linkKnock(house(), { address: 'b.test:1' }, idle), /vouchsafe serve/],
    [
      'knocking where nobody is',
      () => linkKnock(atWork(new LinkFault('unreachable', 'b.test:1', 'ECONNREFUSED')), { address: 'b.test:1' }, idle),
      /Nobody answers at b\.test:1 \(ECONNREFUSED\)\. .*spelled right/,
    ],
    ['writing while nothing runs', () => linkPair(house(), { with: 'bob@b.test' }, idle), /vouchsafe serve/],
    ['approving nobody', () => linkApprove(house(), { neighbour: 'nobody' }, idle), /link list/],
  ]
  for (const [what, work, said] of wrong)
    it(`${what} is refused with what is right`, async () => {
      const error = await work().catch((refusal: unknown) => refusal)
      expect(String(error instanceof Refusal ? error.detail : error)).to.match(said)
    })
})
