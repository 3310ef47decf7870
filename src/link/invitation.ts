/**
 * An invitation as a short code that may travel by mail, paper or telephone.
 *
 *   vs1-<base32 of: agent key hash 32 | token 16 | expires 4 (s) | addresses | checksum 4>
 *   addresses: count 1, then each: kind 1 | 4 bytes (kind 4), 16 bytes (kind 6) or length 1 + name (kind 1) | port 2
 *
 * Integers are big-endian. Case, spaces, line breaks and dashes mean nothing to the reader, so a
 * code wrapped or quoted by a mail client still works. The checksum tells a typo from an
 * invitation that nobody knows. Whoever holds the code may use it once; the inviter keeps
 * `tokenHash` only. As a link, for a tap or a QR picture, the code stands after `vouchsafe:`.
 */
import { createHash } from 'node:crypto'
import { isIPv4, isIPv6 } from 'node:net'
import { type AgentId, base32, isId } from '../address.ts'
import { ipv6Bytes, ipv6Text } from '../ip.ts'
import { Refusal } from '../refusal.ts'

export type Invitation = {
  agentId: AgentId
  /** `host:port` or `[IPv6]:port`, in the order to try; none if only the other side can be dialled. */
  addresses: string[]
  /** One-time: TOKEN_BYTES drawn at random. */
  token: Buffer
  /** Epoch ms; the code keeps whole seconds, rounded down. */
  expires: number
}

export const TOKEN_BYTES = 16
/** More would not fit a line of paper, and nobody listens at nine places. */
const MAX_ADDRESSES = 8
const MAX_NAME = 253 // RFC 1035 §2.3.4, less the root's dot
/** What 8 longest addresses make, in characters; longer input isn't even decoded. */
const MAX_CODE = 8192
const PREFIX = 'vs1-'
const CHECKSUM_BYTES = 4

/** What the inviter stores. The token has 128 random bits, so a plain hash can't be searched. */
export const tokenHash = (token: Buffer): string => createHash('sha256').update('vs1').update(token).digest('hex')

/** What begins an invitation that is written as a link (RFC 3986 §3.1: in any case of letters). */
const SCHEME = 'vouchsafe:'

export const linkOfInvitation = (code: string): string => SCHEME + code

/** @throws Error on what no invitation can hold: that is a bug of the caller's, who checked the configuration */
export const encodeInvitation = ({ agentId, addresses, token, expires }: Invitation): string => {
  if (!isId(agentId) || token.length !== TOKEN_BYTES || addresses.length > MAX_ADDRESSES)
    throw new Error('an invitation needs an agentId, 16 bytes of token and at most 8 addresses')
  const seconds = Buffer.alloc(4)
  seconds.writeUInt32BE(Math.floor(expires / 1000))
  const body = Buffer.concat([
    unbase32(agentId) ?? Buffer.alloc(0),
    token,
    seconds,
    Buffer.of(addresses.length),
    ...addresses.map(encodeAddress),
  ])
  return PREFIX + base32(Buffer.concat([body, checksum(body)]))
}

/**
 * @param code as pasted, with or without `vouchsafe:`
 * @throws Refusal `record-malformed`: no code, or one with a typo; `record-version`: made by a later version.
 *   Whether it is known, used or expired, only the inviter can say.
 */
export const decodeInvitation = (code: string): Invitation => {
  if (code.length > MAX_CODE) throw typo('it is far too long for an invitation code')
  const bare = code
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .replace(/^vouchsafe(?=vs)/, '')
  const version = /^vs(\d)/.exec(bare)?.[1]
  if (version === undefined) throw typo(`an invitation code begins with ${PREFIX}`)
  if (version !== '1')
    throw new Refusal('record-version', 'this invitation was made by a later version: update Vouchsafe')

  const bytes = unbase32(bare.slice(3))
  if (bytes === undefined || bytes.length <= CHECKSUM_BYTES) throw mistyped()
  const body = bytes.subarray(0, -CHECKSUM_BYTES)
  if (!checksum(body).equals(bytes.subarray(-CHECKSUM_BYTES))) throw mistyped()
  return decodeBody(body)
}

/** Past the checksum: what is wrong from here on was made wrong. */
const decodeBody = (body: Buffer): Invitation => {
  const head = 32 + TOKEN_BYTES + 4
  if (body.length <= head) throw mistyped()
  const reader = { at: head + 1, body }
  const count = body.readUInt8(head)
  if (count > MAX_ADDRESSES) throw mistyped()
  const addresses = Array.from({ length: count }, () => decodeAddress(reader))
  if (reader.at !== body.length) throw mistyped()
  return {
    agentId: base32(body.subarray(0, 32)),
    token: Buffer.from(body.subarray(32, 32 + TOKEN_BYTES)),
    expires: body.readUInt32BE(32 + TOKEN_BYTES) * 1000,
    addresses,
  }
}

const encodeAddress = (address: string): Buffer => {
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address) ?? []
  const host = bracketed ?? plain ?? ''
  const port = Buffer.alloc(2)
  port.writeUInt16BE(Number(digits)) // throws above 65535
  if (isIPv4(host)) return Buffer.concat([Buffer.of(4, ...host.split('.').map(Number)), port])
  if (isIPv6(host)) return Buffer.concat([Buffer.of(6), ipv6Bytes(host), port])
  const name = Buffer.from(host)
  if (name.length === 0 || name.length > MAX_NAME) throw new Error(`${address} is no host:port`)
  return Buffer.concat([Buffer.of(1, name.length), name, port])
}

const decodeAddress = (reader: { at: number; body: Buffer }): string => {
  const take = (length: number): Buffer => {
    const part = reader.body.subarray(reader.at, reader.at + length)
    if (part.length < length) throw mistyped()
    reader.at += length
    return part
  }
  const host = decodeHost(take)
  return `${host}:${take(2).readUInt16BE()}`
}

const decodeHost = (take: (length: number) => Buffer): string => {
  const kind = take(1).readUInt8()
  if (kind === 4) return [...take(4)].join('.')
  if (kind === 6) return `[${ipv6Text(take(16))}]`
  const name = kind === 1 ? take(take(1).readUInt8()).toString() : ''
  // Whoever made the code chose the name; it ends up on a terminal and in a dial.
  if (!/^[\p{L}\p{N}._-]+$/u.test(name)) throw mistyped()
  return name
}

const checksum = (body: Buffer): Buffer =>
  createHash('sha256').update('vs1-checksum').update(body).digest().subarray(0, CHECKSUM_BYTES)

/** @returns undefined for a character outside the alphabet or a length no encoder makes */
const unbase32 = (text: string): Buffer | undefined => {
  const bytes: number[] = []
  let bits = 0
  let value = 0
  for (const char of text) {
    const digit = 'abcdefghijklmnopqrstuvwxyz234567'.indexOf(char)
    if (digit < 0) return undefined
    value = ((value << 5) | digit) & 0xfff // at most 7 bits wait from before
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((value >> bits) & 0xff)
  }
  const isWhole = bits < 5 && (value & ((1 << bits) - 1)) === 0
  return isWhole ? Buffer.from(bytes) : undefined
}

const typo = (why: string): Refusal => new Refusal('record-malformed', `this is no invitation code: ${why}`)
const mistyped = (): Refusal => typo('a character is wrong or missing. Copy it again, from vs1- to its last letter')
