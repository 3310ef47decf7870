/** `[delivery]`: where the mail of people here goes in the end. */
import { z } from 'zod'
import { readHostPort } from './value.ts'

const fix = 'not a server; write for example "127.0.0.1:24", or the path of its socket: "/run/dovecot/lmtp"'

export const delivery = z
  .strictObject({
    lmtp: z
      .string({ error: fix })
      .transform((value, context) => {
        if (value.startsWith('/')) return { path: value }
        const at = readHostPort(value)
        if (at) return at
        context.addIssue({ code: 'custom', message: fix, input: value })
        return z.NEVER
      })
      .optional(),
  })
  .prefault({})
