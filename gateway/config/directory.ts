/** `[directory]`: whether this gateway is one, and which ones it asks. */
import { z } from 'zod'
import { isId } from '../../src/address.ts'
import { readHostPort, yesNo } from './value.ts'

const fix = 'not a directory; write its agent id (there: `vouchsafe status`), an @, its address and port'
const one = z.string({ error: fix }).transform((value, context) => {
  const [agent = '', where = ''] = value.split('@', 2)
  const at = readHostPort(where)
  if (isId(agent) && at !== undefined) return { agent, ...at }
  context.addIssue({ code: 'custom', message: fix, input: value })
  return z.NEVER
})

export const directory = z
  .strictObject({
    serve: yesNo.prefault(false),
    ask: z
      .array(one, { error: 'write a list, for example ["<agent id>@directory.example.org:2740"]' })
      .max(8, { error: 'name 8 at most' })
      .prefault([]),
  })
  .prefault({})
