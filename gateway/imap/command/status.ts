/**
 * STATUS. RFC 3501 §6.3.10; APPENDLIMIT RFC 7889.
 * status = "STATUS" SP mailbox SP "(" item *(SP item) ")"
 */
import { find, type Status, status as statusOf } from '../../../store/mailbox.ts'
import { type Command, loggedIn, ok } from '../command.ts'
import { missing } from '../mailbox-reply.ts'
import { fail } from '../wire/words.ts'
import { mailboxName } from '../wire/writer.ts'

const items = new Map<string, (status: Status, appendLimit: number) => number>([
  ['MESSAGES', ({ messages }) => messages],
  ['RECENT', ({ recent }) => recent],
  ['UIDNEXT', ({ uidNext }) => uidNext],
  ['UIDVALIDITY', ({ uidValidity }) => uidValidity],
  ['UNSEEN', ({ unseen }) => unseen],
  ['APPENDLIMIT', (_, appendLimit) => appendLimit],
])

export const status: Command<{ name: string; asked: string[] }> = {
  in: loggedIn,
  parse(words) {
    words.space()
    const name = words.mailbox()
    words.space()
    const asked = words.list(() => words.keyword())
    words.end()
    if (asked.length === 0 || !asked.every((item) => items.has(item))) fail('there is no such status item')
    return { name, asked: [...new Set(asked)] }
  },

  async run({ edge, user, output }, { name, asked }) {
    const { db } = edge.store
    const mailbox = await find(db, user.id, name)
    const found = mailbox && (await statusOf(db, mailbox.id))
    if (!mailbox || !found) return missing
    const values = asked.map((item) => `${item} ${items.get(item)?.(found, edge.config.appendLimit)}`)
    output.line(`* STATUS ${mailboxName(mailbox.name)} (${values.join(' ')})`)
    return ok('That is how it stands')
  },
}
