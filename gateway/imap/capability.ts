/**
 * What this server can do, as the client is told before and after login. RFC 3501 §7.2.1.
 *
 * Before login only what matters for logging in: many clients ask again, all are told again with the answer to LOGIN.
 */
import type { Session } from './command.ts'

const always = ['IMAP4rev1', 'LITERAL+', 'SASL-IR', 'ID', 'ENABLE']
const loggedIn = ['IDLE', 'NAMESPACE', 'UIDPLUS', 'MOVE', 'UNSELECT']
/** Mailboxes, how they are listed and what is put into them. */
const mailboxes = ['CHILDREN', 'SPECIAL-USE', 'CREATE-SPECIAL-USE', 'LIST-EXTENDED', 'LIST-STATUS']

export const capabilities = (session: Session): string => {
  if (session.account)
    return [...always, ...loggedIn, ...mailboxes, `APPENDLIMIT=${session.edge.config.appendLimit}`].join(' ')
  const words = [...always, session.mayLogIn ? 'AUTH=PLAIN' : 'LOGINDISABLED']
  if (session.canStartTls) words.splice(1, 0, 'STARTTLS')
  return words.join(' ')
}
