/** `[tls]`: the certificate for mail clients: one's own, one that an authority gives (`[tls.acme]`), or else a self-signed one. */
import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { z } from 'zod'
import { hostPort, isSafeUrl, isWithoutLogin, text, yesNo } from './value.ts'

const urlFix = 'not an https:// address; write for example "https://acme-v02.api.letsencrypt.org/directory"'

const namesFix = 'write the names that mail clients use, without wildcards, for example ["mail.example.org"]'
const name = z
  .string({ error: namesFix })
  .transform((value) => domainToASCII(value).toLowerCase())
  .refine((value) => value.includes('.') && isIP(value) === 0 && /^[a-z0-9.-]{1,253}$/.test(value), { error: namesFix })

const acme = z
  .strictObject({
    directory: z
      .string({ error: urlFix })
      .refine(isSafeUrl, { error: urlFix, abort: true })
      .refine(isWithoutLogin, { error: 'take the login out of the address: authorities of ACME want none' }),
    terms_agreed: yesNo.prefault(false),
    contact: z.email({ error: 'write a mail address that works without this gateway' }).optional(),
    names: z
      .array(name, { error: namesFix })
      .min(1, { error: namesFix })
      .max(100, { error: 'an authority takes 100 names at most' }),
    http: hostPort.prefault('0.0.0.0:80'),
  })
  .transform(({ terms_agreed, ...table }) => ({ ...table, termsAgreed: terms_agreed }))

export const tls = z
  .strictObject({
    certificate: text('write the path of a PEM file, the chain with the leaf first').optional(),
    key: text('write the path of a PEM file').optional(),
    acme: acme.optional(),
  })
  .refine((table) => (table.certificate === undefined) === (table.key === undefined), {
    error: 'certificate and key go together: write both, or neither for a self-signed one',
  })
  .refine((table) => table.acme === undefined || table.certificate === undefined, {
    error: 'a certificate of your own, or [tls.acme]: take one out',
  })
  .prefault({})

export type AcmeConfig = z.output<typeof acme>
