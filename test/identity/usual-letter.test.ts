import { expect } from 'chai'
import fc from 'fast-check'
import * as openpgp from 'openpgp'
import { letterNotation } from '../../src/identity/letter.ts'
import { profile } from '../../src/identity/openpgp.ts'
import { usualKey } from '../../src/identity/usual-key.ts'
import { isSignedBy, openUsual, sealUsual, type Unsealed } from '../../src/identity/usual-letter.ts'
import { mpi, packet, packetsOf } from '../../src/identity/usual-packet.ts'
import { type Person, person } from './people.ts'

const id = 'a1'.repeat(16)
const plaintext = Buffer.from('Subject: \xe4\r\n\r\nA letter', 'latin1')

describe('a letter between keys of the usual kind', () => {
  let alice: Person
  let bob: Person
  let date: Date
  before(async () => {
    alice = await person('alice')
    bob = await person('bob')
    date = new Date()
  })
  const notation = () =>
    letterNotation({ id, from: alice.entity.id, to: bob.entity.id, address: 'bob@bob.test', card: alice.card.text })
  const keysOf = async (one: Person) => ({
    sign: usualKey((await one.entity.key.getSigningKey(undefined, date, undefined, profile)).keyPacket, 'sign'),
    decrypt: usualKey(
      (await one.entity.key.getDecryptionKeys(undefined, date, undefined, profile))[0]?.keyPacket as never,
      'decrypt',
    ),
  })
  const sealed = async (text = plaintext): Promise<Buffer> => {
    const [{ sign: from }, { decrypt: to }] = [await keysOf(alice), await keysOf(bob)]
    const payload = from && to && sealUsual({ plaintext: text, notation: notation(), date, from, to })
    if (payload === undefined) throw new Error('keys made here are of the usual kind')
    return payload
  }
  /** As the library seals the same. */
  const theirs = async (more: object = {}): Promise<Buffer> =>
    Buffer.from(
      await openpgp.encrypt({
        message: await openpgp.createMessage({ binary: new Uint8Array(plaintext), date }),
        ...{ encryptionKeys: bob.card.publicKey, signingKeys: alice.entity.key, signatureNotations: [notation()] },
        ...{ format: 'binary', date, config: profile, ...more },
      } as never),
    )
  const unsealed = (payload: Buffer, by = bob): Unsealed | undefined =>
    openUsual(payload, [by.entity.key, ...by.entity.key.subkeys])
  const read = async ({ signature }: Unsealed): Promise<openpgp.SignaturePacket> => {
    const binarySignature = new Uint8Array(packet(2, signature))
    const [first] = (await openpgp.readSignature({ binarySignature, config: profile })).packets
    if (first === undefined) throw new Error('the library reads our signature')
    return first
  }

  it('opens with the library, which finds one signature that holds', async () => {
    const message = await openpgp.readMessage({ binaryMessage: new Uint8Array(await sealed()), config: profile })
    const verificationKeys = alice.card.publicKey
    const opened = await openpgp.decrypt({
      ...{
        message,
        decryptionKeys: bob.entity.key,
        verificationKeys,
        format: 'binary',
        expectSigned: true,
        config: profile,
      },
    })
    expect(Buffer.from(opened.data).equals(plaintext)).to.equal(true)
    expect(opened.signatures).to.have.length(1)
    expect(await opened.signatures[0]?.verified).to.equal(true)
  })

  it('sealed by the library opens here, and its signature holds', async () => {
    const one = unsealed(await theirs())
    const by = (await keysOf(alice)).sign
    expect(one?.data.equals(plaintext)).to.equal(true)
    expect(one && by && isSignedBy(one, by, await read(one))).to.equal(true)
  })

  it('has the packets that the library makes, of the same lengths', async () => {
    const shape = (payload: Buffer) => packetsOf(payload)?.map(({ tag }) => tag)
    expect(shape(await sealed())).to.deep.equal(shape(await theirs()))
    const [ours, library] = [unsealed(await sealed()), unsealed(await theirs())]
    const covered = (one: Unsealed | undefined) =>
      one?.signature.subarray(0, 6 + one.signature.readUInt16BE(4)).toString('hex')
    expect(covered(ours)).to.equal(covered(library))
  })

  it('of any bytes gives them back, whatever numbers its signature has', () =>
    fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 9000 }), async (bytes) => {
        const one = unsealed(await sealed(Buffer.from(bytes)))
        const by = (await keysOf(alice)).sign
        expect(one?.data.equals(bytes)).to.equal(true)
        expect(one && by && isSignedBy(one, by, await read(one))).to.equal(true)
      }),
      { numRuns: 600 }, // of 256 signatures two have a number that begins with a zero byte
    )).timeout(30_000)

  it('is not opened by another key, and not read where a byte of it is changed', async () => {
    const payload = await sealed()
    expect(unsealed(payload, alice)).to.equal(undefined)
    const by = (await keysOf(alice)).sign
    for (let at = 0; at < payload.length; at += 7) {
      const changed = Buffer.from(payload)
      changed[at] = (changed[at] ?? 0) ^ 1
      const one = unsealed(changed)
      expect(one && by && isSignedBy(one, by, await read(one)), `byte ${at}`).to.equal(undefined)
    }
  })

  const others: [what: string, make: () => Promise<Buffer>][] = [
    ['is signed by two', () => theirs({ signingKeys: [alice.entity.key, bob.entity.key] })],
    ['is not signed', () => theirs({ signingKeys: undefined, signatureNotations: undefined })],
    ['is sealed for two', () => theirs({ encryptionKeys: [bob.card.publicKey, alice.card.publicKey] })],
    [
      'is compressed',
      () => theirs({ config: { ...profile, preferredCompressionAlgorithm: openpgp.enums.compression.zlib } }),
    ],
    ['goes on behind its end', async () => Buffer.concat([await sealed(), Buffer.alloc(2)])],
  ]
  for (const [what, make] of others)
    it(`that ${what} is left to the library`, async () => expect(unsealed(await make())).to.equal(undefined))

  it('whose signature another made is none of hers', async () => {
    const one = unsealed(await theirs({ signingKeys: bob.entity.key }))
    const by = (await keysOf(alice)).sign
    expect(one && by && isSignedBy(one, by, await read(one))).to.equal(false)
  })

  it('whose signature says more than ours do is left to the library', async () => {
    const extra = { ...notation(), name: 'other@example.org' }
    const one = unsealed(await theirs({ signatureNotations: [notation(), extra] }))
    const by = (await keysOf(alice)).sign
    expect(one && by && isSignedBy(one, by, await read(one))).to.equal(false)
  })

  it('that says as much as a signature holds is left to the library', async () => {
    const [one, by] = [unsealed(await theirs()), (await keysOf(alice)).sign]
    if (one === undefined || by === undefined) throw new Error('it opens')
    const said = Object.assign(await read(one), { rawNotations: [{ ...notation(), value: Buffer.alloc(65_500) }] })
    expect(isSignedBy(one, by, said)).to.equal(false)
  })

  it('is not made of keys of another kind', async () => {
    const { privateKey } = await openpgp.generateKey({
      ...{ type: 'ecc', curve: 'nistP256', userIDs: [{ email: 'nina@nina.test' }], format: 'object', config: profile },
    } as never)
    const key = privateKey as unknown as openpgp.PrivateKey
    for (const part of [key, ...key.subkeys])
      for (const use of ['sign', 'decrypt'] as const) expect(usualKey(part.keyPacket, use)).to.equal(undefined)
  })

  const numbers: [hex: string, written: string][] = [
    ['ff', '0008ff'],
    ['01', '000101'],
    ['0001ff', '000901ff'],
    ['0000', '0000'],
  ]
  for (const [hex, written] of numbers)
    it(`the number ${hex} is written ${written}`, () =>
      expect(mpi(Buffer.from(hex, 'hex')).toString('hex')).to.equal(written))
})
