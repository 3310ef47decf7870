/** LOGOUT. RFC 3501 §6.1.3. */
import { anyState, type Command, nothing } from '../command.ts'
import { ok } from '../reply.ts'

export const logout: Command<void> = {
  in: anyState,
  parse: nothing,
  async run(session) {
    session.bye('Goodbye')
    return ok('Logged out')
  },
}
