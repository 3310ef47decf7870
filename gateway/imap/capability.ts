/**
 * What this server can do, as the client is told before and after login. RFC 3501 §7.2.1.
 *
 * Before login only what matters for logging in: many clients ask again, all are told again with the answer to LOGIN.
 */
import type { Session } from './command.ts'

const always = ['IMAP4rev1', 'IMAP4rev2', 'SASL-IR', 'ID', 'ENABLE']
/** A literal that nobody waits for may have 4096 octets before login (session.ts), any size after. RFC 7888 §5. */
const stranger = ['LITERAL-']
/** The session itself. */
const loggedIn = ['LITERAL+', 'IDLE', 'NOTIFY', 'UNAUTHENTICATE']
/** Messages in the mailbox that is selected. */
const messages = [
  'UIDPLUS',
  'MOVE',
  'UNSELECT',
  'CONDSTORE',
  'QRESYNC',
  'UIDONLY',
  'STATUS=SIZE',
  'OBJECTID',
  'SAVEDATE',
  'PREVIEW',
]
/** Mailboxes, how they are listed and what is put into them. */
const mailboxes = [
  'NAMESPACE',
  'CHILDREN',
  'SPECIAL-USE',
  'CREATE-SPECIAL-USE',
  'LIST-EXTENDED',
  'LIST-STATUS',
  'LIST-MYRIGHTS',
  'LIST-METADATA',
  'QUOTA',
  'QUOTA=RES-STORAGE',
  'ACL',
  'RIGHTS=texk',
  'METADATA',
]
const appends = ['MULTIAPPEND', 'CATENATE', 'REPLACE', 'BINARY', 'UTF8=ACCEPT']
/** What is looked for in them. */
const searches = [
  ...['ESEARCH', 'SEARCHRES', 'WITHIN', 'SORT', 'SORT=DISPLAY', 'ESORT', 'PARTIAL', 'MULTISEARCH', 'INPROGRESS'],
  ...['FILTERS', 'CONTEXT=SEARCH', 'CONTEXT=SORT', 'THREAD=ORDEREDSUBJECT', 'THREAD=REFERENCES'],
]

type Asking = Pick<Session, 'mayLogIn' | 'canStartTls' | 'canBind' | 'isCompressed'> & {
  account: unknown
  edge: { config: { appendLimit: number } }
}

export const capabilities = (session: Asking): string => {
  if (session.account) {
    const limit = `APPENDLIMIT=${session.edge.config.appendLimit}`
    const compress = session.isCompressed ? [] : ['COMPRESS=DEFLATE'] // once is all there is: RFC 4978 §3
    return [...always, ...loggedIn, ...compress, ...messages, ...mailboxes, ...appends, ...searches, limit].join(' ')
  }
  const words = [...always, ...stranger, ...(session.mayLogIn ? loginsOf(session) : ['LOGINDISABLED'])]
  if (session.canStartTls) words.splice(1, 0, 'STARTTLS')
  return words.join(' ')
}

const loginsOf = ({ canBind }: Asking): string[] => [
  ...(canBind ? ['AUTH=SCRAM-SHA-256-PLUS'] : []),
  'AUTH=SCRAM-SHA-256',
  'AUTH=PLAIN',
  'AUTH=LOGIN',
]
