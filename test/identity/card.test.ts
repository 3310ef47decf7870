import { createHash } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import * as openpgp from 'openpgp'
import { base32 } from '../../src/address.ts'
import { generateAgent } from '../../src/identity/agent.ts'
import { CARD_LIMIT, makeCard, readCard } from '../../src/identity/card.ts'
import { DELEGATION_MS } from '../../src/identity/delegation.ts'
import {
  type Entity,
  entityIdOf,
  exportEntity,
  generateEntity,
  importEntity,
  publicArmor,
} from '../../src/identity/entity.ts'
import { signStatement } from '../../src/identity/statement.ts'
import { DAY, NET, type Person, person, refusalOf } from './people.ts'

const now = Date.UTC(2026, 10, 21)

describe('entity', () => {
  let entity: Entity
  before(async () => {
    entity = await generateEntity({ name: 'Ålice', address: 'Alice@A.test', now })
  })

  it('has its address in the one spelling', () => expect(entity.address).to.equal('alice@a.test'))

  it('is the same after export and import', async () => {
    const { id, address, name } = await importEntity(exportEntity(entity))
    expect({ id, address, name }).to.deep.equal({ id: entity.id, address: 'alice@a.test', name: 'Ålice' })
  })

  it('can be imported under another address', async () =>
    expect((await importEntity(exportEntity(entity), 'Office@B.test')).address).to.equal('office@b.test'))

  it('has a primary key that only certifies, one subkey that signs and one that decrypts, none of which expires', async () => {
    const { user } = await entity.key.getPrimaryUser()
    const flags = [
      user.selfCertifications[0]?.keyFlags,
      ...entity.key.subkeys.map((key) => key.bindingSignatures[0]?.keyFlags),
    ]
    expect(flags.map((octets) => octets?.[0])).to.deep.equal([1, 2, 4 | 8])
    expect(await entity.key.getExpirationTime()).to.equal(Number.POSITIVE_INFINITY)
  })

  it('shows in public no private part', async () =>
    expect((await openpgp.readKey({ armoredKey: publicArmor(entity) })).isPrivate()).to.equal(false))

  it('has the same id by its private and by its public key', () =>
    expect(entityIdOf(entity.key.toPublic())).to.equal(entity.id))

  it('may have an address that needs quotes, and a name that would break out of the user ID', async () => {
    const odd = await generateEntity({ name: 'Eve <bob@b.test>\n', address: '"a @ b"@a.test', now })
    const again = await importEntity(exportEntity(odd))
    expect(again.address).to.equal('"a @ b"@a.test')
    expect(again.name).to.equal('Eve bob@b.test')
  })

  it('under a passphrase is not imported', async () => {
    const { privateKey } = await openpgp.generateKey({
      userIDs: [{ email: 'c@c.test' }],
      passphrase: 'geheim',
      format: 'armored',
    })
    expect(await importEntity(privateKey).catch((error: Error) => error.message)).to.match(/export it without one/)
  })

  it('of version 6, which most programs can not read, is not imported', async () => {
    const { privateKey } = await openpgp.generateKey({
      userIDs: [{ email: 'c@c.test' }],
      format: 'armored',
      config: { ...openpgp.config, v6Keys: true },
    })
    expect(await importEntity(privateKey).catch((error: Error) => error.message)).to.match(/of version 4/)
  })

  it('signs and decrypts though its primary key is kept offline', async () => {
    const offline = await importEntity(exportEntity(entity))
    const { keyPacket } = offline.key
    if (keyPacket instanceof openpgp.SecretKeyPacket) keyPacket.makeDummy()
    const again = await importEntity(exportEntity(offline))
    const text = await makeCard(again, generateAgent().id, NET, { now, seq: 1 })
    expect((await readCard(text, NET, now)).entityId).to.equal(entity.id)
    const locked = await openpgp.encryptKey({ privateKey: offline.key, passphrase: 'geheim' })
    expect(await importEntity(locked.armor()).catch((error: Error) => error.message)).to.match(/export it without one/)
  })
})

describe('card', () => {
  let alice: Person
  let bob: Person
  before(async () => {
    alice = await person('alice', now)
    bob = await person('bob', now)
  })
  const body = (text: string): Record<string, unknown> => JSON.parse(text.slice(0, text.indexOf('\n')))
  const again = (changes: object, kind: 'card' | 'delegation' = 'card') =>
    signStatement(alice.entity, kind, { ...body(alice.card.text), ...changes }, now)

  it('says address, name, entity and agent', () => {
    const { address, name, entityId, agentId } = alice.card
    expect({ address, name, entityId, agentId }).to.deep.equal({
      ...{ address: 'alice@alice.test', name: 'alice', entityId: alice.entity.id, agentId: alice.agent.id },
    })
  })

  it('is two lines under a notation, and its entity is named by its key, as docs/protocol.md spells both', async () => {
    const [json = '', signature = '', ...more] = alice.card.text.split('\n')
    const { packets } = await openpgp.readSignature({ binarySignature: Buffer.from(signature, 'base64') })
    const notations = packets[0]?.rawNotations.map(({ name, value }) => [name, Buffer.from(value).toString()])
    expect([more, notations]).to.deep.equal([[], [['statement@vouchsafe.alt', 'card']]])
    const packet = Buffer.from(JSON.parse(json).key, 'base64') // tag and length in an octet each: RFC 4880 §4.2
    const length = packet.readUInt8(1)
    const hashed = Buffer.concat([Buffer.of(0x99, 0, length), packet.subarray(2, 2 + length)])
    expect(alice.card.entityId).to.equal(base32(createHash('sha256').update(hashed).digest()))
  })

  it('has less than 2 000 bytes, for it rides along in every letter', () =>
    expect(alice.card.text.length).to.be.below(2000))

  it('is valid while its delegation is: from the start, if a clock is a quarter of an hour slow, to its last ms', async () => {
    const { text } = alice.card
    const end = now + DELEGATION_MS
    for (const at of [now - 15 * 60_000, now, end - 1]) expect((await readCard(text, NET, at)).text).to.equal(text)
    for (const at of [now - 15 * 60_000 - 1, end])
      expect(await refusalOf(readCard(text, NET, at))).to.equal('card-invalid')
  })

  it('is delegated for 400 days, unless it is said otherwise', async () => {
    expect(alice.card.delegation.expires - now).to.equal(400 * DAY)
    const short = await makeCard(alice.entity, alice.agent.id, NET, { now, expires: now + DAY, seq: 2 })
    expect((await readCard(short, NET, now)).delegation).to.include({ expires: now + DAY, seq: 2 })
  })

  it('of a key with pictures and the words of others shows neither', async () => {
    const entity = await importEntity(exportEntity(alice.entity))
    entity.key = await entity.key.signAllUsers([bob.entity.key], new Date(now))
    const { publicKey } = await readCard(await makeCard(entity, alice.agent.id, NET, { now, seq: 1 }), NET, now)
    expect(publicKey.users.flatMap((user) => user.otherCertifications)).to.deep.equal([])
    expect(entity.key.users[0]?.otherCertifications).to.have.length(1)
  })

  const delegated = async (more: object) => {
    const said = {
      v: 1,
      entityId: alice.entity.id,
      agentId: alice.agent.id,
      notBefore: now,
      expires: now + DAY,
      seq: 1,
    }
    return again({ delegation: await signStatement(alice.entity, 'delegation', { ...said, ...more }, now) })
  }
  const ofVersion6 = async () => {
    const { privateKey } = await openpgp.generateKey({
      ...{ userIDs: [{ email: 'c@c.test' }], date: new Date(now), format: 'object', config: { v6Keys: true } },
    })
    const entity = { id: entityIdOf(privateKey), address: 'c@c.test', name: '', key: privateKey }
    return makeCard(entity, alice.agent.id, NET, { now, seq: 1 })
  }

  it('larger than 16 KiB is not even made', async () => {
    const entity = { ...alice.entity, name: 'x'.repeat(CARD_LIMIT) }
    expect(await refusalOf(makeCard(entity, alice.agent.id, NET, { now, seq: 1 }))).to.equal('card-invalid')
  })

  it('is valid to whoever sees it first by a clock that is behind that of its maker', async () => {
    const ahead = now + 10 * 60_000
    const entity = await generateEntity({ name: 'c', address: 'c@c.test', now: ahead })
    const text = await makeCard(entity, alice.agent.id, NET, { now: ahead, seq: 1 })
    expect((await readCard(text, NET, now)).entityId).to.equal(entity.id)
  })

  const bad: [what: string, make: () => string | Promise<string>][] = [
    ['for another net', () => makeCard(alice.entity, alice.agent.id, 'trial', { now, seq: 1 })],
    ['with another address than was signed', () => alice.card.text.replace('alice@alice.test', 'mallory@alice.test')],
    ['that bears the signature of another', () => `${alice.card.text.split('\n')[0]}\n${bob.card.text.split('\n')[1]}`],
    ['signed as something else', () => again({}, 'delegation')],
    ['that shows the key of another', () => again({ key: body(bob.card.text).key })],
    ['that names another entity', () => again({ entityId: bob.entity.id })],
    ['that bears the delegation of another', () => again({ delegation: body(bob.card.text).delegation })],
    ['that bears no delegation', () => again({ delegation: undefined })],
    ['that shows a private key', () => again({ key: Buffer.from(alice.entity.key.write()).toString('base64') })],
    ['with an address in another spelling', () => again({ address: 'Alice@alice.test' })],
    ['of another version', () => again({ v: 2 })],
    ['without a date', () => again({ at: undefined })],
    ['with a third line', () => `${alice.card.text}\n`],
    ['with space in its signature', () => alice.card.text.replace(/.$/, '$& ')],
    ['too large', () => again({ more: 'x'.repeat(CARD_LIMIT) })],
    ['made in the future', () => again({ at: now + 15 * 60_000 + 1 })],
    ['whose delegation begins later', () => delegated({ notBefore: now + DAY, expires: now + 2 * DAY })],
    ['whose delegation is of another version', () => delegated({ v: 2 })],
    ['whose delegation is of another entity', () => delegated({ entityId: bob.entity.id })],
    ['whose delegation names no agent', () => delegated({ agentId: 'alice' })],
    ['whose delegation has no beginning', () => delegated({ notBefore: undefined })],
    ['whose delegation never ends', () => delegated({ expires: undefined })],
    ['whose delegation has half a number', () => delegated({ seq: 1.5 })],
    ['whose name is no text', () => again({ name: 7 })],
    ['of a key of version 6', () => ofVersion6()],
    ['empty', () => ''],
    ['of the JSON null', () => 'null\n'],
  ]
  for (const [what, make] of bad)
    it(`${what} is refused`, async () =>
      expect(await refusalOf(readCard(await make(), NET, now))).to.equal('card-invalid'))

  it('whose address is in another spelling is told the right one', async () => {
    const why = await readCard(await again({ address: 'Alice@alice.test' }), NET, now).catch(String)
    expect(why).to.match(/is to be spelled alice@alice\.test$/)
  })

  it('is of use until the first of its keys ends', async () => {
    const { privateKey } = await openpgp.generateKey({
      ...{ userIDs: [{ email: 'c@c.test' }], date: new Date(now), format: 'object' },
      subkeys: [{ sign: true, keyExpirationTime: 7200 }, { keyExpirationTime: 3600 }],
    })
    const entity = { id: entityIdOf(privateKey), address: 'c@c.test', name: '', key: privateKey }
    const text = await makeCard(entity, alice.agent.id, NET, { now, seq: 1 })
    expect((await readCard(text, NET, now)).expires - now).to.equal(3_600_000)
  })

  it('whose key has expired is refused from then on', async () => {
    const { privateKey } = await openpgp.generateKey({
      ...{ userIDs: [{ email: 'c@c.test' }], date: new Date(now), keyExpirationTime: 3600, format: 'object' },
    })
    const entity = { id: entityIdOf(privateKey), address: 'c@c.test', name: '', key: privateKey }
    const text = await makeCard(entity, alice.agent.id, NET, { now, seq: 1 })
    expect((await readCard(text, NET, now + 3_599_000)).address).to.equal('c@c.test')
    expect(await refusalOf(readCard(text, NET, now + 3_600_000))).to.equal('card-invalid')
  })

  it('with anything changed is refused by name', async () => {
    const { text } = alice.card
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 1 }), async (at, character) => {
        fc.pre(text[at] !== character)
        const changed = text.slice(0, at) + character + text.slice(at + 1)
        expect(await refusalOf(readCard(changed, NET, now))).to.equal('card-invalid')
      }),
      { numRuns: 200 },
    )
  })

  it('cut off anywhere is refused by name', async () => {
    const { text } = alice.card
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), async (length) => {
        expect(await refusalOf(readCard(text.slice(0, length), NET, now))).to.equal('card-invalid')
      }),
    )
  })
})
