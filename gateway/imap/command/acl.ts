/**
 * MYRIGHTS, GETACL, LISTRIGHTS; SETACL and DELETEACL, which change nothing. RFC 4314.
 *
 * A mailbox is its owner's alone: the owner has all rights to it, fewer to one that the gateway keeps, and nobody
 * else has any. People share mail by writing to each other, and a right given here could not be used.
 */
import { find, type Mailbox } from '../../../store/mailbox.ts'
import { type Command, loggedIn } from '../command.ts'
import { missing } from '../mailbox/reply.ts'
import { no, ok } from '../reply.ts'
import { fail } from '../wire/words.ts'
import { mailboxName, string } from '../wire/writer.ts'
import { oneMailbox } from './select.ts'

/** RFC 4314 §2.1: all but `p`, which is to post by an address of the mailbox; `c` and `d` for older clients (§2.1.1). */
const ALL = 'lrswitekxacd'
/** Looked at, read, subscribed; what is in it the gateway alone puts there and takes away. */
const KEPT = 'lrkac'

const rightsTo = ({ readOnly }: Pick<Mailbox, 'readOnly'>): string => (readOnly ? KEPT : ALL)

/** As MYRIGHTS tells them, and LIST (RFC 8440). */
export const rightsLine = (mailbox: Pick<Mailbox, 'name' | 'readOnly'>, isUtf8: boolean): string =>
  `* MYRIGHTS ${mailboxName(mailbox.name, isUtf8)} ${rightsTo(mailbox)}`

const notShared = no('NOPERM', 'A mailbox here is for its owner only; forward what others are to see')

export const myRights: Command<string> = {
  in: loggedIn,
  parse: oneMailbox,
  async run({ edge, user, output, isUtf8 }, name) {
    const mailbox = await find(edge.store.db, user.id, name)
    if (!mailbox) return missing
    output.line(rightsLine(mailbox, isUtf8))
    return ok('Those are yours')
  },
}

export const getAcl: Command<string> = {
  in: loggedIn,
  parse: oneMailbox,
  async run({ edge, user, output, isUtf8 }, name) {
    const mailbox = await find(edge.store.db, user.id, name)
    if (!mailbox) return missing
    output.line(`* ACL ${mailboxName(mailbox.name, isUtf8)} ${string(user.address)} ${rightsTo(mailbox)}`)
    return ok('Nobody else')
  },
}

export const listRights: Command<[name: string, who: string]> = {
  in: loggedIn,
  parse: (words) => words.all(words.mailbox, words.astring),
  async run({ edge, user, output, isUtf8 }, [name, who]) {
    const mailbox = await find(edge.store.db, user.id, name)
    if (!mailbox) return missing
    // What the owner has cannot be taken, and nobody else can be given anything.
    const rights = who === user.address ? rightsTo(mailbox) : '""'
    output.line(`* LISTRIGHTS ${mailboxName(mailbox.name, isUtf8)} ${string(who)} ${rights}`)
    return ok('That is all that can be')
  },
}

const changing = (takesRights: boolean): Command<string> => ({
  in: loggedIn,
  parse(words) {
    words.space()
    const name = words.mailbox()
    words.space()
    words.astring()
    if (takesRights) {
      words.space()
      if (!/^[+-]?[a-z\d]*$/.test(words.astring())) fail('rights are letters')
    }
    words.end()
    return name
  },
  run: async ({ edge, user }, name) => ((await find(edge.store.db, user.id, name)) ? notShared : missing),
})

export const setAcl = changing(true)
export const deleteAcl = changing(false)
