import { domainToASCII } from 'node:url'
import { domainOf, localOf } from '../../src/address.ts'

/**
 * Whether From or Sender names an address of a domain in either form (RFC 5890 §2.3.2.1): mail programs write it in
 * ASCII, however it was typed.
 *
 * @param authors as written @param address canonical
 */
export const isNamed = (authors: readonly string[], address: string): boolean =>
  authors.some((author) => inAscii(author.toLowerCase()) === inAscii(address))

/** A domain in the form it is kept in, and in ASCII. */
export const formsOf = (domain: string): string[] => [domain, domainToASCII(domain)]

const inAscii = (address: string): string => {
  const domain = domainOf(address)
  return `${localOf(address)}@${domainToASCII(domain) || domain}`
}
