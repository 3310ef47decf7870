import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import * as openpgp from 'openpgp'
import { makeCard, readCard } from '../../src/identity/card.ts'
import { entityIdOf } from '../../src/identity/entity.ts'
import { letterNotation } from '../../src/identity/letter.ts'
import { profile } from '../../src/identity/openpgp.ts'
import { open, openStream, seal, sealStream } from '../../src/identity/seal.ts'
import { Refusal } from '../../src/refusal.ts'
import { DAY, NET, type Person, person, refusalOf } from './people.ts'

const id = 'a1'.repeat(16)
const plaintext = Buffer.from('From: alice@alice.test\r\nSubject: \xe4\r\n\r\nNo final newline', 'latin1')

describe('seal', () => {
  let alice: Person
  let bob: Person
  let payload: Buffer
  before(async () => {
    alice = await person('alice')
    bob = await person('bob')
    payload = await seal(letter())
  })
  const letter = (changes = {}) => ({
    from: alice.entity,
    to: bob.card,
    id,
    card: alice.card.text,
    plaintext,
    ...changes,
  })
  const opening = (changes = {}) => ({ to: bob.entity, net: NET, now: Date.now(), payload, expect: { id }, ...changes })

  /** A payload as nobody honest makes it: signed with any notations, or none. */
  const forge = async (signingKeys: openpgp.PrivateKey[], notations: openpgp.RawNotation[], plain = {}) =>
    Buffer.from(
      await openpgp.encrypt({
        message: await openpgp.createMessage({ binary: plaintext, ...plain }),
        ...{ encryptionKeys: bob.card.publicKey, signingKeys, signatureNotations: notations },
        ...{ format: 'binary', config: profile },
      }),
    )
  const claim = (changes = {}) =>
    letterNotation({
      id,
      from: alice.entity.id,
      to: bob.entity.id,
      address: 'bob@bob.test',
      card: alice.card.text,
      ...changes,
    })

  it('gives the recipient the very bytes, the sender and the address that was meant', async () => {
    const opened = await open(opening())
    expect(opened.plaintext.equals(plaintext)).to.equal(true)
    expect(opened.from.entityId).to.equal(alice.entity.id)
    expect(opened).to.include({ id, address: 'bob@bob.test' })
  })

  it('keeps any bytes at all, none included', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000, size: 'max' }), async (bytes) => {
        const sealed = await seal(letter({ plaintext: Buffer.from(bytes) }))
        expect((await open(opening({ payload: sealed }))).plaintext.equals(bytes)).to.equal(true)
      }),
      { numRuns: 50 },
    )
  })

  it('shows nothing of it on the outside', () => {
    for (const word of ['alice', 'Subject', id]) expect(payload.includes(word)).to.equal(false)
  })

  it('to oneself opens as well', async () => {
    const sealed = await seal(letter({ to: alice.card }))
    expect((await open(opening({ to: alice.entity, payload: sealed }))).from.address).to.equal('alice@alice.test')
  })

  it('twice of the same letter is never the same payload', async () =>
    expect((await seal(letter())).equals(payload)).to.equal(false))

  it('made before the sender’s delegation ended opens after it', async () => {
    const now = Date.now()
    const [dora, emil] = [await person('dora', now - 2 * DAY), await person('emil', now - 3 * DAY)]
    const card = await makeCard(dora.entity, dora.agent.id, NET, { now: now - 2 * DAY, expires: now - DAY, seq: 2 })
    const sealed = (signed: number) => seal(letter({ from: dora.entity, card, to: emil.card, now: signed }))
    const toEmil = { to: emil.entity, now }
    const inTime = await open(opening({ ...toEmil, payload: await sealed(now - 2 * DAY + 1000) }))
    expect(inTime.from.entityId).to.equal(dora.entity.id)
    expect(await refusalOf(open(opening({ ...toEmil, payload: await sealed(now) })))).to.equal('sender-unverified')
  })

  it('works both ways between people whose clocks are ten minutes apart', async () => {
    const now = Date.now()
    const early = await person('early', now + 600_000)
    const card = await readCard(early.card.text, NET, now)
    const there = await seal(letter({ to: card, now }))
    const opened = await open(opening({ to: early.entity, payload: there, now: now + 600_000 }))
    expect(opened.from.entityId).to.equal(alice.entity.id)
    const back = await seal(letter({ from: early.entity, card: early.card.text, now: now + 600_000 }))
    expect((await open(opening({ payload: back, now }))).from.entityId).to.equal(early.entity.id)
  })

  it('for a key that has expired since is refused: card-invalid', async () => {
    const { privateKey } = await openpgp.generateKey({
      ...{
        userIDs: [{ email: 'f@f.test' }],
        date: new Date(Date.now() - DAY),
        keyExpirationTime: 3600,
        format: 'object',
      },
    })
    const entity = { id: entityIdOf(privateKey), address: 'f@f.test', name: '', key: privateKey }
    const text = await makeCard(entity, alice.agent.id, NET, { now: Date.now() - DAY, seq: 1 })
    const card = await readCard(text, NET, Date.now() - DAY)
    expect(await refusalOf(seal(letter({ to: card })))).to.equal('card-invalid')
  })

  const hour = 3600_000
  const unverified: [what: string, change: () => object | Promise<object>][] = [
    [
      'taken out and sealed again for somebody else',
      async () => ({ payload: await forge([alice.entity.key], [claim({ to: alice.entity.id })]) }),
    ],
    ['in another envelope', () => ({ expect: { id: 'b2'.repeat(16) } })],
    ['of another net', () => ({ net: 'trial' })],
    ['signed in the future', async () => ({ payload: await seal(letter({ now: Date.now() + hour })) })],
    ['under the card of another', async () => ({ payload: await seal(letter({ card: bob.card.text })) })],
    ['in the name of another', async () => ({ payload: await forge([bob.entity.key], [claim()]) })],
    ['that is not signed', async () => ({ payload: await forge([], []) })],
    ['signed by two', async () => ({ payload: await forge([alice.entity.key, bob.entity.key], [claim()]) })],
    ['without notation', async () => ({ payload: await forge([alice.entity.key], []) })],
    [
      'with two notations',
      async () => ({ payload: await forge([alice.entity.key], [claim(), claim({ id: 'c3'.repeat(16) })]) }),
    ],
    [
      'whose notation is no JSON',
      async () => ({ payload: await forge([alice.entity.key], [{ ...claim(), value: Buffer.from('{') }]) }),
    ],
    [
      'whose notation is null',
      async () => ({ payload: await forge([alice.entity.key], [{ ...claim(), value: Buffer.from('null') }]) }),
    ],
    [
      'whose notation is of a later version',
      async () => {
        const value = Buffer.from(Buffer.from(claim().value).toString().replace('"v":1', '"v":2'))
        return { payload: await forge([alice.entity.key], [{ ...claim(), value }]) }
      },
    ],
    ['with a card that is none', async () => ({ payload: await forge([alice.entity.key], [claim({ card: '{}\n' })]) })],
    [
      'signed as text, which leaves line ends open',
      async () => ({ payload: await forge([alice.entity.key], [claim()], { binary: undefined, text: 'a\nb' }) }),
    ],
  ]
  for (const [what, change] of unverified)
    it(`a letter ${what} is refused: sender-unverified`, async () =>
      expect(await refusalOf(open(opening(await change())))).to.equal('sender-unverified'))

  it('a letter signed in the future is refused with a word on clocks', async () => {
    const early = open(opening({ payload: await seal(letter({ now: Date.now() + hour })) }))
    expect(await early.catch(({ detail }: Refusal) => detail)).to.include('is a clock wrong?')
  })

  const broken: [what: string, change: () => object | Promise<object>][] = [
    ['for another recipient', () => ({ to: alice.entity })],
    ['that is empty', () => ({ payload: Buffer.alloc(0) })],
    ['that is not OpenPGP', () => ({ payload: randomBytes(300) })],
    [
      'that is not encrypted',
      async () => ({ payload: Buffer.from((await openpgp.createMessage({ binary: plaintext })).write()) }),
    ],
    ['without its last byte', () => ({ payload: payload.subarray(0, -1) })],
    ['with one byte more', () => ({ payload: Buffer.concat([payload, Buffer.alloc(1)]) })],
    [
      'with more session keys than anybody needs',
      () => ({ payload: Buffer.concat([...Array(17).fill(sessionKey()), payload]) }),
    ],
  ]
  const sessionKey = () => payload.subarray(0, 2 + (payload[1] ?? 0)) // tag 1, one octet of length
  for (const [what, change] of broken)
    it(`a payload ${what} is refused: seal-broken`, async () =>
      expect(await refusalOf(open(opening(await change())))).to.equal('seal-broken'))

  it('with any byte changed is refused by name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(payload.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = Buffer.from(payload)
        changed[at] = (changed[at] ?? 0) ^ flip
        // Other spellings of the very same; the hash in the envelope holds for the bytes themselves.
        fc.pre(changed[0] !== 0x84) // the older packet header
        fc.pre(at !== 13 || changed[at] === 0 || (changed[at] ?? 0) > 7) // 257 to 263 bits are 33 bytes (RFC 4880 §3.2)
        fc.pre(at !== 46 || flip !== 0x80) // the last bit of an X25519 point is not looked at (RFC 7748 §5)
        expect(await refusalOf(open(opening({ payload: changed })))).to.be.oneOf(['seal-broken', 'sender-unverified'])
      }),
      { numRuns: 200 },
    )
  })

  describe('as a stream', () => {
    const chunk = randomBytes(64 * 1024)
    const many = async function* (count: number, seen?: (index: number) => void) {
      for (let index = 0; index < count; index++) {
        seen?.(index)
        yield chunk
      }
    }
    /** Opens payload by stream, keeping the plaintext in memory. */
    const opened = async (from: AsyncIterable<Uint8Array>, changes = {}) => {
      const kept: Uint8Array[] = []
      const sink = async (part: Uint8Array) => void kept.push(part)
      const replay = async function* () {
        yield* kept
      }
      const result = await openStream({ ...opening(), payload: from, sink, replay, ...changes })
      return { ...result, kept: Buffer.concat(kept) }
    }
    const inParts = async function* (whole: Buffer, size = 1000) {
      for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size)
    }
    const gathered = async (parts: AsyncIterable<Uint8Array>) => {
      const all: Uint8Array[] = []
      for await (const part of parts) all.push(part)
      return Buffer.concat(all)
    }
    let large: Buffer
    before(async () => {
      large = await gathered(await sealStream({ ...letter(), plaintext: many(16) }))
    })

    it('is sealed and opened with the same bytes', async () => {
      const { kept, size, from, address } = await opened(inParts(large))
      expect(kept.equals(Buffer.concat(Array(16).fill(chunk)))).to.equal(true)
      expect({ size, from: from.entityId, address }).to.deep.equal({
        size: 2 ** 20,
        from: alice.entity.id,
        address: 'bob@bob.test',
      })
    })

    it('is the same form: what one way seals the other opens', async () => {
      expect((await opened(inParts(payload, 7))).kept.equals(plaintext)).to.equal(true)
      expect((await open(opening({ payload: large }))).plaintext.length).to.equal(2 ** 20)
    })

    it('of no bytes is one', async () => {
      const sealed = await gathered(await sealStream({ ...letter(), plaintext: many(0) }))
      expect((await opened(inParts(sealed))).size).to.equal(0)
    })

    it('seals no faster than it is read', async () => {
      let taken = 0
      let given = 0
      let ahead = 0
      for await (const part of await sealStream({ ...letter(), plaintext: many(300, () => (taken += chunk.length)) })) {
        given += part.length
        ahead = Math.max(ahead, taken - given)
      }
      expect(taken).to.equal(300 * chunk.length)
      expect(ahead).to.be.below(2 ** 20)
    })

    it('opens no faster than the plaintext is taken', async () => {
      const sealed = await gathered(await sealStream({ ...letter(), plaintext: many(300) }))
      let taken = 0
      let given = 0
      let ahead = 0
      const source = async function* () {
        for await (const part of inParts(sealed, chunk.length)) {
          taken += part.length
          yield part
        }
      }
      const sink = async (part: Uint8Array) => {
        await new Promise(setImmediate)
        given += part.length
        ahead = Math.max(ahead, taken - given)
      }
      const { size } = await openStream({ ...opening(), payload: source(), sink, replay: () => many(300) })
      expect(size).to.equal(300 * chunk.length)
      expect(ahead).to.be.below(2 ** 21)
    })

    it('changed in its middle ends as seal-broken, though plaintext was given out', async () => {
      const changed = Buffer.from(large)
      changed[500_000] = (changed[500_000] ?? 0) ^ 1
      expect(await refusalOf(opened(inParts(changed)))).to.equal('seal-broken')
    })

    it('cut off anywhere ends as seal-broken', async () => {
      for (const length of [0, 1, 50, 200, 5000, large.length - 21, large.length - 1])
        expect(await refusalOf(opened(inParts(large.subarray(0, length)))), `${length}`).to.equal('seal-broken')
    })

    it('that was not kept as it came is refused', async () =>
      expect(await refusalOf(opened(inParts(large), { replay: () => many(15) }))).to.equal('sender-unverified'))

    it('in another envelope is refused', async () =>
      expect(await refusalOf(opened(inParts(large), { expect: { id: 'b2'.repeat(16) } }))).to.equal(
        'sender-unverified',
      ))

    it('that is not signed is refused', async () =>
      expect(await refusalOf(opened(inParts(await forge([], []))))).to.equal('sender-unverified'))

    it('of session keys without end is refused within the first bytes', async () => {
      let taken = 0
      const endless = async function* () {
        const key = payload.subarray(0, 2 + (payload[1] ?? 0))
        for (; ; taken += key.length) yield key
      }
      expect(await refusalOf(opened(endless()))).to.equal('seal-broken')
      expect(taken).to.be.below(32 * 1024)
    })

    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield large.subarray(0, 100_000)
      throw new Error('EIO')
    }
    const faults: [what: string, fail: () => Promise<unknown>][] = [
      ['payload', () => opened(failing())],
      ['sink', () => opened(inParts(large), { sink: () => Promise.reject(new Error('EIO')) })],
      ['replay', () => opened(inParts(large), { replay: failing })],
    ]
    for (const [what, fail] of faults)
      it(`a fault of the ${what} is no refusal: the letter may be asked for again`, async () => {
        const error = await fail().catch((caught: unknown) => caught)
        expect(error).to.be.instanceOf(Error).with.property('message', 'EIO')
        expect(error).to.not.be.instanceOf(Refusal)
      })

    it('lets go of its source when the sink fails', async () => {
      let isClosed = false
      const source = async function* () {
        try {
          yield* inParts(large)
        } finally {
          isClosed = true
        }
      }
      await opened(source(), { sink: () => Promise.reject(new Error('ENOSPC')) }).catch(() => undefined)
      while (!isClosed) await new Promise((resolve) => setTimeout(resolve, 5))
    })

    it('lets go of its source when what is sealed is not wanted any more', async () => {
      let isClosed = false
      const source = async function* () {
        try {
          yield* many(300)
        } finally {
          isClosed = true
        }
      }
      for await (const _ of await sealStream({ ...letter(), plaintext: source() })) break
      while (!isClosed) await new Promise((resolve) => setTimeout(resolve, 5))
    })

    it('whose source fails, fails', async () => {
      const error = await sealStream({ ...letter(), plaintext: failing() })
        .then(gathered)
        .catch((caught: Error) => caught)
      expect(error).to.be.instanceOf(Error)
    })
  })

  it('a card lets one seal for whoever is named on it, and nobody else opens', async () => {
    const carol = await person('carol')
    const sealed = await seal(letter({ to: await readCard(carol.card.text, NET, Date.now()) }))
    expect((await open(opening({ to: carol.entity, payload: sealed }))).from.address).to.equal('alice@alice.test')
    expect(await refusalOf(open(opening({ payload: sealed })))).to.equal('seal-broken')
  })
})
