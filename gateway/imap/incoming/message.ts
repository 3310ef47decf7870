/**
 * The messages of APPEND and REPLACE, as they come. RFC 3501 §6.3.11; MULTIAPPEND RFC 3502; CATENATE RFC 4469;
 * literal8 RFC 3516; UTF8 RFC 6855 §4.
 *
 * message = [SP flag-list] [SP date-time] SP data
 * data = literal / literal8 / "UTF8" SP "(" literal8 ")" / "CATENATE" SP "(" part *(SP part) ")"
 * part = "TEXT" SP literal / "URL" SP url
 *
 * What can be refused is refused before the octets are sent. They are kept byte for byte; only NUL is refused, which
 * no ordinary literal may carry back (RFC 3501 §9, CHAR8).
 */
import { Refusal } from '../../../src/refusal.ts'
import type { Draft } from '../../../store/message.ts'
import { discardDraft } from '../../../store/spool.ts'
import type { Session } from '../command.ts'
import { toFlags } from '../flags.ts'
import { Declined, no, type Reply } from '../reply.ts'
import { fail } from '../wire/words.ts'
import { Composer } from './compose.ts'
import type { Incoming } from './incoming.ts'
import { resolveUrl } from './resolve-url.ts'

/** All messages of one command are in memory, as far as they are not files, until the last has come. */
const HELD_MAX = 16 << 20
/** What a message takes beside its texts. */
const EACH_BYTES = 4096
const URL_MAX = 4096

const unknownCte = no('UNKNOWN-CTE', 'The message holds NUL, which mail must not; encode that part in base64')

/** One message, spooled. @throws Malformed, Refusal, Declined */
export const readMessage = async (session: Session, incoming: Incoming): Promise<Draft> => {
  const { store, config } = session.edge
  const head = readHead(incoming)
  const composer = new Composer(store.home, config.appendLimit)
  try {
    await readData(session, incoming, composer)
    const composed = await composer.finish()
    if (!composed.parsed.malformed?.split(' ').includes('nul')) return { ...head, ...composed }
    await discardDraft(store.home, composed.body)
    if (composer.isBinary) throw new Declined(unknownCte)
    throw new Refusal('message-malformed', 'The message holds NUL, which mail must not')
  } catch (error) {
    await composer.abort()
    throw error
  }
}

/** All there are, at least one; none is kept if one of them can't be. */
export const readMessages = async (session: Session, incoming: Incoming): Promise<Draft[]> => {
  const drafts: Draft[] = []
  const { home } = session.edge.store
  let heldBytes = 0
  try {
    do {
      const draft = await readMessage(session, incoming)
      drafts.push(draft)
      heldBytes += heldBy(draft)
      if (heldBytes > HELD_MAX) throw new Refusal('rate-limited', 'These are too many messages for one command')
    } while (!incoming.isAtEnd)
    return drafts
  } catch (error) {
    await discard(home, drafts)
    throw error
  }
}

/** Of a message whose body is a file there is still what was found in it: of ten thousand parts, 3 MB. */
const heldBy = ({ body, parsed }: Draft): number => {
  const { header, envelope, bodyStructure } = parsed
  // The tree of parts takes some three times what it does as a text.
  const found = header.length + envelope.length + 4 * bodyStructure.length
  return EACH_BYTES + found + ('bytes' in body ? body.bytes.length : 0)
}

export const discard = async (home: string, drafts: readonly Draft[]): Promise<void> => {
  for (const { body } of drafts) if (!('id' in body)) await discardDraft(home, body)
}

const readHead = ({ words }: Incoming): Pick<Draft, 'flags' | 'keywords' | 'internalDate'> => {
  words.space()
  const flags = words.peek() === '(' ? words.list(() => words.flag()) : undefined
  if (flags) words.space()
  const internalDate = words.peek() === '"' ? words.dateTime() : undefined
  if (internalDate !== undefined) words.space()
  const { bits, keywords } = toFlags(flags ?? [])
  return { flags: bits, keywords, internalDate: internalDate ?? Date.now() }
}

const readData = async (session: Session, incoming: Incoming, composer: Composer): Promise<void> => {
  // RFC 3502: calls it all off. Of a CATENATE a part may be empty, though not all.
  if (incoming.here?.size === 0) throw new Refusal('message-malformed', 'The message is empty')
  if (incoming.here) return readLiteral(incoming, composer)
  switch (incoming.words.keyword()) {
    case 'CATENATE':
      incoming.words.space()
      return catenate(session, incoming, composer)
    case 'UTF8':
      incoming.words.space()
      incoming.words.expect('(')
      await readLiteral(incoming, composer)
      return incoming.words.expect(')')
    default:
      return fail('a message was expected, as a literal')
  }
}

const readLiteral = async (incoming: Incoming, composer: Composer): Promise<void> => {
  const { here } = incoming
  if (!here) return fail('a message was expected, as a literal')
  composer.allow(here.size)
  composer.isBinary ||= here.binary === true
  await composer.add(incoming.accept())
  await incoming.next()
}

const catenate = async (session: Session, incoming: Incoming, composer: Composer): Promise<void> => {
  incoming.words.expect('(')
  do {
    const kind = incoming.words.keyword()
    incoming.words.space()
    if (kind === 'TEXT') {
      await readLiteral(incoming, composer)
      continue
    }
    if (kind !== 'URL') fail('TEXT or URL was expected')
    const url = await incoming.astring(URL_MAX)
    const found = await resolveUrl(session, url)
    if (!found) throw new Declined(badUrl(url))
    composer.allow(found.size)
    await composer.add(found.bytes)
  } while (incoming.words.trySpace())
  incoming.words.expect(')')
}

/** The client is told which: it is its own text, and told back only where it can't be mistaken for anything else. */
const badUrl = (url: string): Reply =>
  no(/^[\w/;=.%@:+-]{1,300}$/.test(url) ? `BADURL ${url}` : undefined, 'That URL names nothing here')
