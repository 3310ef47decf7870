/** CLOSE, which expunges, and UNSELECT, which does not. RFC 3501 §6.4.2, RFC 3691. */
import { expunge } from '../../../store/move.ts'
import { type Command, mailboxOpen, nothing } from '../command.ts'
import { ok } from '../reply.ts'

/** Nothing is said of what goes: the client leaves. */
export const close: Command<void> = {
  in: mailboxOpen,
  leaves: true,
  parse: nothing,
  async run(session) {
    const { mailbox, isReadOnly } = session.mailbox
    if (!isReadOnly) await expunge(session.edge.store.db, mailbox.id)
    session.leave()
    return ok('Closed')
  },
}

export const unselect: Command<void> = {
  in: mailboxOpen,
  leaves: true,
  parse: nothing,
  async run(session) {
    session.leave()
    return ok('Unselected')
  },
}
