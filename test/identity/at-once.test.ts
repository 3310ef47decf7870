import { webcrypto } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import '../../src/identity/at-once.ts'

const node = webcrypto.subtle
const ours = globalThis.crypto.subtle
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const url = (part: Uint8Array) => Buffer.from(part).toString('base64url')
const hex = (part: ArrayBuffer | Uint8Array) => Buffer.from(new Uint8Array(part)).toString('hex')

/** A key pair of Node's as JWK: what OpenPGP.js would import. */
const pairOf = async (name: 'Ed25519' | 'X25519') => {
  const uses: webcrypto.KeyUsage[] = name === 'Ed25519' ? ['sign', 'verify'] : ['deriveBits']
  const { publicKey, privateKey } = (await node.generateKey(name, true, uses)) as webcrypto.CryptoKeyPair
  return { open: await node.exportKey('jwk', publicKey), secret: await node.exportKey('jwk', privateKey) }
}

const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: Error) => error.name,
  )

describe("WebCrypto at once: what OpenPGP.js finds does what Node's own does", () => {
  it('X25519 agrees on the same secret, and a fresh pair with a pair of Node', async () => {
    const theirs = await pairOf('X25519')
    const fresh = (await ours.generateKey('X25519', true, ['deriveBits'])) as webcrypto.CryptoKeyPair
    const [open, secret] = [await ours.exportKey('jwk', fresh.publicKey), await ours.exportKey('jwk', fresh.privateKey)]
    expect(secret.x).to.equal(open.x)
    const derive = async (by: typeof node, mine: webcrypto.JsonWebKey, peer: webcrypto.JsonWebKey) =>
      hex(
        await by.deriveBits(
          { name: 'X25519', public: await by.importKey('jwk', peer, 'X25519', false, []) },
          await by.importKey('jwk', mine, 'X25519', false, ['deriveBits']),
          256,
        ),
      )
    const shared = await derive(ours, secret, theirs.open)
    expect(shared).to.have.length(64)
    expect(await derive(node, theirs.secret, open)).to.equal(shared)
    expect(await derive(node, secret, theirs.open)).to.equal(shared)
  })

  it('a point of low order is refused', async () => {
    const { secret } = await pairOf('X25519')
    const mine = await ours.importKey('jwk', secret, 'X25519', false, ['deriveBits'])
    for (const first of [0, 1]) {
      const point = {
        kty: 'OKP',
        crv: 'X25519',
        x: url(Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? first : 0))),
      }
      const low = await ours.importKey('jwk', point, 'X25519', false, [])
      expect(await failure(ours.deriveBits({ name: 'X25519', public: low }, mine, 256))).to.equal('Error')
    }
  })

  it('Ed25519 signs the same bytes, and knows what was changed', async () => {
    const { open, secret } = await pairOf('Ed25519')
    const signer = await node.importKey('jwk', secret, 'Ed25519', false, ['sign'])
    const mine = await ours.importKey('jwk', secret, 'Ed25519', false, ['sign'])
    const reader = await ours.importKey('jwk', open, 'Ed25519', false, ['verify'])
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1 }), fc.nat(), async (data, place) => {
        const signature = new Uint8Array(await ours.sign('Ed25519', mine, data))
        expect(hex(signature)).to.equal(hex(await node.sign('Ed25519', signer, data)))
        expect(await ours.verify('Ed25519', reader, signature, data)).to.equal(true)
        const changed = data.map((byte, i) => (i === place % data.length ? byte ^ 1 : byte))
        expect(await ours.verify('Ed25519', reader, signature, changed)).to.equal(false)
        const broken = signature.map((byte, i) => (i === place % 64 ? byte ^ 1 : byte))
        expect(await ours.verify('Ed25519', reader, broken, data)).to.equal(false)
        expect(await ours.verify('Ed25519', reader, signature.subarray(1), data)).to.equal(false)
      }),
      { numRuns: 50 },
    )
  })

  const kw = { name: 'AES-KW' }
  const hmac = { name: 'HMAC', hash: 'SHA-256' }
  const wrap = async (by: typeof node, key: Uint8Array, what: Uint8Array): Promise<Uint8Array<ArrayBuffer>> =>
    new Uint8Array(
      await by.wrapKey(
        'raw',
        await by.importKey('raw', what, hmac, true, ['sign']),
        await by.importKey('raw', key, kw, false, ['wrapKey']),
        kw,
      ),
    )
  const unwrap = async (by: typeof node, key: Uint8Array, wrapped: Uint8Array): Promise<string> => {
    const wrapping = await by.importKey('raw', key, kw, false, ['unwrapKey'])
    return hex(await by.exportKey('raw', await by.unwrapKey('raw', wrapped, wrapping, kw, hmac, true, ['sign'])))
  }

  it('AES wraps a key to the same bytes, unwraps it, and knows the wrong key and changed bytes', () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom(16, 32).chain(bytes),
        fc.constantFrom(16, 24, 40).chain(bytes),
        fc.nat(),
        async (key, what, place) => {
          const wrapped = await wrap(ours, key, what)
          expect(hex(wrapped)).to.equal(hex(await wrap(node, key, what)))
          expect(await unwrap(ours, key, wrapped)).to.equal(hex(what))
          const changed = wrapped.map((byte, i) => (i === place % wrapped.length ? byte ^ 1 : byte))
          expect(await failure(unwrap(ours, key, changed)))
            .to.equal(await failure(unwrap(node, key, changed)))
            .and.to.equal('OperationError')
          const other = key.map((byte) => byte ^ 1)
          expect(await failure(unwrap(ours, other, wrapped))).to.equal('OperationError')
        },
      ),
      { numRuns: 50 },
    ))

  it("whatever else is asked, or comes with a key of Node's, is Node's affair", async () => {
    const data = Buffer.from('data')
    expect(hex(await ours.digest('SHA-256', data))).to.equal(hex(await node.digest('SHA-256', data)))
    const gcm = await ours.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt'])
    expect(Buffer.from(await node.exportKey('raw', gcm as webcrypto.CryptoKey))).to.have.length(32)
    const pair = (await node.generateKey('Ed25519', true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
    const signature = await ours.sign('Ed25519', pair.privateKey, data)
    expect(await ours.verify('Ed25519', pair.publicKey, signature, data)).to.equal(true)
    expect(await ours.exportKey('jwk', pair.publicKey)).to.have.property('x')
    const mine = await ours.importKey('jwk', (await pairOf('X25519')).open, 'X25519', true, [])
    expect(await failure(ours.exportKey('spki', mine)), 'a form that is not kept').to.equal('TypeError')
    expect(globalThis.crypto.randomUUID()).to.match(/^[\da-f-]{36}$/)
    expect(hex(globalThis.crypto.getRandomValues(new Uint8Array(16)))).not.to.equal('0'.repeat(32))
  })

  it("the rest of the house keeps Node's own", () => expect(webcrypto.subtle).not.to.equal(ours))
})
