/**
 * The fields of a header that mail clients ask for when they list a mailbox. They are kept beside the message, so that
 * nobody reads its text for them: Thunderbird, mutt, Roundcube, K-9, Apple Mail and mbsync ask for no others.
 *
 * What is kept was cut by this list: whoever changes it cuts anew what there is.
 */
import { headerFields } from './section.ts'

const listed: ReadonlySet<string> = new Set([
  'bcc',
  'cc',
  'content-description',
  'content-type',
  'date',
  'disposition-notification-to',
  'from',
  'importance',
  'in-reply-to',
  'lines',
  'list-id',
  'list-post',
  'list-subscribe',
  'list-unsubscribe',
  'mail-followup-to',
  'message-id',
  'mime-version',
  'newsgroups',
  'priority',
  'references',
  'reply-to',
  'sender',
  'subject',
  'to',
  'x-label',
  'x-mailer',
  'x-original-to',
  'x-priority',
  'x-tuid', // mbsync finds by it what it has just stored
  'x-universally-unique-identifier',
])
const names = [...listed]

/** @param wanted in lower case */
export const areListed = (wanted: readonly string[]): boolean => wanted.every((name) => listed.has(name))

/**
 * A header of the listed fields alone, as they stand; nothing at all, not even its end, where the header is not all
 * here: then they have to be looked for.
 */
export const listedFields = (header: Buffer, headerSize: number): Buffer =>
  header.length < headerSize ? Buffer.alloc(0) : headerFields(header, names, false)
