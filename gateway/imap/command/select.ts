/**
 * SELECT and EXAMINE. RFC 9051 §6.3.2, §6.3.3, RFC 7162 §3.1.8, §3.2.5; as RFC 3501 has them, with \Recent, for who did not ENABLE IMAP4rev2.
 *
 * One bulk read for all messages. A mailbox that cannot be selected leaves the session without one, as the RFC wants.
 */
import { find, type Mailbox, takeRecent } from '../../../store/mailbox.ts'
import { type Command, loggedIn } from '../command.ts'
import { mailboxId, missing } from '../mailbox/reply.ts'
import type { Output } from '../output.ts'
import { bad, ok } from '../reply.ts'
import { uidRequired } from '../view/range.ts'
import { parseRemembered, type Remembered, resync } from '../view/resync.ts'
import { Selected } from '../view/selected.ts'
import type { View } from '../view/view.ts'
import { fail, type Words } from '../wire/words.ts'
import { mailboxName } from '../wire/writer.ts'

type Args = { name: string; condstore: boolean; remembered: Remembered | undefined }

const selecting = (examines: boolean): Command<Args> => ({
  in: loggedIn,
  parse(words) {
    words.space()
    const args: Args = { name: words.mailbox(), condstore: false, remembered: undefined }
    if (words.trySpace() && words.list(() => parseParameter(words, args)).length === 0) fail('a parameter was expected')
    words.end()
    return args
  },

  async run(session, { name, condstore, remembered }) {
    const { edge, output, user, enabled } = session
    if (remembered && !enabled.has('QRESYNC')) return bad('ENABLE QRESYNC comes first')
    if (remembered?.match && enabled.has('UIDONLY')) return uidRequired
    if (condstore) enabled.add('CONDSTORE')
    if (session.selected) output.line('* OK [CLOSED] That mailbox is closed') // what follows is about the next
    session.leave()
    const mailbox = await find(edge.store.db, user.id, name)
    if (!mailbox) return missing
    const isReadOnly = examines || mailbox.readOnly
    // Only a session that may change the mailbox takes \Recent away from the next one.
    if (session.isRev2) mailbox.recentFrom = Number.POSITIVE_INFINITY
    else if (!isReadOnly) mailbox.recentFrom = await takeRecent(edge.store.db, mailbox.id)
    const selected = await Selected.open(edge, mailbox, isReadOnly, enabled)
    session.selected = selected
    const { view } = selected
    selected.tellFlags(output)
    output.line(`* ${view.count} EXISTS`)
    if (session.isRev2) output.line(listLine(name, mailbox))
    else tellRecent(output, view, enabled.has('UIDONLY'))
    output.line(`* OK [UIDVALIDITY ${mailbox.uidValidity}] These UIDs are valid`)
    output.line(`* OK [UIDNEXT ${Math.max(mailbox.uidNext, view.largestUid + 1)}] The next UID`)
    output.line(`* OK [MAILBOXID (${mailboxId(mailbox)})] Its name for good`)
    output.line(`* OK [HIGHESTMODSEQ ${view.modseq}] All up to it is here`)
    if (remembered) await resync(edge.store.db, selected, output, remembered)
    return ok('Selected', isReadOnly ? 'READ-ONLY' : 'READ-WRITE')
  },
})

const parseParameter = (words: Words, args: Args): void => {
  if (words.tryWord('CONDSTORE')) args.condstore = true
  else if (words.tryWord('QRESYNC')) {
    words.space()
    args.remembered = parseRemembered(words)
  } else fail('there is no such parameter')
}

/** The first not seen is told by its number alone. */
const tellRecent = (output: Output, view: View, isUidOnly: boolean): void => {
  output.line(`* ${view.recent} RECENT`)
  if (!isUidOnly && view.firstUnseen !== undefined) output.line(`* OK [UNSEEN ${view.firstUnseen}] The first not seen`)
}

/** Tells what it is really called when the client asked for another spelling. RFC 9051 §6.3.2, §6.3.9.7. */
const listLine = (asked: string, { name, specialUse }: Mailbox): string => {
  const old = asked === name ? '' : ` ("OLDNAME" (${mailboxName(asked, true)}))`
  return `* LIST (${specialUse ?? ''}) "/" ${mailboxName(name, true)}${old}`
}

/** A space and a mailbox name, and nothing else. */
export const oneMailbox = (words: Words): string => words.all(words.mailbox)[0]

export const select = selecting(false)
export const examine = selecting(true)
