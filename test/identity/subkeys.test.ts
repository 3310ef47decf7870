import { expect } from 'chai'
import * as openpgp from 'openpgp'
import { type Card, makeCard, readCard } from '../../src/identity/card.ts'
import { type Entity, exportEntity, importEntity } from '../../src/identity/entity.ts'
import { open, seal } from '../../src/identity/seal.ts'
import { rotateSubkeys, usableUntil } from '../../src/identity/subkeys.ts'
import { DAY, NET, type Person, person, refusalOf } from './people.ts'

const plaintext = Buffer.from('Subject: hello\r\n\r\nold and new\r\n')
const id = 'b2'.repeat(16)
const made = Date.UTC(2024, 0, 1)
const later = made + 100 * DAY

describe('rotated subkeys', () => {
  let alice: Person
  let bob: Person
  let renewed: Entity
  let renewedCard: Card
  before(async () => {
    alice = await person('alice', made)
    bob = await person('bob', made)
    renewed = await rotateSubkeys(bob.entity, later)
    renewedCard = await cardOf(renewed, later)
  })

  const cardOf = async (entity: Entity, now: number) =>
    readCard(await makeCard(entity, bob.agent.id, NET, { now, seq: now }), NET, now)
  const sealed = (to: Card, now: number) => seal({ from: alice.entity, to, id, card: alice.card.text, plaintext, now })
  const opened = async (to: Entity, payload: Buffer, now: number) =>
    (await open({ to, net: NET, now, expect: { id }, payload })).plaintext.toString()
  const subkeysOn = ({ publicKey }: Card) => publicKey.subkeys.map((one) => one.getFingerprint())

  it('leave the entity who it was', () => {
    expect(renewed).to.include({ id: bob.entity.id, address: bob.entity.address, name: 'bob' })
    expect(renewed.key.getFingerprint()).to.equal(bob.entity.key.getFingerprint())
  })

  it('are two more, and the card shows the new ones alone', () => {
    expect(renewed.key.subkeys).to.have.length(4)
    const older = subkeysOn(bob.card)
    expect(subkeysOn(renewedCard)).to.have.length(2)
    expect(subkeysOn(renewedCard).filter((one) => older.includes(one))).to.deep.equal([])
  })

  it('open what is sealed for the new card, which the old key does not', async () => {
    const payload = await sealed(renewedCard, later)
    expect(await opened(renewed, payload, later)).to.equal(plaintext.toString())
    expect(await refusalOf(opened(bob.entity, payload, later))).to.equal('seal-broken')
  })

  it('leave open what was sealed for the old card, also what comes years later', async () => {
    const payload = await sealed(bob.card, later)
    for (const now of [later, later + 300 * DAY])
      expect(await opened(renewed, payload, now)).to.equal(plaintext.toString())
  })

  it('sign letters that are verified by the card they bring', async () => {
    const letter = { from: renewed, to: alice.card, id, card: renewedCard.text, plaintext, now: later }
    expect(await opened(alice.entity, await seal(letter), later)).to.equal(plaintext.toString())
  })

  it('survive the keyring, and a tenth rotation leaves the card as long as the first', async () => {
    let entity = await importEntity(exportEntity(renewed))
    for (let times = 1; times < 10; times++) entity = await rotateSubkeys(entity, later + times * 1000)
    const after = await cardOf(entity, later + DAY)
    expect(after.text.length).to.be.closeTo(bob.card.text.length, 100)
    expect(await opened(entity, await sealed(bob.card, later + DAY), later + DAY)).to.equal(plaintext.toString())
  })

  it('are not made twice in one second, nor without the primary key', async () => {
    const said = (promise: Promise<unknown>) => promise.then(String, (error: Error) => error.message)
    expect(await said(rotateSubkeys(renewed, later + 999))).to.match(/just now/)
    const offline = await importEntity(exportEntity(renewed))
    if (offline.key.keyPacket instanceof openpgp.SecretKeyPacket) offline.key.keyPacket.makeDummy()
    expect(await said(rotateSubkeys(offline, later + DAY))).to.match(/its primary key is not here/)
  })
})

describe('subkeys that end', () => {
  const end = later + 400 * DAY
  let bob: Person
  let renewed: Entity
  before(async () => {
    bob = await person('bob', made)
    renewed = await rotateSubkeys(bob.entity, later, 400 * DAY)
  })

  const cards: [what: string, now: number, code: string][] = [
    ['hold to their last millisecond', end - 1, 'none'],
    ['and not beyond', end, 'card-invalid'],
  ]
  for (const [what, now, code] of cards)
    it(what, async () => {
      const text = await makeCard(renewed, bob.agent.id, NET, { now: later + 1000, seq: 1, expires: end + 400 * DAY })
      const read = readCard(text, NET, now)
      expect(code === 'none' ? (await read).expires : await refusalOf(read)).to.equal(code === 'none' ? end : code)
    })

  it('say when: while they last, and after', async () => {
    expect(await usableUntil(bob.entity.key, later)).to.equal(Number.POSITIVE_INFINITY)
    expect(await usableUntil(renewed.key, later + DAY)).to.equal(end)
  })

  it('live as long as OpenPGP can say, not a second longer, and not for no time', async () => {
    const most = 2 ** 32 * 1000 - 1000
    const longest = await importEntity(exportEntity(await rotateSubkeys(bob.entity, later, most)))
    expect(await usableUntil(longest.key, later)).to.equal(later + most)
    for (const livesMs of [most + 1000, 400]) {
      const said = rotateSubkeys(bob.entity, later, livesMs).then(String, (error: Error) => error.message)
      expect(await said, String(livesMs)).to.match(/no life shorter than a second or longer than 49710 days/)
    }
  })

  it('do not give way to the older ones, which had no end', async () => {
    expect(await usableUntil(renewed.key, end + DAY)).to.equal(end)
    const made = makeCard(renewed, bob.agent.id, NET, { now: end + DAY, seq: 1 })
    expect(await made.then(String, (error: Error) => error.message)).to.match(/expired|revoked/)
  })

  it('can be renewed after their end', async () => {
    const again = await rotateSubkeys(renewed, end + DAY, 400 * DAY)
    expect(await usableUntil(again.key, end + 2 * DAY)).to.equal(end + 401 * DAY)
  })
})
