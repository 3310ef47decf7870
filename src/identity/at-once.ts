/**
 * The WebCrypto that OpenPGP.js finds: Node's own, but that the small steps of a letter are done at once.
 *
 * Node sends each of them to a thread and checks each key three times over; of what it costs to seal and to open a letter of
 * 5 kB that was a third. Here the same OpenSSL does the same steps through node:crypto: X25519 (RFC 7748), Ed25519
 * (RFC 8032), AES key wrap (RFC 3394). What is not named here, and whatever comes with a key of Node's, goes to Node.
 *
 * OpenPGP.js asks for `globalThis.crypto`; the rest of the house takes `webcrypto` from node:crypto, which stays as it is.
 * So this file comes before the library: nobody imports `openpgp` but by way of library.ts.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  randomBytes,
  sign,
  verify,
  webcrypto,
} from 'node:crypto'
import { recent } from './recent.ts'

type Bytes = Uint8Array<ArrayBuffer>
type Jwk = { kty: 'OKP'; crv: Curve; x: string; d?: string }
type Curve = 'X25519' | 'Ed25519'

/** What stands for a CryptoKey, and says the same of itself; what is in it, only this file knows. */
class CurveKey {
  readonly jwk: Jwk
  readonly key: KeyObject
  readonly type: 'private' | 'public'
  readonly algorithm: { name: Curve }
  readonly usages: unknown
  readonly extractable = true
  readonly [Symbol.toStringTag] = 'CryptoKey'
  constructor(jwk: Jwk, usages: unknown, key = keyObject(jwk)) {
    this.jwk = jwk
    this.key = key
    this.type = jwk.d === undefined ? 'public' : 'private'
    this.algorithm = { name: jwk.crv }
    this.usages = usages
  }
}

/** Those of a household and of whom it writes to come with every letter, and to make one costs as much as to sign with it. */
const KEYS_MAX = 64
const recentKey = recent<KeyObject>(KEYS_MAX)
const keyObject = (jwk: Jwk): KeyObject =>
  recentKey(`${jwk.crv} ${jwk.x} ${jwk.d ?? ''}`, () =>
    (jwk.d === undefined ? createPublicKey : createPrivateKey)({ key: jwk, format: 'jwk' }),
  )

/** The same for bytes on their way to AES key wrap. */
class SecretKey {
  readonly bytes: Bytes
  constructor(bytes: Bytes) {
    this.bytes = bytes
  }
}

/** Each answers undefined where the step is not one of ours. */
type Step = (...given: unknown[]) => unknown

const steps: Record<string, Step> = {
  generateKey: (algorithm, _, usages) => (nameOf(algorithm) === 'X25519' ? freshPair(usages) : undefined),

  importKey(format, from, algorithm, _, usages) {
    const crv = nameOf(algorithm)
    if (format === 'jwk' && (crv === 'X25519' || crv === 'Ed25519')) {
      const { x, d } = from as Jwk
      return new CurveKey({ kty: 'OKP', crv, x, ...(d !== undefined && { d }) }, usages)
    }
    // What is to be wrapped comes as a key for HMAC, and does nothing else.
    return format === 'raw' && (crv === 'AES-KW' || crv === 'HMAC') ? new SecretKey(from as Bytes) : undefined
  },

  exportKey(format, key) {
    if (format === 'jwk' && key instanceof CurveKey) return key.jwk
    return format === 'raw' && key instanceof SecretKey ? key.bytes : undefined
  },

  deriveBits: (algorithm, mine) =>
    mine instanceof CurveKey
      ? diffieHellman({ privateKey: mine.key, publicKey: (algorithm as { public: CurveKey }).public.key })
      : undefined,

  sign: (_, key, data) => (key instanceof CurveKey ? sign(null, data as Bytes, key.key) : undefined),

  verify: (_, key, signature, data) =>
    key instanceof CurveKey ? verify(null, data as Bytes, key.key, signature as Bytes) : undefined,

  wrapKey: (_, key, by) =>
    by instanceof SecretKey
      ? through(createCipheriv(wrapOf(by), by.bytes, WRAP_IV), (key as SecretKey).bytes)
      : undefined,

  unwrapKey(_, wrapped, by) {
    if (!(by instanceof SecretKey)) return undefined
    try {
      return new SecretKey(through(createDecipheriv(wrapOf(by), by.bytes, WRAP_IV), wrapped as Bytes))
    } catch {
      throw new DOMException('the key does not unwrap', 'OperationError') // Node's own says it so
    }
  },
}

/**
 * Drawn, not generated: the job that generates is freed by the collector under the key's lock, and Node 20 may collect
 * while it holds that lock to export the key. Then the process stands still.
 */
const freshPair = (usages: unknown) => {
  const drawn = { kty: 'OKP', crv: 'X25519', x: NO_POINT, d: randomBytes(32).toString('base64url') } as const
  const secret = createPrivateKey({ key: drawn, format: 'jwk' })
  const point = createPublicKey(secret)
  const { x = '' } = point.export({ format: 'jwk' })
  const jwk = { kty: 'OKP', crv: 'X25519', x } as const
  return { privateKey: new CurveKey({ ...jwk, d: drawn.d }, usages, secret), publicKey: new CurveKey(jwk, [], point) }
}

/** OpenSSL computes it from the secret, whatever is given. */
const NO_POINT = Buffer.alloc(32).toString('base64url')

const WRAP_IV = Buffer.alloc(8, 0xa6) // RFC 3394 §2.2.3.1
const wrapOf = ({ bytes }: SecretKey): string => `id-aes${bytes.length * 8}-wrap`
const through = (cipher: { update(data: Bytes): Buffer; final(): Buffer }, data: Bytes): Bytes =>
  Uint8Array.from(Buffer.concat([cipher.update(data), cipher.final()]))

const nameOf = (algorithm: unknown): unknown =>
  typeof algorithm === 'string' ? algorithm : (algorithm as { name?: unknown } | null)?.name

const { subtle: native } = webcrypto
const subtle = new Proxy(native, {
  get(_, name) {
    const work: unknown = Reflect.get(native, name)
    const step = steps[String(name)]
    if (typeof work !== 'function') return work
    return async (...given: unknown[]) => step?.(...given) ?? Reflect.apply(work, native, given)
  },
})
const crypto: Omit<webcrypto.Crypto, 'CryptoKey'> = {
  subtle,
  getRandomValues: (bytes) => webcrypto.getRandomValues(bytes),
  randomUUID: () => webcrypto.randomUUID(),
}
Object.defineProperty(globalThis, 'crypto', { value: crypto, configurable: true, enumerable: true, writable: true })
