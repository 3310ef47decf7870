/** Which account somebody means who types an address, a name alone, or nothing. */
import { canonical, domainOf, type EntityId } from '../../src/address.ts'
import { Refusal } from '../../src/refusal.ts'
import { type Account, byAddress, list } from '../../store/account.ts'
import type { House } from '../house.ts'

/** `ann` is ann at our domain. @throws Refusal `address-malformed` */
export const addressHere = (house: House, text: string): string => {
  const address = addressIn(house, text)
  if (domainOf(address) === house.domain) return address
  throw new Refusal('address-malformed', `Addresses of this gateway end in @${house.domain}; ${address} does not.`)
}

const addressIn = ({ domain }: House, text: string): string =>
  canonical(text.includes('@') ? text : `${text}@${domain}`)

/** Also of an account from before the gateway had its domain, or had another. */
export const accountOf = async (house: House, text: string): Promise<Account> => {
  const account = await byAddress(house.store.db, addressIn(house, text))
  if (account) return account
  const address = addressHere(house, text)
  throw new Refusal('mailbox-missing', `There is no account ${address}. \`vouchsafe user list\` shows all.`)
}

/** The entity of the account that is named, or of the only one there is. */
export const soleEntity = async (house: House, as: string | undefined): Promise<EntityId> => {
  if (as !== undefined) return (await accountOf(house, as)).entityId
  const accounts = await list(house.store.db)
  const [only] = accounts
  if (only && accounts.length === 1) return only.entityId
  throw new Refusal(
    'mailbox-missing',
    only
      ? 'There are several accounts: say whose contact it is, with --as ADDRESS.'
      : 'There is no account yet: `vouchsafe user add` makes one.',
  )
}
