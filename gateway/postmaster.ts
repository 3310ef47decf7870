/** Mail for postmaster@ is always taken (RFC 5321 §4.5.1): where nobody has that address, it is for the owner. */
import { domainOf, localOf } from '../src/address.ts'
import { ownerOf, type State } from '../src/state.ts'
import type { Submission } from './smtp/submission.ts'

/** Whose the address is: the owner's for postmaster@ that is nobody's own, else as it stands. */
export const withOwner = (state: State, address: string): string => {
  const isVacant =
    localOf(address) === 'postmaster' && state.domains.has(domainOf(address)) && !state.addresses.has(address)
  return isVacant ? (ownerOf(state)?.address ?? address) : address
}

/** One that is also named by its own address gets it once, by that. */
export const recipientsWithOwner = (state: State, recipients: Submission['recipients']): Submission['recipients'] => {
  const found = new Map<string, Submission['recipients'][number]>()
  for (const one of recipients) {
    const address = withOwner(state, one.address)
    if (address === one.address || !found.has(address)) found.set(address, { ...one, address })
  }
  return [...found.values()]
}
