/**
 * STARTTLS. RFC 3501 §6.2.1, RFC 8314.
 *
 * Whatever came in the clear behind the command was perhaps put there by somebody in between, to be taken for the
 * client's own words once the session is encrypted: the session ends.
 */

import { type Command, nothing } from '../command.ts'
import { bad, ok } from '../reply.ts'

export const starttls: Command<void> = {
  in: ['unauthenticated'],
  parse: nothing,
  async run(session) {
    if (!session.canStartTls) return bad('TLS is there already')
    if (session.input.hasMore) {
      session.edge.log.warn({ event: 'plaintext-after-starttls', remote: session.remote }, 'commands behind STARTTLS')
      session.bye('Nothing may follow STARTTLS before its answer')
      return bad('more came before the answer')
    }
    return { ...ok('Begin TLS now'), next: 'starttls' }
  },
}
