/**
 * Keys of the kind nearly every entity has, as node:crypto takes them: Ed25519 that signs, X25519 that decrypts, both in
 * the encoding GnuPG 2.2 reads. The library takes each apart and into a thread of its own for each single use.
 *
 *   version 4 | created 4 | algorithm, curve, length of the point, 40 | point 32 | encrypting: KDF
 *   and of a secret key: 00 (under no passphrase) | MPI of the secret | checksum 2
 *
 * RFC 4880 §5.5, RFC 6637 §9. Whether a key may be used, and at that time, is for the library to say.
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes } from 'node:crypto'
import type * as openpgp from 'openpgp'

export type UsualKey = {
  /** Its last 8 bytes are the key's id. */
  fingerprint: Buffer
  publicKey: KeyObject
  privateKey?: KeyObject
}

type Packet = openpgp.Key['keyPacket'] | openpgp.Subkey['keyPacket']
type Form = { head: Buffer; tail: Buffer; crv: string; isReversed: boolean }

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** OID 1.3.6.1.4.1.3029.1.5.1, with its length. */
export const X25519_OID = hex('0a 2b060104019755010501')
/** SHA-256 and AES-128: what this kind of key is made with everywhere. RFC 6637 §12. */
export const USUAL_KDF = hex('03 01 08 07')

const forms = {
  sign: {
    head: hex('16 09 2b06010401da470f01 0107 40'),
    tail: Buffer.alloc(0),
    crv: 'Ed25519',
    isReversed: false,
  },
  decrypt: {
    head: Buffer.concat([hex('12'), X25519_OID, hex('0107 40')]),
    tail: USUAL_KDF,
    crv: 'X25519',
    isReversed: true, // the secret is written as a number, which X25519 reads from its other end
  },
} satisfies Record<string, Form>

const known = { sign: new WeakMap<Packet, UsualKey | 'other'>(), decrypt: new WeakMap<Packet, UsualKey | 'other'>() }

/** @returns undefined for any other kind of key */
export const usualKey = (packet: Packet, use: keyof typeof forms): UsualKey | undefined => {
  const kept = known[use].get(packet) ?? read(packet, forms[use]) ?? 'other'
  known[use].set(packet, kept)
  return kept === 'other' ? undefined : kept
}

const KEY_BYTES = 32
const HEAD_AT = 5
/** It is computed from the secret, whatever is given. */
const NO_POINT = Buffer.alloc(KEY_BYTES)

const read = (packet: Packet, { head, tail, crv, isReversed }: Form): UsualKey | undefined => {
  const body = Buffer.from(packet.write())
  const fingerprint = packet.getFingerprintBytes()
  const pointAt = HEAD_AT + head.length
  const tailAt = pointAt + KEY_BYTES
  const isUsual =
    body[0] === 4 && body.subarray(HEAD_AT, pointAt).equals(head) && body.subarray(tailAt).indexOf(tail) === 0
  if (!isUsual || fingerprint === null) return undefined
  const point = body.subarray(pointAt, tailAt)
  const usual = { fingerprint: Buffer.from(fingerprint), publicKey: publicOf(crv, point) }
  const secret = body.subarray(tailAt + tail.length)
  if (secret.length === 0) return usual
  const bytes = secretOf(secret)
  if (bytes === undefined) return undefined
  const d = (isReversed ? bytes.reverse() : bytes).toString('base64url')
  return { ...usual, privateKey: createPrivateKey({ key: { ...jwkOf(crv, point), d }, format: 'jwk' }) }
}

/** As JWK: of DER, OpenSSL tries every decoder it has, which takes longer than what is done with the key. */
const jwkOf = (crv: string, point: Buffer) => ({ kty: 'OKP', crv, x: point.toString('base64url') })

const publicOf = (crv: string, point: Buffer): KeyObject => createPublicKey({ key: jwkOf(crv, point), format: 'jwk' })

/** @param point the 32 bytes of a public key */
export const x25519Of = (point: Buffer): KeyObject => publicOf(forms.decrypt.crv, point)

/**
 * A key for one letter, and its point. Not by `generateKeyPairSync`: in Node 20 the collector frees that job, and waits for the
 * key's lock to do so, for ever if it was called in the midst of an export, which holds the lock.
 */
export const drawX25519 = (): { privateKey: KeyObject; point: Buffer } => {
  const d = randomBytes(KEY_BYTES).toString('base64url')
  const privateKey = createPrivateKey({ key: { ...jwkOf(forms.decrypt.crv, NO_POINT), d }, format: 'jwk' })
  return { privateKey, point: Buffer.from(privateKey.export({ format: 'jwk' }).x ?? '', 'base64url') }
}

/** The secret, as long as the key: an MPI has lost the zeros before it. */
const secretOf = (part: Buffer): Buffer | undefined => {
  const length = Math.ceil(part.readUInt16BE(1) / 8)
  if (part[0] !== 0 || length > KEY_BYTES || part.length !== 3 + length + 2) return undefined
  const secret = Buffer.alloc(KEY_BYTES)
  part.copy(secret, KEY_BYTES - length, 3, 3 + length)
  return secret
}
