/**
 * An entity's long-term OpenPGP key: whoever has an address, a person or a list.
 *
 * The primary key (Ed25519) only certifies and may be kept offline; one subkey signs, one
 * (X25519) decrypts. No key made here expires by itself, unless its owner wants new subkeys to
 * (subkeys.ts): what expires is the delegation to an agent.
 *
 *   entityId = base32(SHA-256(0x99 ‖ two octets of length ‖ body of the primary public key packet))
 *
 * that is the frame of the v4 fingerprint (RFC 4880 §12.2), without its SHA-1.
 */
import { createHash } from 'node:crypto'
import { base32, canonical, type EntityId } from '../address.ts'
import * as openpgp from './library.ts'
import { profile } from './openpgp.ts'

export type Entity = {
  id: EntityId
  /** Canonical. */
  address: string
  /** As people read it; may be empty. */
  name: string
  /** Usable: its secret parts are not under a passphrase. */
  key: openpgp.PrivateKey
}

/** @param now epoch ms, the key's time of creation */
export const generateEntity = async (who: { name: string; address: string; now: number }): Promise<Entity> => {
  const address = canonical(who.address)
  const name = plainName(who.name)
  const date = new Date(who.now)
  const { privateKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: [{ name: name ? `${name} <${address}>` : address }],
    subkeys: [{ sign: true }, {}],
    date,
    format: 'object',
    config: profile,
  })
  return { id: entityIdOf(privateKey), address, name, key: await certifyOnly(privateKey, date) }
}

/** @returns the armored private key, as `gpg --import` takes it; not under a passphrase */
export const exportEntity = (entity: Entity): string => entity.key.armor(profile)

/** @returns the armored public key, for everybody */
export const publicArmor = (entity: Entity): string => entity.key.toPublic().armor(profile)

/**
 * Reads a private key, made here or by another program. It may have ended: what it opened, it opens still.
 *
 * @param address if the key's user ID does not say it, or is to be represented under another
 * @throws Error in words for whoever imports
 */
export const importEntity = async (armored: string, address?: string): Promise<Entity> => {
  const key = await openpgp.readPrivateKey({ armoredKey: armored, config: profile })
  if (!isUnlocked(key)) throw new Error('the key is under a passphrase: export it without one')
  if (key.keyPacket.version !== 4) throw new Error('only OpenPGP keys of version 4 can be read by everybody')
  const { user } = await key.getPrimaryUser(judgedAt(key), undefined, profile)
  const [, name = '', email = ''] = userIdForm.exec(user.userID?.userID ?? '') ?? []
  return { id: entityIdOf(key), address: canonical(address ?? email), name: plainName(name), key }
}

/** Now; of a key that was made where the clock is ahead, or before ours was set back: the time of its making. */
const judgedAt = (key: openpgp.Key): Date => new Date(Math.max(Date.now(), key.getCreationTime().getTime()))

/** The public key with nothing but what the entity itself certified: no pictures, no words of others. */
export const barePublicKey = (entity: Entity): openpgp.PublicKey => {
  const bare = entity.key.toPublic()
  bare.users = bare.users.filter((user) => user.userID)
  for (const user of bare.users) user.otherCertifications = []
  return bare
}

export const entityIdOf = (key: openpgp.Key): EntityId => {
  const body = key.toPublic().keyPacket.write()
  const frame = Buffer.from([0x99, body.length >> 8, body.length & 0xff])
  return base32(createHash('sha256').update(frame).update(body).digest())
}

/** A name in one line, without what would break the user ID apart. */
const plainName = (name: string): string => name.replace(/[\p{C}\s<>]+/gu, ' ').trim()

/** `Name <address>` or a bare address. */
const userIdForm = /^(?:(.*?)\s*<)?([^<>]+@[^<>]+?)>?$/su

/**
 * Takes the right to sign from the primary key, which the library always gives: its
 * self-certification is made again with the flag for certifying alone.
 */
const certifyOnly = async (key: openpgp.PrivateKey, date: Date): Promise<openpgp.PrivateKey> => {
  const [user] = key.users
  const [certification] = user?.selfCertifications ?? []
  if (!user?.userID || !certification) throw new Error('a generated key certifies its user ID')
  certification.keyFlags = new Uint8Array([openpgp.enums.keyFlags.certifyKeys])
  const sign = certification.sign.bind(certification) as Sign
  await sign(key.keyPacket, { userID: user.userID, key: key.keyPacket }, date, false, profile)
  return key
}

/** What the library's `sign` takes; its own type knows neither the packets a certification covers nor the profile. */
type Sign = (
  by: openpgp.Key['keyPacket'],
  covered: object,
  date: Date,
  detached: boolean,
  config: object,
) => Promise<void>

/** An offline primary key is no lock: only what signs and decrypts has to be at hand. */
const isUnlocked = (key: openpgp.PrivateKey): boolean =>
  [key, ...key.subkeys].every(({ keyPacket }) => keyPacket.isDecrypted() || isDummy(keyPacket))

const isDummy = (packet: object): boolean => packet instanceof openpgp.SecretKeyPacket && packet.isDummy()
