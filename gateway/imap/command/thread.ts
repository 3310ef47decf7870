/**
 * THREAD and UID THREAD. RFC 5256 §3, §4.
 * thread = "THREAD" SP ("ORDEREDSUBJECT" / "REFERENCES") SP charset 1*(SP search-key)
 * answer = "* THREAD" [SP 1*("(" thread ")")]; a message that is not here is left out, so `((3)(5))` has no parent.
 */
import { fold } from '../../../src/mail/fold.ts'
import { baseSubject } from '../../../src/mail/subject.ts'
import { type Thread, type Threaded, threadByReferences, threadBySubject } from '../../../src/mail/thread.ts'
import type { Db } from '../../../store/db.ts'
import { cached } from '../../../store/message.ts'
import { type Command, mailboxOpen, ok } from '../command.ts'
import type { By } from '../range.ts'
import { findSelected } from '../search.ts'
import { badCharset, charsetDecoder } from '../search-charset.ts'
import { type Key, parseKeys } from '../search-key.ts'
import type { Numbered } from '../view.ts'
import { fail } from '../wire/words.ts'

type Make = (messages: readonly Threaded[]) => Thread[]
type Args = { make: Make; key: Key | 'bad-charset' }

const algorithms = new Map<string, Make>([
  ['REFERENCES', threadByReferences],
  ['ORDEREDSUBJECT', threadBySubject],
])

const threading = (by: By): Command<Args> => ({
  in: mailboxOpen,
  ...(by === 'seq' && { keepsNumbers: true }),
  parse(words) {
    words.space()
    const make = algorithms.get(words.keyword()) ?? fail('REFERENCES or ORDEREDSUBJECT was expected')
    words.space()
    const decode = charsetDecoder(words.astring())
    words.space()
    return { make, key: decode ? parseKeys(words, decode) : 'bad-charset' }
  },

  async run(session, { make, key }) {
    if (key === 'bad-charset') return badCharset
    const found = await findSelected(session, key)
    const threads = make(await threadedOf(session.edge.store.db, found, by))
    session.output.line(threads.length === 0 ? '* THREAD' : `* THREAD ${threads.map(threadText).join('')}`)
    return ok('Threaded')
  },
})

export const thread = threading('seq')
export const uidThread = threading('uid')

const threadedOf = async (db: Db, messages: readonly Numbered[], by: By): Promise<Threaded[]> => {
  const ids = messages.map(({ row }) => row.id)
  const rows = await cached(db, ids, ['messageId', 'inReplyTo', 'references', 'subject', 'date'])
  const known = new Map(rows.map((row) => [row.id, row]))
  return messages.flatMap(({ seq, row }) => {
    const remembered = known.get(row.id)
    if (!remembered) return [] // gone meanwhile
    const { messageId: id, inReplyTo, references, subject, date } = remembered
    const { text, isReply } = baseSubject(subject)
    const answers = references.length > 0 || !inReplyTo?.startsWith('<') ? references : [inReplyTo]
    const number = by === 'uid' ? row.uid : seq
    return [{ number, sentAt: date ?? row.internalDate, id, references: answers, base: fold(text), isReply }]
  })
}

/** `(3 6 (4 23)(44 7 96))`: an only child follows its parent, several stand in brackets of their own. */
const threadText = (thread: Thread): string => {
  const chain: string[] = []
  let last = thread
  for (let next: Thread | undefined = thread; next; next = next.children.length === 1 ? next.children[0] : undefined) {
    if (next.number !== undefined) chain.push(`${next.number}`)
    last = next
  }
  if (last.children.length > 0) chain.push(last.children.map(threadText).join(''))
  return `(${chain.join(' ')})`
}
