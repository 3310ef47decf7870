/** `[setup]`: where mail clients learn their settings, and what they are told. Off as long as it listens nowhere. */
import { z } from 'zod'
import { hostPort, isLoopback } from './value.ts'

const listFix = (example: string) => ({ error: `write a list, for example ["${example}"]` })
const plainFix =
  'only a loopback address: settings that come without TLS can be exchanged on the way; let a proxy on this machine add it'
const urlFix = 'not an http(s):// address without a path; write for example "https://mail.example.org"'

const isOrigin = (value: string): boolean => {
  if (!URL.canParse(value)) return false
  const { protocol, origin } = new URL(value)
  return (protocol === 'https:' || protocol === 'http:') && (value === origin || value === `${origin}/`)
}

export const setup = z
  .strictObject({
    https: z.array(hostPort, listFix('127.0.0.1:2443')).prefault([]),
    http: z
      .array(
        hostPort.refine(({ host }) => isLoopback(host), { error: plainFix }),
        listFix('127.0.0.1:2408'),
      )
      .prefault([]),
    url: z
      .string({ error: urlFix })
      .refine(isOrigin, { error: urlFix })
      .transform((value) => new URL(value).origin)
      .optional(),
    imap: hostPort.optional(),
    smtp: hostPort.optional(),
  })
  .prefault({})
