/**
 * CANCELUPDATE: no further updates of some searches. RFC 5267 §4.3.5.
 * cancelupdate = "CANCELUPDATE" 1*(SP quoted)     tags of the searches
 */
import { type Command, mailboxOpen } from '../command.ts'
import { no, ok } from '../reply.ts'

export const cancelUpdate: Command<string[]> = {
  in: mailboxOpen,
  parse(words) {
    const tags: string[] = []
    do {
      words.space()
      tags.push(words.astring())
    } while (!words.isAtEnd())
    return tags
  },
  async run({ mailbox }, tags) {
    const unknown = tags.filter((tag) => !mailbox.contexts.cancel(tag))
    return unknown.length === 0
      ? ok('No further updates')
      : no('NONEXISTENT', 'No search of that tag was kept up to date')
  },
}
