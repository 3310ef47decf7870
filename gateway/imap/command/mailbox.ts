/** CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE. RFC 3501 §6.3.3 to §6.3.7. */
import { type MailboxNo, create as make, subscribe as mark, rename as move, remove } from '../../../store/mailbox.ts'
import { type Command, loggedIn, ok, type Reply } from '../command.ts'
import { mailboxNo } from '../mailbox-reply.ts'
import { oneMailbox } from './select.ts'

export const create: Command<string> = {
  in: loggedIn,
  parse: oneMailbox,
  async run({ edge, user }, name) {
    const made = await make(edge.store.db, user.id, name)
    return typeof made === 'string' ? mailboxNo[made] : ok('Created')
  },
}

/** Sessions that have it selected are dismissed; one's own goes back to having none. */
export const del: Command<string> = {
  in: loggedIn,
  parse: oneMailbox,
  async run(session, name) {
    const done = await remove(session.edge.store.db, session.user.id, name)
    if (session.selected?.isDeleted) session.leave()
    return answer(done, 'Deleted')
  },
}

export const rename: Command<{ from: string; to: string }> = {
  in: loggedIn,
  parse(words) {
    words.space()
    const from = words.mailbox()
    words.space()
    const to = words.mailbox()
    words.end()
    return { from, to }
  },
  run: async ({ edge, user }, { from, to }) => answer(await move(edge.store.db, user.id, from, to), 'Renamed'),
}

const subscribing = (isSubscribed: boolean): Command<string> => ({
  in: loggedIn,
  parse: oneMailbox,
  run: async ({ edge, user }, name) => answer(await mark(edge.store.db, user.id, name, isSubscribed), 'Noted'),
})

export const subscribe = subscribing(true)
export const unsubscribe = subscribing(false)

const answer = (done: 'ok' | MailboxNo, text: string): Reply => (done === 'ok' ? ok(text) : mailboxNo[done])
