/**
 * SELECT and EXAMINE. RFC 3501 §6.3.1, §6.3.2.
 *
 * One bulk read for all messages. A mailbox that cannot be selected leaves the session without one, as the RFC wants.
 */
import { find, takeRecent } from '../../../store/mailbox.ts'
import { type Command, loggedIn, ok } from '../command.ts'
import { missing } from '../mailbox-reply.ts'
import { Selected } from '../selected.ts'
import type { Words } from '../wire/words.ts'
import { flagBits } from '../wire/writer.ts'

const selecting = (examines: boolean): Command<string> => ({
  in: loggedIn,
  parse: oneMailbox,

  async run(session, name) {
    const { edge, output, user } = session
    session.leave()
    const mailbox = await find(edge.store.db, user.id, name)
    if (!mailbox) return missing
    const isReadOnly = examines || mailbox.readOnly
    // Only a session that may change the mailbox takes \Recent away from the next one.
    if (!isReadOnly) mailbox.recentFrom = await takeRecent(edge.store.db, mailbox.id)
    const selected = await Selected.open(edge, mailbox, isReadOnly)
    session.selected = selected
    const { view } = selected
    output.line(selected.flagsLine())
    const permanent = isReadOnly ? '' : [...Object.keys(flagBits), '\\*'].join(' ')
    output.line(`* OK [PERMANENTFLAGS (${permanent})] Flags that are kept`)
    output.line(`* ${view.count} EXISTS`)
    output.line(`* ${view.recent} RECENT`)
    if (view.firstUnseen !== undefined) output.line(`* OK [UNSEEN ${view.firstUnseen}] The first not seen`)
    output.line(`* OK [UIDVALIDITY ${mailbox.uidValidity}] These UIDs are valid`)
    output.line(`* OK [UIDNEXT ${Math.max(mailbox.uidNext, view.largestUid + 1)}] The next UID`)
    return ok('Selected', isReadOnly ? 'READ-ONLY' : 'READ-WRITE')
  },
})

/** A space and a mailbox name, and nothing else. */
export function oneMailbox(words: Words): string {
  words.space()
  const name = words.mailbox()
  words.end()
  return name
}

export const select = selecting(false)
export const examine = selecting(true)
