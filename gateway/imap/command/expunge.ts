/**
 * EXPUNGE, RFC 3501 §6.4.3, and UID EXPUNGE, RFC 4315 §2.1.
 *
 * What went is told by the view before the tagged answer, as everything else that happened. The answer then says up
 * to which modseq the client knows all (RFC 7162 §3.2.7).
 */
import { expunge as remove } from '../../../store/move.ts'
import type { Range } from '../../../store/range.ts'
import { type Command, mailboxOpen, nothing } from '../command.ts'
import { ok } from '../reply.ts'
import { meant } from '../view/range.ts'
import { uidsOf } from '../view/shown.ts'

export const expunge: Command<void> = {
  in: mailboxOpen,
  writes: true,
  removes: true,
  parse: nothing,
  async run({ edge, mailbox }) {
    const gone = await remove(edge.store.db, mailbox.mailbox.id)
    return ok('Expunged', gone.length > 0 ? mailbox.modseqCode : undefined)
  },
}

export const uidExpunge: Command<[Range[]]> = {
  in: mailboxOpen,
  writes: true,
  removes: true,
  parse: (words) => words.all(words.sequenceSet),
  async run({ edge, mailbox }, [ranges]) {
    const among = meant(mailbox, 'uid', ranges)?.messages ?? []
    const gone = await remove(edge.store.db, mailbox.mailbox.id, uidsOf(among))
    return ok('Expunged', gone.length > 0 ? mailbox.modseqCode : undefined)
  },
}
