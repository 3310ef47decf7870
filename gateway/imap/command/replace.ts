/**
 * REPLACE and UID REPLACE: a message takes the place of another, or nothing changes. RFC 8508.
 * replace = "REPLACE" SP seq-number SP mailbox message
 */
import { find } from '../../../store/mailbox.ts'
import { replace as put } from '../../../store/move.ts'
import type { Range } from '../../../store/range.ts'
import { type Command, mailboxOpen } from '../command.ts'
import { discard, readMessage } from '../incoming/message.ts'
import { notWritable, tryCreate } from '../mailbox/reply.ts'
import { bad, no, ok } from '../reply.ts'
import { type By, expungeIssued, meant, noSuchNumber } from '../view/range.ts'
import { fail } from '../wire/words.ts'

const nobody = no('NONEXISTENT', 'There is no message to replace')

const replacing = (by: By): Command<{ ranges: Range[]; name: string }> => ({
  in: mailboxOpen,
  writes: true,
  removes: true,
  ...(by === 'seq' && { byNumber: true }),
  streams: true,
  parse(words) {
    words.space()
    const ranges = words.sequenceSet()
    if (ranges.length !== 1 || ranges[0]?.from !== ranges[0]?.to) fail('one message is replaced')
    words.space()
    return { ranges, name: words.mailbox() }
  },

  async run(session, { ranges, name }, incoming) {
    if (!incoming) return bad('a message was expected')
    const { edge, mailbox, output, user } = session
    const { db, home } = edge.store
    const all = meant(mailbox, by, ranges)
    if (!all) return noSuchNumber
    const [old] = all.messages
    if (!old) return all.someAreGone ? expungeIssued : nobody
    const target = await find(db, user.id, name)
    if (!target) return tryCreate
    if (target.readOnly) return notWritable
    const draft = await readMessage(session, incoming)
    let isKept = false
    try {
      if (!incoming.isAtEnd) return bad('one message replaces one')
      const from = { mailbox: mailbox.mailbox.id, uid: old.row.uid }
      const added = await put(db, from, { ...draft, mailbox: target.id }, edge.config.quota)
      isKept = added !== undefined
      if (!added) return by === 'seq' ? expungeIssued : nobody
      // APPENDUID leaves before any EXPUNGE renumbers the messages, as COPYUID does for MOVE.
      output.line(`* OK [APPENDUID ${target.uidValidity} ${added.uid}] Replaced`)
      return ok('Replaced')
    } finally {
      if (!isKept) await discard(home, [draft])
    }
  },
})

export const replace = replacing('seq')
export const uidReplace = replacing('uid')
