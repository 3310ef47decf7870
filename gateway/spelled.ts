/**
 * A domain has two spellings, `münchen.test` and `xn--mnchen-3ya.test` (RFC 5890 §2.3.2.5), and addresses here are kept in
 * that of the configuration. Mail programs and browsers write the second, however it was typed.
 */
import { canonical, domainOf, localOf } from '../src/address.ts'
import { inAscii } from './config/value.ts'

/** A domain in the form it is kept in, and in ASCII. */
export const formsOf = (domain: string): string[] => [domain, inAscii(domain)]

/** Canonical, as it is kept if it is of one of these domains. @throws Refusal `address-malformed` */
export const spelledHere = (domains: ReadonlySet<string>, text: string): string => {
  const address = canonical(text)
  const domain = domainOf(address)
  if (domains.has(domain)) return address
  const kept = [...domains].find((one) => inAscii(one) === inAscii(domain))
  return kept === undefined ? address : `${localOf(address)}@${kept}`
}

/**
 * Whether From or Sender names an address, its domain in either form.
 *
 * @param authors as written @param address canonical
 */
export const isNamed = (authors: readonly string[], address: string): boolean =>
  authors.some((author) => {
    const lower = author.toLowerCase()
    return lower === address || (author.length <= AUTHOR_MAX && withAscii(lower) === withAscii(address))
  })

/** No address is longer, and the time that ASCII takes grows with the square of a label. */
const AUTHOR_MAX = 1000

const withAscii = (address: string): string => `${localOf(address)}@${inAscii(domainOf(address))}`
