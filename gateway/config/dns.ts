/** `[dns]`: our own name, kept current at a name server or a provider. */
import { isIP } from 'node:net'
import { z } from 'zod'
import { ipCanonical } from '../../src/ip.ts'
import { duration, hostPort, isSafeUrl, isWithoutLogin, text } from './value.ts'

const name = (example: string) => {
  const error = `not a name of the DNS; write it whole, for example "${example}"`
  return z.string({ error }).regex(/^(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})+$/i, { error })
}
const path = text('write the path of a file of mode 0600')

const rfc2136 = z
  .strictObject({
    server: hostPort,
    zone: name('example.org'),
    key_file: path,
    ttl: duration.prefault('5 min'),
  })
  .transform(({ server, zone, key_file, ttl }) => ({ server, zone, keyFile: key_file, ttlMs: ttl }))

const urlFix = 'not an https:// address; write for example "https://members.dyndns.org/nic/update"'
const dyndns2 = z
  .strictObject({
    url: z
      .string({ error: urlFix })
      .refine(isSafeUrl, { error: urlFix, abort: true })
      .refine(isWithoutLogin, { error: 'take the login out of the address: write user and password_file instead' }),
    user: text('write the user name the provider gave you'),
    password_file: path,
  })
  .transform(({ url, user, password_file }) => ({ url, user, passwordFile: password_file }))

const addressFix = 'write IP addresses, at most one of each kind, for example ["192.0.2.7", "2001:db8::7"]'
const addresses = z
  .array(
    z
      .string({ error: addressFix })
      .refine((value) => isIP(value) > 0 && !value.includes('%'), { error: addressFix })
      .transform((value) => ipCanonical(value) ?? value), // as the DNS says it, with which it is compared
    { error: addressFix },
  )
  .refine((all) => new Set(all.map((one) => isIP(one))).size === all.length, { error: addressFix })

export const dns = z
  .strictObject({
    name: name('home.example.org'),
    addresses: addresses.prefault([]),
    rfc2136: rfc2136.optional(),
    dyndns2: dyndns2.optional(),
  })
  .refine((table) => table.rfc2136 !== undefined || table.dyndns2 !== undefined, {
    error: 'say where: a table [dns.rfc2136] for a name server, or [dns.dyndns2] for a provider',
  })
  .optional()
