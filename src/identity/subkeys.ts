/**
 * The subkeys of an entity: one signs, one decrypts. Both are replaced from time to time. The older
 * ones are retired, that is, nobody signs with them or seals for them any more; what was sealed for
 * them before opens as ever, here as in GnuPG and Sequoia (RFC 4880 §5.2.3.23, reason 3).
 *
 *   in the keyring   primary, and all subkeys there ever were
 *   on a card        primary, and the two in use: cards ride along in letters, and must not grow
 *
 * Times are epoch ms.
 */
import type { Entity } from './entity.ts'
import * as openpgp from './library.ts'
import { profile } from './openpgp.ts'

/** A life is written as seconds in four octets (RFC 4880 §5.2.3.6), and none of them is for ever. */
const canLive = (livesMs: number): boolean => Math.round(livesMs / 1000) >= 1 && Math.round(livesMs / 1000) < 2 ** 32

/**
 * @param livesMs how long the new subkeys are valid; without it for ever
 * @returns the same entity: its primary key, and so its id and its fingerprint words, are as before
 * @throws Error in words for the administrator
 */
export const rotateSubkeys = async (entity: Entity, now: number, livesMs?: number): Promise<Entity> => {
  const { keyPacket, subkeys } = entity.key
  if (keyPacket instanceof openpgp.SecretKeyPacket && keyPacket.isDummy())
    throw new Error('its primary key is not here: make the new subkeys where it is kept')
  if (livesMs !== undefined && !canLive(livesMs))
    throw new Error('OpenPGP knows no life shorter than a second or longer than 49710 days; without one they never end')
  // OpenPGP counts in seconds, and of two made in the same one nobody could tell the newer.
  const second = Math.floor(now / 1000) * 1000
  if (subkeys.some((one) => one.keyPacket.created.getTime() >= second))
    throw new Error('its subkeys were made just now; there is nothing to renew')
  const date = new Date(second)
  const options = {
    type: 'ecc' as const,
    curve: 'ed25519Legacy' as const,
    date,
    ...(livesMs !== undefined && { keyExpirationTime: Math.round(livesMs / 1000) }),
    config: profile,
  }
  const signing = await entity.key.addSubkey({ ...options, sign: true })
  const key = await signing.addSubkey({ ...options, curve: 'curve25519Legacy' })
  key.subkeys = [...(await retired(key, key.subkeys.slice(0, -2), date)), ...key.subkeys.slice(-2)]
  return { ...entity, key }
}

const retired = ({ keyPacket }: openpgp.PrivateKey, subkeys: openpgp.Subkey[], date: Date): Promise<openpgp.Subkey[]> =>
  Promise.all(
    subkeys.map(async (subkey) => {
      if (subkey.revocationSignatures.length > 0 || !(keyPacket instanceof openpgp.SecretKeyPacket)) return subkey
      return subkey.revoke(keyPacket, { flag: openpgp.enums.reasonForRevocation.keyRetired }, date, profile)
    }),
  )

/** The key with nothing but the two subkeys in use at a time. @throws Error if one of them has ended */
export const withCurrentSubkeys = async (key: openpgp.PublicKey, now: number): Promise<openpgp.PublicKey> => {
  const used = await inUse(key, now)
  key.subkeys = key.subkeys.filter((subkey) => used.some((one) => one.getKeyID().equals(subkey.getKeyID())))
  return key
}

/** Until when letters can be signed by the key and sealed for it; in the past, if it is so already. */
export const usableUntil = async (key: openpgp.Key, now: number): Promise<number> => {
  const primary = await key.getExpirationTime(undefined, profile)
  const subkeys = await inUse(key, now).then(
    (used) => Promise.all(used.map((one) => endOf(one, now))).then((ends) => Math.min(...ends)),
    () => lastEnd(key, now),
  )
  return Math.min(primary === null ? 0 : Number(primary), subkeys)
}

type Used = openpgp.Key | openpgp.Subkey

const inUse = async (key: openpgp.Key, now: number): Promise<Used[]> => {
  const at = new Date(now)
  return [
    await key.getSigningKey(undefined, at, undefined, profile),
    await key.getEncryptionKey(undefined, at, undefined, profile),
  ]
}

const endOf = async (key: Used, now: number): Promise<number> => {
  if (!(key instanceof openpgp.Subkey)) return Number.POSITIVE_INFINITY // the primary's end counts anyhow
  const end = await key.getExpirationTime(new Date(now), profile)
  return end === null ? 0 : Number(end)
}

/** Of a key that can't be used any more: when the last of its subkeys ended. */
const lastEnd = async ({ subkeys }: openpgp.Key, now: number): Promise<number> => {
  const ends = await Promise.all(subkeys.map((one) => endOf(one, now)))
  return Math.max(0, ...ends.filter((end) => end <= now))
}
