/**
 * APPEND, of one message or several, all or none. RFC 3501 §6.3.11, MULTIAPPEND RFC 3502, APPENDUID RFC 4315.
 * append = "APPEND" SP mailbox 1*message
 */
import { append as add } from '../../../store/message.ts'
import { type Command, loggedIn } from '../command.ts'
import { discard, readMessages } from '../incoming/message.ts'
import { notWritable, tryCreate } from '../mailbox/reply.ts'
import { bad, ok } from '../reply.ts'
import { formatSet } from '../wire/sequence.ts'

export const append: Command<{ name: string }> = {
  in: loggedIn,
  streams: true,
  parse(words) {
    words.space()
    return { name: words.mailbox() }
  },

  async run(session, { name }, incoming) {
    if (!incoming) return bad('a message was expected')
    const { db, home } = session.edge.store
    const mailbox = await session.edge.folders.find(session.user.id, name)
    if (!mailbox) return tryCreate
    if (mailbox.readOnly) return notWritable
    const drafts = await readMessages(session, incoming)
    try {
      const added = await add(db, mailbox.id, drafts, session.edge.config.quota)
      return ok('Appended', `APPENDUID ${mailbox.uidValidity} ${formatSet(added.map(({ uid }) => uid))}`)
    } catch (error) {
      await discard(home, drafts)
      throw error
    }
  },
}
