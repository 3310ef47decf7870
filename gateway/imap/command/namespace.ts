/** NAMESPACE: one, one's own. RFC 2342. */
import { type Command, loggedIn, nothing } from '../command.ts'
import { ok } from '../reply.ts'

export const namespace: Command<void> = {
  in: loggedIn,
  parse: nothing,
  async run(session) {
    session.output.line('* NAMESPACE (("" "/")) NIL NIL')
    return ok('One namespace')
  },
}
