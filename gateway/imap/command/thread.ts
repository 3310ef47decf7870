/**
 * THREAD and UID THREAD. RFC 5256 §3, §4.
 * thread = "THREAD" SP ("ORDEREDSUBJECT" / "REFERENCES") SP charset 1*(SP search-key)
 * answer = "* THREAD" [SP 1*("(" thread ")")]; a message that is not here is left out, so `((3)(5))` has no parent.
 */
import { type Forest, forestText } from '../../../src/mail/forest.ts'
import { type Conversing, threadByReferences, threadBySubject } from '../../../src/mail/thread.ts'
import { type Command, mailboxOpen } from '../command.ts'
import { ok } from '../reply.ts'
import { type Looked, numbersOf } from '../search/answer.ts'
import { parseKeysIn } from '../search/charset.ts'
import { keyOf } from '../search/filter.ts'
import { findSelected } from '../search/search.ts'
import { inSlices } from '../slices.ts'
import type { By } from '../view/range.ts'
import { fail } from '../wire/words.ts'

type Make = (messages: Conversing) => Generator<void, Forest>
type Args = Looked & { make: Make }

const algorithms = new Map<string, Make>([
  ['REFERENCES', threadByReferences],
  ['ORDEREDSUBJECT', threadBySubject],
])

const threading = (by: By): Command<Args> => ({
  in: mailboxOpen,
  ...(by === 'seq' && { byNumber: true, keepsNumbers: true }),
  parse(words) {
    words.space()
    const make = algorithms.get(words.keyword()) ?? fail('REFERENCES or ORDEREDSUBJECT was expected')
    words.space()
    const charset = words.astring()
    words.space()
    return { make, key: parseKeysIn(words, charset) }
  },

  async run(session, { make, ...looked }) {
    const { edge, mailbox, output } = session
    const found = await findSelected(session, await keyOf(session, looked))
    const { slots, columns } = await edge.orderKeys.of(mailbox.mailbox.id, mailbox.view, found, names)
    const { date: sent, subject, links } = columns
    const forest = await inSlices(make({ slots, sent, subject, links }))
    const text = await inSlices(forestText(forest, numbersOf(by, found)))
    output.line(text === '' ? '* THREAD' : `* THREAD ${text}`)
    return ok('Threaded')
  },
})

const names = ['date', 'subject', 'links'] as const

export const thread = threading('seq')
export const uidThread = threading('uid')
