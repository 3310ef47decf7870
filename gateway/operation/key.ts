/** The keys kept here. Private parts leave only by `key.export` with `private: true`, which the log notes. */

import { fingerprintWords } from '../../src/identity/words.ts'
import type { Operation } from '../house.ts'
import { accountOf } from './who.ts'

export const keyShow: Operation<
  object,
  { agent: string; words: string; net: string; entities: { address: string; entity: string; words: string }[] }
> = async ({ keyring, config }) => ({
  agent: keyring.agent.id,
  words: fingerprintWords(keyring.agent.id),
  net: config.gateway.net,
  entities: [...keyring.entities().values()].map(({ id, address }) => ({
    address,
    entity: id,
    words: fingerprintWords(id),
  })),
})

/** @returns the OpenPGP key in ASCII armor; a private one is under no passphrase */
export const keyExport: Operation<
  { address: string; private: boolean },
  { address: string; entity: string; isPrivate: boolean; armored: string }
> = async (house, args) => {
  const { exportEntity, publicArmor } = await import('../../src/identity/entity.ts')
  const account = await accountOf(house, args.address)
  const entity = house.keyring.entities().get(account.entityId)
  if (!entity)
    throw new Error(`The key of ${account.address} is missing from ${house.home}/key. Restore it from a backup.`)
  if (args.private)
    house.log.warn({ area: 'key', event: 'exported', account: account.address }, 'a private key was exported')
  return {
    address: account.address,
    entity: entity.id,
    isPrivate: args.private,
    armored: args.private ? exportEntity(entity) : publicArmor(entity),
  }
}
