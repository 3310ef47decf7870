/**
 * Logging in, by whichever command. Wrong passwords cost time, more each time, and the fifth ends the session:
 * the gateway's own count over all sessions is in `login` (login-throttled).
 */
import { setTimeout as wait } from 'node:timers/promises'
import { Refusal } from '../../src/refusal.ts'
import type { Entered } from '../../store/password.ts'
import { capabilities } from './capability.ts'
import type { Session } from './command.ts'
import { refused } from './refused.ts'
import { no, ok, type Reply } from './reply.ts'

const FAILURES_MAX = 5
/** Of an address, RFC 5321 §4.5.3.1.3: no more of what a stranger says is logged. */
const ADDRESS_MAX = 254

/** What a session is told whose password is no more, also when that goes while it logs in. */
export const passwordGone = 'The password you logged in with has been removed or changed'

export const mayNot = no('PRIVACYREQUIRED', 'Not without TLS: your password would be readable on the way')

export const logIn = async (
  session: Session,
  { user, password }: { user: string; password: string },
): Promise<Reply> => {
  if (!session.mayLogIn) return mayNot
  // An address that is none is as wrong as a wrong password, and costs as much.
  const found = await session.edge.login(user, password, session.remote).catch(asRefusal)
  return found instanceof Refusal ? turnAway(session, user, found) : admit(session, found)
}

export const turnAway = async (session: Session, user: string, refusal: Refusal): Promise<Reply> => {
  const { edge, remote } = session
  session.failedLogins++
  edge.metrics.logins.inc({ edge: 'imap', outcome: refusal.code })
  const { failedLogins: times } = session
  edge.log.warn(
    { event: 'login-refused', account: user.slice(0, ADDRESS_MAX), remote, code: refusal.code, times },
    refusal.detail,
  )
  await wait(edge.config.timing.failedLoginMs * times)
  if (times >= FAILURES_MAX) session.bye('Too many failed logins')
  return refused(refusal)
}

export const admit = (session: Session, entered: Entered): Reply => {
  const { edge, remote } = session
  const { account, by } = entered
  if (!edge.holds(by)) return no('AUTHENTICATIONFAILED', passwordGone)
  if (!edge.claim(account))
    return no('LIMIT', 'This account has too many sessions open; close a mail program somewhere')
  session.welcome(entered)
  edge.metrics.logins.inc({ edge: 'imap', outcome: 'ok' })
  edge.log.info({ event: 'login', account: account.address, remote }, 'logged in')
  return ok('Logged in', `CAPABILITY ${capabilities(session)}`)
}

export const asRefusal = (error: unknown): Refusal => {
  if (error instanceof Refusal) return error
  throw error
}
