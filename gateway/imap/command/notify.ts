/**
 * NOTIFY: which news are told unasked, of the mailbox selected and of others. RFC 5465.
 *
 * What was asked for before is forgotten. While a command runs nothing is put in; its answer brings the news along.
 */
import { type Command, loggedIn } from '../command.ts'
import { badEvent, parseNotify, type Wanted } from '../notify/args.ts'
import { ok } from '../reply.ts'

export const notify: Command<Wanted | undefined> = {
  in: loggedIn,
  parse: parseNotify,
  async run(session, wanted) {
    if (!wanted) return badEvent
    await session.notify(wanted)
    return ok('Noted')
  },
}
