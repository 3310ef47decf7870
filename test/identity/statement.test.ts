/**
 * What entities sign, card, delegation, REKEY and complaint, and what a letter's signature says of it: each read
 * as it was written, whatever a later version adds; everything else refused by name, though its signature is genuine.
 */
import { expect } from 'chai'
import fc from 'fast-check'
import * as openpgp from 'openpgp'
import { readCard } from '../../src/identity/card.ts'
import { readComplaint } from '../../src/identity/complaint.ts'
import { readDelegation } from '../../src/identity/delegation.ts'
import { barePublicKey } from '../../src/identity/entity.ts'
import { claimOf } from '../../src/identity/letter.ts'
import { notation, profile } from '../../src/identity/openpgp.ts'
import { readRekey } from '../../src/identity/rekey.ts'
import { readStatement, type StatementKind, signStatement, verifyStatement } from '../../src/identity/statement.ts'
import { Refusal } from '../../src/refusal.ts'
import { DAY, NET, type Person, person } from './people.ts'

const id = 'a'.repeat(52)
type Body = Record<string, unknown>
type Kind = {
  name: string
  kind: StatementKind
  body(): Body
  /** What was read, without what no field says. */
  read(text: string): Promise<unknown>
  code: string
  version: string
}

/** What was read, or the refusal's name; whatever else is thrown goes through, and is a bug. */
const outcome = (read: Promise<unknown>): Promise<unknown> =>
  read.catch((error: unknown) => {
    if (error instanceof Refusal) return error.code
    throw error
  })

describe('identity: what entities sign', function () {
  this.timeout(60_000)
  let ann: Person
  let now: number
  before(async () => {
    ann = await person('ann')
    now = Date.now() + 1000 // after the keys were made, also by their seconds
  })
  const bodyOf = (text: string): Body => readStatement(text)
  const keyOf = () => Buffer.from(barePublicKey(ann.entity).write()).toString('base64')
  const signed = (kind: StatementKind, body: object) => signStatement(ann.entity, kind, body, now)
  const cardWith = async (delegation: string) => signed('card', { ...bodyOf(ann.card.text), delegation, at: now })

  const kinds: Kind[] = [
    {
      name: 'a card',
      kind: 'card',
      body: () => bodyOf(ann.card.text),
      read: async (text) => {
        const { address, name, entityId, agentId, at, expires } = await readCard(text, NET, now)
        return { address, name, entityId, agentId, at, expires }
      },
      code: 'card-invalid',
      version: 'card-invalid',
    },
    {
      name: 'the delegation on a card',
      kind: 'delegation',
      body: () => bodyOf(String(bodyOf(ann.card.text).delegation)),
      read: async (text) => (await readCard(await cardWith(text), NET, now)).delegation,
      code: 'card-invalid',
      version: 'card-invalid',
    },
    {
      name: 'a REKEY',
      kind: 'rekey',
      body: () => ({
        ...{ v: 1, net: NET, entityId: ann.entity.id, key: keyOf(), agentId: ann.agent.id, was: id, epoch: now },
        ...{ incarnation: '0'.repeat(16), reason: 'compromise' },
      }),
      read: (text) => readRekey(text, keyOf(), NET, now),
      code: 'rekey-invalid',
      version: 'rekey-invalid',
    },
    {
      name: 'a complaint',
      kind: 'complaint',
      body: () => ({
        ...{ v: 1, net: NET, origin: id, id: '0'.repeat(32), hash: 'f'.repeat(64), reason: 'abuse', at: now },
      }),
      read: async (text) => {
        const { text: _, card, ...said } = await readComplaint(text, ann.card.text, NET, now)
        return said
      },
      code: 'record-malformed',
      version: 'record-version',
    },
  ]
  const runs = { numRuns: 40 } // each is signed and verified by OpenPGP

  for (const { name, kind, body, read, code, version } of kinds) {
    it(`${name}: what a later version adds is left alone`, async () => {
      const expected = await read(await signed(kind, body()))
      await fc.assert(
        fc.asyncProperty(
          fc.dictionary(fc.string({ maxLength: 9 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }),
          async (more) => {
            const later = Object.fromEntries(Object.entries(more).map(([key, value]) => [`later ${key}`, value]))
            expect(await read(await signed(kind, { ...later, ...body() }))).to.deep.equal(expected)
          },
        ),
        runs,
      )
    })

    it(`${name}: of another version it is refused as ${version}`, () =>
      fc.assert(
        fc.asyncProperty(fc.option(fc.jsonValue(), { nil: undefined }), async (v) => {
          fc.pre(v !== 1)
          expect(await outcome(read(await signed(kind, { ...body(), v })))).to.equal(version)
        }),
        runs,
      ))

    it(`${name}: with anything else in a field, or without one, it is read or refused by name`, () =>
      fc.assert(
        fc.asyncProperty(fc.option(fc.jsonValue(), { nil: undefined }), fc.nat(), async (value, at) => {
          const whole = body()
          const field = Object.keys(whole)[at % Object.keys(whole).length] ?? 'v'
          const got = await outcome(read(await signed(kind, { ...whole, [field]: value })))
          if (typeof got === 'string') expect(got).to.be.oneOf([code, version, 'net-mismatch'])
        }),
        runs,
      ))

    it(`${name}: any other text is refused by name`, () =>
      fc.assert(
        fc.asyncProperty(
          fc.oneof(
            fc.string(),
            fc.json(),
            fc.tuple(fc.json(), fc.base64String()).map((lines) => lines.join('\n')),
          ),
          async (text) => {
            expect(await outcome(read(text))).to.be.oneOf([code, version, 'signature-wrong'])
          },
        ),
      ))
  }

  it('a REKEY and a delegation say what was signed, whatever that was', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(), fc.stringMatching(/^[0-9a-f]{16}$/), async (seq, late, incarnation) => {
        const rekey = { agentId: id, epoch: now - late, incarnation, reason: 'restore' as const }
        const text = await signed('rekey', { v: 1, net: NET, entityId: ann.entity.id, key: keyOf(), ...rekey })
        expect(await readRekey(text, keyOf(), NET, now)).to.deep.equal(rekey)
        const term = { entityId: ann.entity.id, agentId: id, notBefore: now, expires: now + late, seq }
        const delegation = await signed('delegation', { v: 1, ...term })
        expect(await readDelegation(delegation, barePublicKey(ann.entity), now)).to.deep.equal(term)
      }),
      runs,
    ))

  it('none is taken for another kind, nor changed in a single character', async () => {
    const text = await signed('rekey', { v: 1, net: NET })
    const key = barePublicKey(ann.entity)
    await verifyStatement(text, 'rekey', key, now)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<StatementKind>('card', 'delegation', 'complaint', 'rekey'),
        fc.nat(text.length - 1),
        fc.string({ minLength: 1, maxLength: 1 }),
        async (kind, at, character) => {
          fc.pre(kind !== 'rekey' || text[at] !== character)
          const given = kind === 'rekey' ? text.slice(0, at) + character + text.slice(at + 1) : text
          const held = await verifyStatement(given, kind, key, now).then(
            () => true,
            () => false,
          )
          expect(held).to.equal(false)
        },
      ),
    )
  })

  it('each bears one signature: none is none, and so are two', async () => {
    const [json = '', signature = ''] = (await signed('rekey', { v: 1 })).split('\n')
    const key = barePublicKey(ann.entity)
    const once = Buffer.from(signature, 'base64')
    const holds = (bytes: Buffer) =>
      verifyStatement(`${json}\n${bytes.toString('base64')}`, 'rekey', key, now).then(
        () => true,
        () => false,
      )
    const given = [once, Buffer.alloc(0), Buffer.concat([once, once])]
    expect(await Promise.all(given.map(holds))).to.deep.equal([true, false, false])
  })

  it('each may be signed by a clock that is a quarter of an hour ahead, and not more', async () => {
    const key = barePublicKey(ann.entity)
    const text = await signed('rekey', { v: 1 })
    const holds = (at: number) =>
      verifyStatement(text, 'rekey', key, at).then(
        () => true,
        () => false,
      )
    const ahead = Math.floor(now / 1000) * 1000 - 15 * 60_000 // OpenPGP counts in seconds
    expect(await Promise.all([holds(ahead), holds(ahead - 1000)])).to.deep.equal([true, false])
  })

  describe('the signature of a letter', () => {
    const must = () => ({ net: NET, now, id: '0'.repeat(32), to: id })
    const said = (): Body => ({
      ...{ v: 1, id: '0'.repeat(32), from: ann.entity.id, to: id, address: 'b@b.test', card: ann.card.text },
    })
    const bearing = async (text: string) => {
      const binarySignature = await openpgp.sign({
        message: await openpgp.createMessage({ binary: Buffer.from('hello') }),
        signingKeys: ann.entity.key,
        detached: true,
        format: 'binary',
        date: new Date(now),
        signatureNotations: [notation('letter@vouchsafe.alt', text)],
        config: profile,
      })
      return openpgp.readSignature({ binarySignature, config: profile })
    }
    const read = async (text: string) => outcome(claimOf(await bearing(text), must()))
    const addressIn = (got: unknown) => (typeof got === 'string' ? got : (got as { address: string }).address)

    it('is read as it was written; what a later version adds is left alone', () =>
      fc.assert(
        fc.asyncProperty(
          fc.dictionary(fc.string({ maxLength: 9 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }),
          async (more) => {
            const later = Object.fromEntries(Object.entries(more).map(([key, value]) => [`later ${key}`, value]))
            expect(addressIn(await read(JSON.stringify({ ...later, ...said() })))).to.equal('b@b.test')
          },
        ),
        runs,
      ))

    it('is refused by name for another version, for anything else in a field but the address, and for any other text', () =>
      fc.assert(
        fc.asyncProperty(
          fc.constantFrom('v', 'id', 'from', 'to', 'card', 'all'),
          fc.jsonValue(),
          async (field, value) => {
            fc.pre(field !== 'v' || value !== 1)
            const text = field === 'all' ? JSON.stringify(value) : JSON.stringify({ ...said(), [field]: value })
            expect(await read(text)).to.equal('sender-unverified')
          },
        ),
        runs,
      ))

    it('from tomorrow is refused', async () => {
      const signature = await bearing(JSON.stringify(said()))
      expect(await outcome(claimOf(signature, { ...must(), now: now - DAY }))).to.equal('sender-unverified')
    })
  })
})
