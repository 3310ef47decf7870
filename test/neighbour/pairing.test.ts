import { expect } from 'chai'
import { strangersOf } from '../../gateway/neighbour/stranger.ts'
import { linkInvitations } from '../../gateway/operation/invite.ts'
import { linkRevoke } from '../../gateway/operation/link.ts'
import { fingerprintWords } from '../../src/identity/words.ts'
import { decodeInvitation } from '../../src/link/invitation.ts'
import type { Refusal } from '../../src/refusal.ts'
import { invitations, revocations } from '../../store/web.ts'
import { codeOf } from '../fixture/refused.ts'
import { eachWithHouse } from '../gateway/house.ts'

const HOUR = 3_600_000
const [bob, eve] = [`${'b'.repeat(51)}a`, `${'e'.repeat(51)}a`]
const shown = (code: string, name = 'Bob’s') => ({
  v: 1,
  t: 'INVITED',
  name,
  addresses: ['b.test:2740'],
  token: decodeInvitation(code).token.toString('base64url'),
})

describe('pairing', function () {
  this.timeout(60_000)
  const { house, again } = eachWithHouse()
  const invite = async (lifeMs = HOUR) => (await house().pairing.invite(lifeMs, ['a.test:2740'])).code
  const take = (by: string, code: string, name?: string) =>
    strangersOf(house())
      .answer(by, shown(code, name), '192.0.2.7')
      .then(() => 'taken', codeOf)
  const revoke = (neighbour: string) => linkRevoke(house(), { neighbour }, () => {})
  const links = () =>
    house()
      .web.links()
      .map(({ agent, state }) => [agent, state])
  const isOpen = () => house().pairing.isOpen(Date.now())

  it('a token makes one neighbour, who may show it again', async () => {
    const code = await invite()
    expect(await take(bob, code)).to.equal('taken')
    expect(await take(bob, code)).to.equal('taken')
    expect(await take(eve, code)).to.equal('invitation-used')
    expect(links()).to.deep.equal([[bob, 'active']])
  })

  it('whoever may not use a token is told at the other side what to do', async () => {
    const [used, gone] = [await invite(), await invite()]
    await take(bob, used)
    await house().pairing.uninvite(gone)
    const told = (code: string) =>
      strangersOf(house())
        .answer(eve, shown(code), '192.0.2.7')
        .catch((refusal: Refusal) => refusal.detail)
    expect(await told(used)).to.match(/used by somebody else; ask for a new one/)
    expect(await told(gone)).to.match(/^the inviter has taken this invitation back.*; ask for a new one/)
  })

  it('a suspended neighbour does not come back by the token it came by', async () => {
    const code = await invite()
    await take(bob, code)
    const [link] = house().web.links()
    if (!link) throw new Error('it is a neighbour')
    link.state = 'suspended' // as a ruling would
    expect(await take(bob, code)).to.equal('taken')
    expect(links()).to.deep.equal([[bob, 'suspended']])
  })

  it('a stolen key makes no neighbour, and whoever has it is told so', async () => {
    const { db } = house().store
    const code = await invite()
    await db.transaction((tx) => revocations.save(tx, [{ agent: eve, at: 1, heardAt: Date.now(), isKnown: true }]))
    await again()
    expect(await take(eve, code)).to.equal('agent-revoked')
    expect(links()).to.deep.equal([])
  })

  it('of two who show one token at once, one becomes a neighbour', async () => {
    const code = await invite()
    expect(await Promise.all([take(bob, code), take(eve, code)])).to.deep.equal(['taken', 'invitation-used'])
    expect(links()).to.deep.equal([[bob, 'active']])
  })

  it('a neighbour that was parted with does not come back by the code it used', async () => {
    const code = await invite()
    await take(bob, code)
    await revoke(bob)
    await invite() // somebody else is awaited, so strangers may knock
    expect(await take(bob, code)).to.equal('invitation-unknown')
    expect(links()).to.deep.equal([[bob, 'revoked']])
  })

  it('nor if it shows the code while it is parted with', async () => {
    const code = await invite()
    await take(bob, code)
    await Promise.all([take(bob, code), revoke(bob), take(bob, code)])
    expect(links()).to.deep.equal([[bob, 'revoked']])
  })

  it('it comes back by a new invitation', async () => {
    await take(bob, await invite())
    await revoke(bob)
    expect(await take(bob, await invite())).to.equal('taken')
    expect(links()).to.deep.equal([[bob, 'active']])
  })

  it('past its expiry a code is worth nothing, to the one who used it, too', async () => {
    const code = await invite(1000)
    await take(bob, code)
    await new Promise((resolve) => setTimeout(resolve, 1010))
    expect(await take(bob, code)).to.equal('invitation-expired')
  })

  it('a stranger may knock only while an invitation waits for its neighbour', async () => {
    expect(isOpen()).to.equal(false)
    const code = await invite()
    expect(isOpen()).to.equal(true)
    await take(bob, code)
    expect(isOpen()).to.equal(false)
    await again()
    expect(isOpen()).to.equal(false)
  })

  it('an invitation is listed with whom it is for and who used it', async () => {
    const code = await invite()
    await house().pairing.invite(HOUR, ['a.test:2740'], 'Carol')
    await take(bob, code)
    const listed = await linkInvitations(house(), {}, () => {})
    const [used, forCarol] = [listed.find(({ by }) => by), listed.find(({ guest }) => guest)]
    expect(used).to.deep.include({ state: 'used' })
    expect(used?.by).to.include({ agent: bob, name: 'Bob’s', words: fingerprintWords(bob) })
    expect(forCarol).to.include({ state: 'open', guest: 'Carol' })
  })

  it('one taken back, by id or by code, is worth nothing', async () => {
    const [code, other] = [await invite(), await house().pairing.invite(HOUR, ['a.test:2740'])]
    await house().pairing.uninvite(code)
    await house().pairing.uninvite(other.id)
    expect(isOpen()).to.equal(false)
    expect(await take(bob, code)).to.equal('invitation-unknown')
    expect(await take(bob, other.code)).to.equal('invitation-unknown')
    expect(await house().pairing.uninvite(other.id).catch(codeOf)).to.equal('invitation-unknown')
    expect(links()).to.deep.equal([])
  })

  it('one that was used is not taken back: the neighbour is to be parted with', async () => {
    const code = await invite()
    await take(bob, code)
    expect(await house().pairing.uninvite(code).catch(codeOf)).to.equal('invitation-used')
    expect(await take(bob, code)).to.equal('taken')
  })

  it('a crash between token and link leaves the way open for the same agent alone', async () => {
    const code = await invite()
    const [kept] = await invitations.all(house().store.db)
    if (!kept) throw new Error('an invitation is kept')
    await house().store.db.transaction((tx) => invitations.save(tx, [{ ...kept, used: { by: bob, at: Date.now() } }]))
    await again()
    expect(isOpen()).to.equal(true)
    expect(await take(eve, code)).to.equal('invitation-used')
    expect(await take(bob, code)).to.equal('taken')
  })

  it('a name can’t steer the terminals it will stand on', async () => {
    await take(bob, await invite(), ' \x1b[31mBob\x9b2J\u202e \u200bof\n\nB ')
    expect(house().web.links()[0]?.name).to.equal('[31mBob 2J of B')
  })

  it('nor can an address', async () => {
    const request = { ...shown(await invite()), addresses: ['b\x1b[2J:2740'] }
    expect(await strangersOf(house()).answer(bob, request, '192.0.2.7').catch(codeOf)).to.equal('record-malformed')
    expect(links()).to.deep.equal([])
  })
})
