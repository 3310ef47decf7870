/**
 * CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE. RFC 3501 §6.3.3 to §6.3.7; CREATE-SPECIAL-USE RFC 6154 §3.
 * create = "CREATE" SP mailbox [SP "(" "USE" SP "(" [use] ")" ")"]
 */
import { type MailboxNo, create as make, subscribe as mark, rename as move, remove } from '../../../store/mailbox.ts'
import { type Command, loggedIn } from '../command.ts'
import { mailboxId, mailboxNo } from '../mailbox/reply.ts'
import { no, ok, type Reply } from '../reply.ts'
import { fail, type Words } from '../wire/words.ts'
import { oneMailbox } from './select.ts'

/** Not among them: \All and \Flagged, whose mailboxes a server makes up by itself. */
const uses = new Map(['\\Archive', '\\Drafts', '\\Junk', '\\Sent', '\\Trash'].map((use) => [use.toLowerCase(), use]))
const useless = no('USEATTR', 'A mailbox has one use here: \\Archive, \\Drafts, \\Junk, \\Sent or \\Trash')

export const create: Command<{ name: string; wanted: string[] }> = {
  in: loggedIn,
  parse(words) {
    words.space()
    const name = words.mailbox()
    const wanted = words.trySpace() ? parseUses(words) : []
    words.end()
    return { name, wanted }
  },
  async run({ edge, user }, { name, wanted }) {
    const use = uses.get(wanted[0] ?? '')
    if (wanted.length > 1 || (wanted.length === 1 && use === undefined)) return useless
    const made = await make(edge.store.db, user.id, name, use)
    return typeof made === 'string' ? mailboxNo[made] : ok('Created', `MAILBOXID (${mailboxId(made)})`)
  },
}

/** In small letters; each once. */
const parseUses = (words: Words): string[] => {
  words.expect('(')
  if (words.keyword() !== 'USE') fail('USE was expected')
  words.space()
  const given = words.list(() => words.flag().toLowerCase())
  words.expect(')')
  return [...new Set(given)]
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

export const rename: Command<[from: string, to: string]> = {
  in: loggedIn,
  parse: (words) => words.all(words.mailbox, words.mailbox),
  run: async ({ edge, user }, [from, to]) => answer(await move(edge.store.db, user.id, from, to), 'Renamed'),
}

const subscribing = (isSubscribed: boolean): Command<string> => ({
  in: loggedIn,
  parse: oneMailbox,
  run: async ({ edge, user }, name) => answer(await mark(edge.store.db, user.id, name, isSubscribed), 'Noted'),
})

export const subscribe = subscribing(true)
export const unsubscribe = subscribing(false)

const answer = (done: 'ok' | MailboxNo, text: string): Reply => (done === 'ok' ? ok(text) : mailboxNo[done])
