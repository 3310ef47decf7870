/**
 * The payload of a letter between keys of the usual kind (usual-key.ts), put together and taken apart here, at once and in place:
 * the library does it in some twenty trips to threads, which cost five times what the cryptography does.
 *
 *   PKESK v3 (ECDH) | SEIPD v1, AES-256-CFB { one-pass signature v3 | literal data | signature v4, SHA-512 | MDC }
 *
 * The form is the library's, byte for byte in its structure. What differs from it in anything is not read here, and what does not
 * hold is not judged here: the library reads it then, and its word is the last. RFC 4880 §5.1, §5.2.3, §5.4, §5.9, §5.13; RFC 6637 §8.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  diffieHellman,
  randomBytes,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto'
import type * as openpgp from 'openpgp'
import { drawX25519, USUAL_KDF, type UsualKey, usualKey, X25519_OID, x25519Of } from './usual-key.ts'
import { mpi, type Part, packet, packetsOf, subpacket, uint16, uint32 } from './usual-packet.ts'

const [PKESK, SIGNATURE, ONE_PASS, LITERAL, SEIPD] = [1, 2, 4, 11, 18]
const [ECDH, EDDSA, AES_256, SHA_512, BINARY] = [18, 22, 9, 10, 0]
/** Subpackets: when it was created (critical), the issuer's key id, a notation, the issuer's fingerprint. */
const [CREATED, ISSUER, NOTATION, FINGERPRINT] = [0x82, 16, 20, 33]
const BLOCK_BYTES = 16
const ZERO_BLOCK = Buffer.alloc(BLOCK_BYTES)
const MDC_HEAD = Buffer.from([0xd3, 0x14])
const SHA1_BYTES = 20

const keyIdOf = ({ fingerprint }: UsualKey): Buffer => fingerprint.subarray(-8)

export type Sealing = { plaintext: Buffer; notation: openpgp.RawNotation; date: Date; from: UsualKey; to: UsualKey }

export const sealUsual = ({ to, ...letter }: Sealing): Buffer | undefined => {
  const message = signedMessage(letter)
  const key = randomBytes(32)
  return (
    message && Buffer.concat([packet(PKESK, keyFor(to, key)), packet(SEIPD, Buffer.from([1]), encrypted(message, key))])
  )
}

/** @returns undefined if the key can't sign, or the signature can't say so much */
const signedMessage = ({ plaintext, notation, date, from }: Omit<Sealing, 'to'>): Buffer | undefined => {
  const { privateKey } = from
  const covered = saying({ date, notation, from })
  if (privateKey === undefined || covered === undefined) return undefined
  const digest = digestOf(plaintext, covered)
  const made = sign(null, digest, privateKey)
  const onePass = Buffer.concat([Buffer.from([3, BINARY, SHA_512, EDDSA]), keyIdOf(from), Buffer.from([1])])
  return Buffer.concat([
    packet(ONE_PASS, onePass),
    packet(LITERAL, Buffer.from('b\0'), secondsOf(date), plaintext),
    packet(SIGNATURE, covered, uint16(0), digest.subarray(0, 2), mpi(made.subarray(0, 32)), mpi(made.subarray(32))),
  ])
}

const SIGNED_AS = Buffer.from([4, BINARY, EDDSA, SHA_512])
const READABLE = Buffer.from([0x80, 0, 0, 0])
const HASHED_MAX = 0xffff // its length has two bytes

type Said = Pick<Sealing, 'date' | 'notation' | 'from'>

/** What a signature says besides the bytes, from its version on: when it was made, by whom, and our notation. */
const saying = ({ date, notation: { name, value }, from }: Said): Buffer | undefined => {
  const hashed = Buffer.concat([
    subpacket(CREATED, secondsOf(date)),
    subpacket(ISSUER, keyIdOf(from)),
    subpacket(NOTATION, READABLE, uint16(name.length), uint16(value.length), Buffer.from(name), value),
    subpacket(FINGERPRINT, Buffer.from([4]), from.fingerprint),
  ])
  return hashed.length > HASHED_MAX ? undefined : Buffer.concat([SIGNED_AS, uint16(hashed.length), hashed])
}

const secondsOf = (date: Date): Buffer => uint32(Math.floor(date.getTime() / 1000))

/** What is signed: the bytes, what the signature says besides, and how long that is. */
const digestOf = (plaintext: Uint8Array, covered: Buffer): Buffer =>
  createHash('sha512')
    .update(plaintext)
    .update(covered)
    .update(Buffer.from([4, 0xff]))
    .update(uint32(covered.length))
    .digest()

const keyFor = (to: UsualKey, key: Buffer): Buffer => {
  const { privateKey, point } = drawX25519()
  const shared = diffieHellman({ privateKey, publicKey: to.publicKey })
  const wrapper = createCipheriv('id-aes128-wrap', wrappingKey(shared, to), WRAP_IV)
  const wrapped = Buffer.concat([wrapper.update(padded(key)), wrapper.final()])
  return Buffer.concat([PKESK_VERSION, keyIdOf(to), POINT_HEAD, point, Buffer.from([wrapped.length]), wrapped])
}

const PKESK_VERSION = Buffer.from([3])
/** ECDH, and a number of 263 bits: 40 hex and the 32 bytes of the point. */
const POINT_HEAD = Buffer.from([ECDH, 0x01, 0x07, 0x40])
const WRAP_IV = Buffer.alloc(8, 0xa6) // RFC 3394 §2.2.3.1
const KDF_HEAD = Buffer.from([0, 0, 0, 1])
const KDF_PARAM = Buffer.concat([X25519_OID, Buffer.from([ECDH]), USUAL_KDF, Buffer.from('Anonymous Sender    ')])

const wrappingKey = (shared: Buffer, { fingerprint }: UsualKey): Buffer =>
  createHash('sha256').update(KDF_HEAD).update(shared).update(KDF_PARAM).update(fingerprint).digest().subarray(0, 16)

/** Algorithm, key, the sum of its bytes; and as many times 5 as make whole blocks of 8. */
const padded = (key: Buffer): Buffer => {
  const sum = key.reduce((total, byte) => total + byte, 0) & 0xffff
  return Buffer.concat([Buffer.from([AES_256]), key, uint16(sum), Buffer.alloc(5, 5)])
}

const encrypted = (message: Buffer, key: Buffer): Buffer => {
  const random = randomBytes(BLOCK_BYTES)
  const covered = Buffer.concat([random, random.subarray(-2), message, MDC_HEAD])
  const cipher = createCipheriv('aes-256-cfb', key, ZERO_BLOCK)
  return Buffer.concat([cipher.update(covered), cipher.update(sha1(covered)), cipher.final()])
}

const sha1 = (bytes: Buffer): Buffer => createHash('sha1').update(bytes).digest()

/** `signature`: the body of its packet, not verified yet. */
export type Unsealed = { data: Buffer; signature: Buffer }

/** @param keys that may decrypt at this time; @returns undefined where it has another form, or does not open */
export const openUsual = (payload: Buffer, keys: readonly (openpgp.Key | openpgp.Subkey)[]): Unsealed | undefined => {
  const [pkesk, seipd, ...more] = packetsOf(payload) ?? []
  if (pkesk?.tag !== PKESK || seipd?.tag !== SEIPD || seipd.body[0] !== 1 || more.length > 0) return undefined
  for (const { keyPacket } of keys) {
    const to = usualKey(keyPacket, 'decrypt')
    const key = to && sessionKeyOf(pkesk.body, to)
    if (key !== undefined) return inside(decrypted(seipd.body.subarray(1), key))
  }
  return undefined
}

const POINT_AT = PKESK_VERSION.length + 8 + POINT_HEAD.length
const WRAPPED_BYTES = 48

const sessionKeyOf = (body: Buffer, to: UsualKey): Buffer | undefined => {
  const head = Buffer.concat([PKESK_VERSION, keyIdOf(to), POINT_HEAD])
  const wrappedAt = POINT_AT + 32 + 1
  const isOurs = body.length === wrappedAt + WRAPPED_BYTES && body[wrappedAt - 1] === WRAPPED_BYTES
  if (!isOurs || !body.subarray(0, POINT_AT).equals(head) || to.privateKey === undefined) return undefined
  try {
    const publicKey = x25519Of(body.subarray(POINT_AT, POINT_AT + 32))
    const shared = diffieHellman({ privateKey: to.privateKey, publicKey })
    const unwrapper = createDecipheriv('id-aes128-wrap', wrappingKey(shared, to), WRAP_IV)
    const plain = Buffer.concat([unwrapper.update(body.subarray(wrappedAt)), unwrapper.final()])
    const key = plain.subarray(1, 33)
    return plain.equals(padded(key)) ? key : undefined
  } catch {
    return undefined
  }
}

/** @returns what is inside, if nobody changed it */
const decrypted = (body: Buffer, key: Buffer): Buffer | undefined => {
  const cipher = createDecipheriv('aes-256-cfb', key, ZERO_BLOCK)
  const plain = Buffer.concat([cipher.update(body), cipher.final()])
  const covered = plain.subarray(0, -SHA1_BYTES)
  const message = covered.subarray(BLOCK_BYTES + 2, -MDC_HEAD.length)
  const isWhole =
    plain.length >= BLOCK_BYTES + 2 + MDC_HEAD.length + SHA1_BYTES &&
    covered.subarray(-MDC_HEAD.length).equals(MDC_HEAD) &&
    timingSafeEqual(sha1(covered), plain.subarray(-SHA1_BYTES))
  return isWhole ? message : undefined
}

const ONE_PASS_BYTES = 13

const inside = (message: Buffer | undefined): Unsealed | undefined => {
  const [onePass, literal, signature, ...more] = (message && packetsOf(message)) ?? []
  if (onePass?.tag !== ONE_PASS || onePass.body.length !== ONE_PASS_BYTES || onePass.body[0] !== 3) return undefined
  if (literal?.tag !== LITERAL || signature?.tag !== SIGNATURE || more.length > 0) return undefined
  const data = literalOf(literal)
  return data && { data, signature: signature.body }
}

/** 'b', a file name with its length, a date, the bytes. */
const literalOf = ({ body }: Part): Buffer | undefined => {
  const at = 2 + (body[1] ?? 0) + 4
  return body[0] === 'b'.charCodeAt(0) && body.length >= at ? body.subarray(at) : undefined
}

/**
 * @param read the same signature, read by the library
 * @returns whether it is `by`'s over the data; also false where it says more than ours do, or says it differently
 */
export const isSignedBy = ({ data, signature }: Unsealed, by: UsualKey, read: openpgp.SignaturePacket): boolean => {
  const [notation, ...more] = read.rawNotations
  if (read.created === null || notation === undefined || more.length > 0) return false
  const covered = saying({ date: read.created, notation, from: by })
  if (covered === undefined) return false
  const digest = digestOf(data, covered)
  const head = Buffer.concat([covered, uint16(0), digest.subarray(0, 2)])
  const made = numbersOf(signature.subarray(head.length))
  return made !== undefined && signature.indexOf(head) === 0 && verify(null, digest, by.publicKey, made)
}

/** The two numbers, which are nothing but the two halves of 64 bytes. */
const numbersOf = (bytes: Buffer): Buffer | undefined => {
  const made = Buffer.alloc(64)
  let at = 0
  for (const end of [32, 64]) {
    const length = bytes.length >= at + 2 ? Math.ceil(bytes.readUInt16BE(at) / 8) : Number.POSITIVE_INFINITY
    if (length > 32 || bytes.length < at + 2 + length) return undefined
    bytes.copy(made, end - length, at + 2, at + 2 + length)
    at += 2 + length
  }
  return at === bytes.length ? made : undefined
}
