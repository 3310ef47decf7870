/**
 * APPEND. RFC 3501 §6.3.11, APPENDUID RFC 4315.
 * append = "APPEND" SP mailbox [SP flag-list] [SP date-time] SP literal
 *
 * What can be refused is refused before the message is sent. It is spooled and walked as it comes, never held whole,
 * and kept byte for byte; only NUL, which no IMAP literal may carry back (RFC 3501 §9, CHAR8), is refused.
 */

import { type Parsed, startWalk } from '../../../src/mail/walk.ts'
import { Refusal } from '../../../src/refusal.ts'
import { type BodyDraft, discardDraft, startBody } from '../../../store/blob.ts'
import { find } from '../../../store/mailbox.ts'
import { append as add } from '../../../store/message.ts'
import { bad, type Command, loggedIn, no, ok } from '../command.ts'
import { type Flags, toFlags } from '../flags.ts'
import type { Incoming } from '../incoming.ts'
import { notWritable, tryCreate } from '../mailbox-reply.ts'

type Args = { name: string; flags: Flags; internalDate: number | undefined }

export const append: Command<Args> = {
  in: loggedIn,
  streams: true,
  parse(words) {
    words.space()
    const name = words.mailbox()
    words.space()
    const flags = words.peek() === '(' ? words.list(() => words.flag()) : undefined
    if (flags) words.space()
    const internalDate = words.peek() === '"' ? words.dateTime() : undefined
    if (internalDate !== undefined) words.space()
    words.end()
    return { name, flags: toFlags(flags ?? []), internalDate }
  },

  async run({ edge, user }, { name, flags, internalDate }, incoming) {
    if (!incoming) return bad('a message was expected')
    const { store, config } = edge
    if (incoming.size > config.appendLimit) return no('TOOBIG', `A message may have ${config.appendLimit} octets here`)
    if (incoming.size === 0) return no('CANNOT', 'The message is empty')
    const mailbox = await find(store.db, user.id, name)
    if (!mailbox) return tryCreate
    if (mailbox.readOnly) return notWritable
    const { body, parsed } = await receive(store.home, incoming)
    try {
      if (!(await incoming.isLast())) throw new Refusal('message-malformed', 'One message at a time')
      if (parsed.malformed?.split(' ').includes('nul'))
        throw new Refusal('message-malformed', 'The message holds NUL, which mail must not')
      const { bits, keywords } = flags
      const draft = { body, parsed, flags: bits, keywords, internalDate: internalDate ?? Date.now() }
      const [added] = await add(store.db, mailbox.id, [draft])
      return ok('Appended', `APPENDUID ${mailbox.uidValidity} ${added?.uid}`)
    } catch (error) {
      await discardDraft(store.home, body)
      throw error
    }
  },
}

const receive = async (home: string, incoming: Incoming): Promise<{ body: BodyDraft; parsed: Parsed }> => {
  const walk = startWalk()
  const writer = startBody(home)
  try {
    for await (const chunk of incoming.accept()) {
      walk.push(chunk)
      await writer.write(chunk)
    }
    return { body: await writer.finish(), parsed: walk.end() }
  } catch (error) {
    await writer.abort()
    throw error
  }
}
