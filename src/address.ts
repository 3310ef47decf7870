/**
 * What people type ↔ whom the web means.
 *
 * An address is `local@domain` (RFC 5321 §4.1.2, RFC 6531 §3.3), compared without
 * regard to case; plus-tags are part of the name. An agent without a domain of its
 * own lends `<agentId>.vouchsafe.alt` (RFC 9476 keeps `.alt` out of the DNS).
 * Ids are SHA-256 in base32: 52 characters, lower case, one DNS label.
 */
import { createHash } from 'node:crypto'
import { Refusal } from './refusal.ts'

/** H(SubjectPublicKeyInfo of the agent's Ed25519 key), base32. */
export type AgentId = string
/** H(primary public key packet of the entity's OpenPGP key), base32. */
export type EntityId = string
/** 128 random bits, 32 hex characters. */
export type EnvelopeId = string

const LOCAL_OCTETS = 64 // RFC 5321 §4.5.3.1.1
/** A path holds 256, two of them are the angle brackets, §4.5.3.1.3: the 255 that a domain may have never fit. */
const ADDRESS_OCTETS = 254
const LABEL_OCTETS = 63 // RFC 1035 §2.3.4; holds for the ASCII form, which alone goes into the DNS

/**
 * The one spelling of an address under which it is kept and compared.
 *
 * Lower-cases both halves, normalises to NFC (RFC 6532 §3.1), takes needless quotes off the
 * local part. A domain stays in the form it was typed in, U-label or A-label. Address
 * literals (`[192.0.2.1]`) name a machine, not anybody in the web: refused.
 */
export const canonical = (text: string): string => {
  const at = text.lastIndexOf('@')
  if (at < 1) throw malformed('an address looks like name@domain')
  if (octets(text) > 4 * ADDRESS_OCTETS) throw malformed('it is too long') // before any work is spent on it
  const local = canonicalLocal(text.slice(0, at))
  const domain = canonicalDomain(text.slice(at + 1))
  if (octets(local) + 1 + octets(domain) > ADDRESS_OCTETS) throw malformed(`it is longer than ${ADDRESS_OCTETS} octets`)
  return `${local}@${domain}`
}

/** The part after the last `@` of a canonical address. */
export const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1)

/** The part before the last `@` of a canonical address. */
export const localOf = (address: string): string => address.slice(0, address.lastIndexOf('@'))

/** The domain an agent lends to entities that have none. */
export const altDomain = (agentId: AgentId): string => `${agentId}.vouchsafe.alt`

/** What a search for an address asks for: H("addr" ‖ canonical address). */
export const targetOfAddress = (address: string): string => hashed('addr', canonical(address))

/** What a search for an entity asks for: H("id" ‖ entityId). */
export const targetOfEntity = (entityId: EntityId): string => hashed('id', entityId)

/** Whether a text has the form of an AgentId, an EntityId or a target. */
export const isId = (value: unknown): value is string => typeof value === 'string' && /^[a-z2-7]{51}[aq]$/.test(value)

/** Whether a text has the form of an EnvelopeId. */
export const isEnvelopeId = (value: unknown): value is EnvelopeId =>
  typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)

/** RFC 4648 §6, lower case, without padding. */
export const base32 = (bytes: Uint8Array): string => {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff // at most 4 bits wait from before
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(value >> (bits - 5)) & 31]
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

const hashed = (what: string, text: string): string => base32(createHash('sha256').update(what).update(text).digest())

// atext and dot-atom of RFC 5321 §4.1.2, with the UTF8-non-ascii of RFC 6531 §3.3, less what can't
// be seen (controls, format characters, unassigned and private code points, separators).
const atext = "[a-z0-9!#$%&'*+/=?^_`{|}~-]|[^\\p{ASCII}\\p{C}\\p{Z}]"
const dotAtom = new RegExp(`^(?:${atext})+(?:\\.(?:${atext})+)*$`, 'u')
const quoted = /^"(?:[^"\\]|\\.)*"$/su
const quotable = /^(?: |[^\p{C}\p{Z}])+$/u

const canonicalLocal = (typed: string): string => {
  const bare = quoted.test(typed) ? typed.slice(1, -1).replace(/\\(.)/gsu, '$1') : undefined
  const local = lower(bare ?? typed)
  if (octets(local) > LOCAL_OCTETS) throw malformed(`the part before the @ is longer than ${LOCAL_OCTETS} octets`)
  if (dotAtom.test(local)) return local
  if (bare === undefined || !quotable.test(local)) throw malformed('the part before the @ holds what it may not hold')
  const spelled = `"${local.replace(/["\\]/g, '\\$&')}"`
  if (octets(spelled) > LOCAL_OCTETS) throw malformed(`the part before the @ is longer than ${LOCAL_OCTETS} octets`)
  return spelled
}

const label = /^[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?$/u

const canonicalDomain = (typed: string): string => {
  const domain = lower(typed)
  for (const part of domain.split('.'))
    if (!label.test(part) || part.length > LABEL_OCTETS) throw malformed('the domain is not one')
  return domain
}

/** Lower case in NFC, and stable: lowering the result again changes nothing. */
const lower = (text: string): string => text.normalize('NFC').toLowerCase().normalize('NFC')
const octets = (text: string): number => Buffer.byteLength(text)
const malformed = (why: string): Refusal => new Refusal('address-malformed', `not a usable mail address: ${why}`)
