/**
 * ENABLE. RFC 5161.
 * enable = "ENABLE" 1*(SP capability)
 *
 * None of the extensions spoken here waits to be enabled, so the answer names none.
 */
import { type Command, loggedIn, ok } from '../command.ts'

export const enable: Command<void> = {
  in: loggedIn,
  parse(words) {
    do {
      words.space()
      words.atom()
    } while (!words.isAtEnd())
  },
  async run(session) {
    session.output.line('* ENABLED')
    return ok('Nothing had to be enabled')
  },
}
