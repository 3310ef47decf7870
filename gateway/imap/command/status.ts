/**
 * STATUS. RFC 3501 §6.3.10.
 * status = "STATUS" SP mailbox SP "(" item *(SP item) ")"
 */
import { find } from '../../../store/mailbox.ts'
import { type Command, loggedIn } from '../command.ts'
import { missing } from '../mailbox/reply.ts'
import { parseStatusItems, statusLine } from '../mailbox/status-item.ts'
import { ok } from '../reply.ts'
import { standings } from '../view/standing.ts'
import { mailboxName } from '../wire/writer.ts'

export const status: Command<{ name: string; asked: string[] }> = {
  in: loggedIn,
  parse(words) {
    words.space()
    const name = words.mailbox()
    words.space()
    const asked = parseStatusItems(words)
    words.end()
    return { name, asked }
  },

  async run({ edge, user, output, isUtf8, enabled }, { name, asked }) {
    if (asked.includes('HIGHESTMODSEQ')) enabled.add('CONDSTORE') // RFC 7162 §3.1
    const mailbox = await find(edge.store.db, user.id, name)
    const found = mailbox && (await standings(edge, [mailbox], asked)).get(mailbox.id)
    if (!mailbox || !found) return missing
    output.line(statusLine(mailboxName(mailbox.name, isUtf8), asked, found, edge.config.appendLimit))
    return ok('That is how it stands')
  },
}
