/** The keys kept here. Private parts leave only by `key.export` with `private: true`, which the log notes. */
import type { Entity } from '../../src/identity/entity.ts'
import { fingerprintWords } from '../../src/identity/words.ts'
import { duration } from '../config/value.ts'
import type { House, Operation } from '../house.ts'
import { OperationError } from './error.ts'
import { accountOf } from './who.ts'

/** `ends`: from when on nothing can be signed by the key or sealed for it, epoch ms; null is never. */
type KeyView = { address: string; entity: string; words: string; ends: number | null }

/** @param args `address`: of this account alone */
export const keyShow: Operation<
  { address?: string },
  { agent: string; words: string; net: string; entities: KeyView[] }
> = async (house, { address }) => {
  const { keyring, config } = house
  const entities =
    address === undefined ? [...keyring.entities().values()] : [keyOf(house, await accountOf(house, address))]
  return {
    agent: keyring.agent.id,
    words: fingerprintWords(keyring.agent.id),
    net: config.gateway.net,
    entities: await Promise.all(entities.map(viewOf)),
  }
}

const viewOf = async ({ id, address, key }: Entity): Promise<KeyView> => {
  const { keyEnds } = await import('../expiry.ts')
  const ends = await keyEnds(key, Date.now())
  return { address, entity: id, words: fingerprintWords(id), ends: Number.isFinite(ends) ? ends : null }
}

/**
 * New subkeys, durable before anybody sees them; the card that shows them is made at the next use.
 *
 * @param args `expires`: how long they are valid, as in the configuration file; for ever without it
 */
export const keyRotate: Operation<{ address: string; expires?: string }, KeyView> = async (house, args) => {
  const account = await accountOf(house, args.address)
  const livesMs = args.expires === undefined ? undefined : durationOf(args.expires)
  const { rotateSubkeys } = await import('../../src/identity/subkeys.ts')
  const renewed = await rotateSubkeys(keyOf(house, account), Date.now(), livesMs).catch((error: Error) => {
    throw new OperationError(`The key of ${account.address} was left as it is: ${error.message}.`)
  })
  await house.keyring.add(renewed)
  house.log.info(
    { area: 'key', event: 'rotated', account: account.address },
    'new subkeys sign and decrypt from now on',
  )
  return viewOf(renewed)
}

const durationOf = (text: string): number => {
  const read = duration.safeParse(text)
  if (read.success && read.data > 0) return read.data
  throw new OperationError(`${text} is no time to live: write a number with s, min, h or d, for example "400 d".`)
}

const keyOf = ({ keyring, home }: House, { address, entityId }: { address: string; entityId: string }): Entity => {
  const entity = keyring.entity(entityId)
  if (entity) return entity
  throw new Error(`The key of ${address} is missing from ${home}/key. Restore it from a backup.`)
}

/** @returns the OpenPGP key in ASCII armor; a private one is under no passphrase */
export const keyExport: Operation<
  { address: string; private: boolean },
  { address: string; entity: string; isPrivate: boolean; armored: string }
> = async (house, args) => {
  const { exportEntity, publicArmor } = await import('../../src/identity/entity.ts')
  const account = await accountOf(house, args.address)
  const entity = keyOf(house, account)
  if (args.private)
    house.log.warn({ area: 'key', event: 'exported', account: account.address }, 'a private key was exported')
  return {
    address: account.address,
    entity: entity.id,
    isPrivate: args.private,
    armored: args.private ? exportEntity(entity) : publicArmor(entity),
  }
}
