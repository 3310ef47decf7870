/**
 * UNAUTHENTICATE: the connection stays, for somebody else to log in. RFC 8437.
 *
 * TLS and compression stay as they are; the mailbox, what was enabled and who it was do not.
 */
import { capabilities } from '../capability.ts'
import { type Command, loggedIn, nothing } from '../command.ts'
import { ok } from '../reply.ts'

export const unauthenticate: Command<void> = {
  in: loggedIn,
  parse: nothing,
  async run(session) {
    session.edge.log.info({ event: 'logout', account: session.user.address, remote: session.remote }, 'unauthenticated')
    session.forget()
    return ok('Logged out, and still here', `CAPABILITY ${capabilities(session)}`)
  },
}
