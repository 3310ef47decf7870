/**
 * Logging in, by whichever command. Wrong passwords cost time, more each time, and the fifth ends the session:
 * the gateway's own count over all sessions is in `login` (login-throttled).
 */
import { setTimeout as wait } from 'node:timers/promises'
import { Refusal } from '../../src/refusal.ts'
import { capabilities } from './capability.ts'
import { no, ok, type Reply, type Session } from './command.ts'
import { refused } from './refused.ts'

const FAILURES_MAX = 5

export const mayNot = no('PRIVACYREQUIRED', 'Not without TLS: your password would be readable on the way')

export const logIn = async (
  session: Session,
  { user, password }: { user: string; password: string },
): Promise<Reply> => {
  if (!session.mayLogIn) return mayNot
  const { edge, remote } = session
  // An address that is none is as wrong as a wrong password, and costs as much.
  const found = await edge.login(user, password, remote).catch(asRefusal)
  if (found instanceof Refusal) {
    session.failedLogins++
    edge.metrics.logins.inc({ edge: 'imap', outcome: found.code })
    edge.log.warn({ event: 'login-refused', remote, code: found.code, times: session.failedLogins }, found.detail)
    await wait(edge.config.timing.failedLoginMs * session.failedLogins)
    if (session.failedLogins >= FAILURES_MAX) session.bye('Too many failed logins')
    return refused(found)
  }
  if (!edge.claim(found)) return no('LIMIT', 'This account has too many sessions open; close a mail program somewhere')
  session.welcome(found)
  edge.metrics.logins.inc({ edge: 'imap', outcome: 'ok' })
  edge.log.info({ event: 'login', account: found.address, remote }, 'logged in')
  return ok('Logged in', `CAPABILITY ${capabilities(session)}`)
}

const asRefusal = (error: unknown): Refusal => {
  if (error instanceof Refusal) return error
  throw error
}
