/**
 * A domain has two spellings, `münchen.test` and `xn--mnchen-3ya.test` (RFC 5890 §2.3.2.5), and addresses here are kept in
 * that of the configuration. Browsers, and programs that know no other letters, write the second.
 */
import { canonical, domainOf, localOf } from '../src/address.ts'
import { inAscii } from './config/value.ts'

/** Canonical, as it is kept if it is of one of these domains. @throws Refusal `address-malformed` */
export const spelledHere = (domains: ReadonlySet<string>, text: string): string => {
  const address = canonical(text)
  const domain = domainOf(address)
  if (domains.has(domain)) return address
  const kept = [...domains].find((one) => inAscii(one) === inAscii(domain))
  return kept === undefined ? address : `${localOf(address)}@${kept}`
}
