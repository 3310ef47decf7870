/**
 * GETMETADATA and SETMETADATA: what mail clients note of a mailbox, or with no name, of the account. RFC 5464.
 *
 * A mailbox is its owner's alone (acl.ts), so nobody else sees what is `/shared`, either.
 */
import { annotate, annotations } from '../../../store/annotation.ts'
import { find } from '../../../store/mailbox.ts'
import { type Command, loggedIn, type Session } from '../command.ts'
import { type Getting, parseGetting, parseSetting, type Setting } from '../mailbox/metadata-args.ts'
import { missing } from '../mailbox/reply.ts'
import { no, ok } from '../reply.ts'
import { isBadFilter } from '../search/filter.ts'
import { entryName, mailboxName, value } from '../wire/writer.ts'

/**
 * Octets of a value: more than any note or icon needs, and well below what a command may hold
 * (gateway/imap/session.ts).
 */
const VALUE_MAX = 16_384

export const getMetadata: Command<Getting> = {
  in: loggedIn,
  parse: parseGetting,
  async run(session, args) {
    const { edge, user, output, isUtf8 } = session
    const place = await placeOf(session, args.mailbox)
    if (!place) return missing
    const found = wanted(await annotations(edge.store.db, user.id, place.mailbox), args)
    const told = found.filter(([, bytes]) => sizeOf(bytes) <= args.maxSize)
    if (told.length > 0) output.line(metadataLine(mailboxName(place.name, isUtf8), told))
    if (told.length === found.length) return ok('That is what is noted')
    const longest = Math.max(...found.map(([, bytes]) => sizeOf(bytes)))
    return ok('Some are longer than you asked for', `METADATA LONGENTRIES ${longest}`)
  },
}

export const setMetadata: Command<Setting> = {
  in: loggedIn,
  parse: parseSetting,
  async run(session, { mailbox, entries }) {
    const place = await placeOf(session, mailbox)
    if (!place) return missing
    // RFC 5464 §6.2.1: whoever runs the server says how to reach them, if they want.
    if (place.mailbox === null && entries.has('/shared/admin')) return no('NOPERM', 'That is not for clients to say')
    if ([...entries.values()].some((bytes) => sizeOf(bytes) > VALUE_MAX))
      return no(`METADATA MAXSIZE ${VALUE_MAX}`, 'That is too long to be noted')
    if (place.mailbox === null && [...entries].some(([entry, bytes]) => isBadFilter(entry, bytes)))
      return no('CANNOT', 'That is nothing SEARCH could look for')
    const done = await annotate(session.edge.store.db, session.user.id, place.mailbox, entries)
    if (done === 'missing') return missing
    return done === 'ok' ? ok('Noted') : no('METADATA TOOMANY', 'There is no room for more entries here')
  },
}

/** @param spelled the name as the client is told it */
export const metadataLine = (spelled: string, entries: readonly Entry[]): string => {
  const pairs = entries.map(([name, bytes]) => `${entryName(name)} ${bytes ? value(bytes) : 'NIL'}`)
  return `* METADATA ${spelled} (${pairs.join(' ')})`
}

type Entry = readonly [name: string, value: Buffer | null]
type Place = { mailbox: number | null; name: string }

const placeOf = async ({ edge, user }: Session, name: string): Promise<Place | undefined> => {
  if (name === '') return { mailbox: null, name }
  const found = await find(edge.store.db, user.id, name)
  return found && { mailbox: found.id, name: found.name }
}

/** What is asked for by its name and is not there is told as null. */
const wanted = (all: ReadonlyMap<string, Buffer>, { entries, depth }: Getting): readonly Entry[] => {
  if (depth === 0) return entries.map((name) => [name, all.get(name) ?? null])
  return [...all].filter(([name]) => entries.some((entry) => isWithin(name, entry, depth)))
}

const isWithin = (name: string, entry: string, depth: number): boolean =>
  name === entry || (name.startsWith(`${entry}/`) && name.slice(entry.length + 1).split('/').length <= depth)

const sizeOf = (bytes: Buffer | null): number => bytes?.length ?? 0
