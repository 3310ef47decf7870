/**
 * As much of OpenPGP as tells who certified whom: packets (RFC 9580 §4.2), version 4 keys' ids
 * (§5.5.4.2), and of signatures the type and the issuer (§5.2). Nothing is verified: whoever packs
 * the keyring has done so, and `gpg --list-sigs` reads it the same way.
 */
import { createHash } from 'node:crypto'

type Packet = { tag: number; body: Buffer }
export const PRIMARY_KEY = 6
export const SIGNATURE = 2

/** @throws Error on what is no sequence of whole packets */
export function* packets(bytes: Buffer): Generator<Packet> {
  let at = 0
  while (at < bytes.length) {
    const head = bytes.readUInt8(at)
    if ((head & 0x80) === 0) throw new Error(`no OpenPGP packet begins at byte ${at}`)
    const isNew = (head & 0x40) !== 0
    const [size, length] = isNew ? newLength(bytes, at + 1) : oldLength(bytes, at + 1, head & 3)
    const start = at + 1 + size
    at = start + length
    yield { tag: isNew ? head & 0x3f : (head >> 2) & 0x0f, body: bytes.subarray(start, at) }
  }
}

/** @returns how many bytes the length takes, and the length */
const newLength = (bytes: Buffer, at: number): [size: number, length: number] => {
  const head = bytes.readUInt8(at)
  if (head < 192) return [1, head]
  if (head < 224) return [2, ((head - 192) << 8) + bytes.readUInt8(at + 1) + 192]
  if (head === 255) return [5, bytes.readUInt32BE(at + 1)]
  throw new Error('a keyring holds no partial packets')
}

const oldLength = (bytes: Buffer, at: number, kind: number): [size: number, length: number] => {
  if (kind === 0) return [1, bytes.readUInt8(at)]
  if (kind === 1) return [2, bytes.readUInt16BE(at)]
  if (kind === 2) return [4, bytes.readUInt32BE(at)]
  throw new Error('a keyring holds no packets of unknown length')
}

/** The key id of a version 4 primary key: 16 hex digits; undefined for other versions. */
export const keyId = (body: Buffer): string | undefined => {
  if (body[0] !== 4) return undefined
  const head = Buffer.from([0x99, body.length >> 8, body.length & 0xff])
  return createHash('sha1').update(head).update(body).digest('hex').slice(-16)
}

/** Certifications of a user id, from "generic" to "positive": RFC 9580 §5.2.1.4 to §5.2.1.7. */
export const isCertification = (type: number): boolean => type >= 0x10 && type <= 0x13

export const signatureOf = (body: Buffer): { type: number; issuer: string | undefined } => {
  if (body[0] === 3) return { type: body.readUInt8(2), issuer: body.toString('hex', 7, 15) }
  if (body[0] !== 4) return { type: -1, issuer: undefined }
  const hashed = body.readUInt16BE(4)
  const unhashed = body.readUInt16BE(6 + hashed)
  const all = [
    ...subpackets(body.subarray(6, 6 + hashed)),
    ...subpackets(body.subarray(8 + hashed, 8 + hashed + unhashed)),
  ]
  const issuer = all.find(({ type }) => type === 16)?.body ?? all.find(({ type }) => type === 33)?.body.subarray(-8)
  return { type: body.readUInt8(1), issuer: issuer?.toString('hex') }
}

function* subpackets(area: Buffer): Generator<{ type: number; body: Buffer }> {
  let at = 0
  while (at < area.length) {
    // §5.2.3.7: as packets' new lengths, but two-byte ones run up to 254.
    const head = area.readUInt8(at)
    const [size, length] =
      head < 192 || head === 255
        ? newLength(area, at)
        : ([2, ((head - 192) << 8) + area.readUInt8(at + 1) + 192] as const)
    const start = at + size
    at = start + length
    yield { type: area.readUInt8(start) & 0x7f, body: area.subarray(start + 1, at) } // bit 7: critical
  }
}
