/**
 * AUTHENTICATE, with the first response right behind it if the client likes. RFC 3501 §6.2.2, RFC 4959.
 * authenticate = "AUTHENTICATE" SP auth-type [SP (base64 / "=")]
 */
import { mayNot } from '../authenticate.ts'
import type { Command, Session } from '../command.ts'
import { Gone } from '../output.ts'
import { no } from '../reply.ts'
import { type Ask, mechanisms } from '../sasl.ts'
import { fail } from '../wire/words.ts'

/** Strictly: RFC 3501 §6.2.2 wants BAD for what cannot be decoded, and a lenient reader decodes anything. */
const BASE64 = /^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/

export const authenticate: Command<{ mechanism: string; initial: string | undefined }> = {
  in: ['unauthenticated'],
  parse(words) {
    words.space()
    const mechanism = words.keyword()
    const initial = words.trySpace() ? words.astring() : undefined
    words.end()
    return { mechanism, initial }
  },

  async run(session, { mechanism, initial }) {
    const converse = mechanisms.get(mechanism)
    if (!converse || (mechanism.endsWith('-PLUS') && !session.canBind))
      return no('CANNOT', 'That mechanism is not known here')
    if (!session.mayLogIn) return mayNot
    return converse(session, asking(session, initial))
  },
}

const asking = (session: Session, initial: string | undefined): Ask => {
  let early = initial
  return async (challenge) => {
    const response = early ?? (await respond(session, Buffer.from(challenge).toString('base64')))
    early = undefined
    return decoded(response)
  }
}

/** A lone `=` is an empty response. RFC 4959 §3. */
const decoded = (response: string): Buffer => {
  if (response === '=') return Buffer.alloc(0)
  return BASE64.test(response) ? Buffer.from(response, 'base64') : fail('that is not base64')
}

const respond = async ({ input, output }: Session, challenge: string): Promise<string> => {
  output.line(`+ ${challenge}`)
  output.flush()
  const line = await input.bareLine()
  if (line === undefined) throw new Gone()
  if (line === null) return fail('the response is too long')
  return line === '*' ? fail('taken back, as asked') : line
}
