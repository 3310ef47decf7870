/**
 * What happens at each turn of an SMTP session: who may speak, whose address, to whom, which message.
 * RFC 6409 (submission), RFC 4954 (AUTH), RFC 3461 (DSN). Where nothing has to be awaited the callback is
 * called at once: under load that is one turn of the event loop less a command.
 */
import type { Readable } from 'node:stream'
import type { SMTPServerAddress, SMTPServerAuthentication, SMTPServerOptions } from 'smtp-server'
import type { Level } from '../../src/complaint/policy.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Metrics } from '../metrics.ts'
import type { Meter } from '../throttle.ts'
import { type Accepted, type AcceptOptions, accept } from './accept.ts'
import type { Account, Entered, Session } from './connection.ts'
import { checkMail, checkRcpt, spellings } from './envelope.ts'
import { discard } from './receive.ts'
import { asReply, ReplyError, refused } from './replies.ts'

/** `here` and `known` are taken at once; `undecided`, because the search did not end in its time, is taken too. */
export type Found = 'here' | 'missing' | 'known' | 'unknown' | 'undecided'

export type SessionOptions = AcceptOptions & {
  /** Of the gateway's addresses. */
  domain: string
  /** IP address → address of the account it sends as; absent where one logs in. */
  trusted?: ReadonlyMap<string, string>
  /** See `discard`. */
  stallMs: number
  messages: Meter
  recipients: Meter
  /** Messages of an account that complaints have made slow. */
  slowed: Meter
  login(address: string, password: string, remote: string): Promise<Entered | Refusal>
  account(address: string): Promise<Account | undefined>
  /** Whether the account and its password are still those that logged in: they may be removed while their client is here. */
  isThere(account: Account): boolean
  /** How far complaints about its mail have brought an account. */
  levelOf(account: Account): Level
  lookup(address: string, account: Account): Promise<Found>
  metrics: Pick<Metrics, 'sessions' | 'logins' | 'refusals'>
}

type Done = (error?: Error | null) => void

/** After so many the connection ends: a client that asks its person tries once, one that guesses has to dial anew. */
const FAILED_LOGINS_MAX = 3

/** The handlers in smtp-server's form. */
export const sessionHandlers = (options: SessionOptions) =>
  ({
    onConnect(session: Session, done: Done): void {
      options.metrics.sessions.inc({ edge: 'smtp' })
      session.isCounted = true
      if (options.trusted === undefined) done()
      else void answer(options, session, welcome(options, options.trusted, session), done)
    },

    onAuth(auth: SMTPServerAuthentication, session: Session, done: AuthDone): void {
      const work = logIn(options, auth, session).then((user) => {
        done(null, { user })
        session.connection.loggedIn()
      })
      work.catch((error: unknown) => done(replyFor(options, session, error)))
    },

    onMailFrom(address: SMTPServerAddress, session: Session, done: Done): void {
      let reply: Error | null = null
      try {
        address.address = senderOf(options, address, session)
      } catch (error) {
        session.connection._resetSession() // the library has noted the parameters already
        reply = replyFor(options, session, error, { from: address.address })
      }
      done(reply)
    },

    onRcptTo(address: SMTPServerAddress, session: Session, done: Done): void {
      const about = { recipient: address.address }
      void answer(options, session, admit(options, address, session), done, about)
    },

    onData(stream: Readable, session: Session, done: (error?: Error | null, text?: string) => void): void {
      received(options, stream, session)
        .then(
          ({ text, answer }) => {
            done(null, `2.0.0 ${text}`)
            session.connection.answering(answer)
          },
          (error: unknown) => refuseMessage(options, stream, session, error, done),
        )
        .then(() => session.connection.settle())
    },

    onClose(session: Session): void {
      if (session.isCounted) options.metrics.sessions.dec({ edge: 'smtp' })
    },
  }) satisfies SMTPServerOptions

type AuthDone = (error: Error | null, response?: { user: Account }) => void

const answer = async (options: SessionOptions, session: Session, work: Promise<void>, done: Done, about?: About) => {
  let reply: Error | null = null
  try {
    await work
  } catch (error) {
    reply = replyFor(options, session, error, about)
  }
  done(reply)
}

/** A trusted listener knows its devices by where they are, and nobody else. */
const welcome = async (options: SessionOptions, trusted: ReadonlyMap<string, string>, session: Session) => {
  const address = trusted.get(session.remoteAddress)
  const account = address === undefined ? undefined : await options.account(address)
  if (account === undefined) {
    const [why, text] = address === undefined ? noDevice : noAccount
    const line = { event: 'device-refused', remote: session.remoteAddress, account: address ?? 'none' }
    options.log.warn(line, why)
    throw new ReplyError([554, '5.7.1', text])
  }
  session.user = account
}

/** What the log says, and what the device is told. */
const noDevice = ['no such device', 'Your address is not among the devices that may send here without a login'] as const
const noAccount = [
  'the account that this device sends as is not here: make it, or name another in smtp.trusted.accounts',
  'The account that this device sends as is not here; tell the administrator',
] as const

const logIn = async (options: SessionOptions, auth: SMTPServerAuthentication, session: Session): Promise<Account> => {
  const { username = '', authzid = '' } = auth
  const isForAnother = authzid !== '' && authzid.toLowerCase() !== username.toLowerCase() // RFC 4616 §2: to act as somebody else
  const found = isForAnother
    ? new Refusal('login-failed')
    : await options.login(username, auth.password ?? '', session.remoteAddress)
  options.metrics.logins.inc({ edge: 'smtp', outcome: found instanceof Refusal ? found.code : 'ok' })
  if (!(found instanceof Refusal)) return { ...found.account, by: found.by }

  const { code } = found
  options.log.warn(
    { event: 'login-refused', code, account: username.slice(0, 254), remote: session.remoteAddress },
    'a login failed',
  )
  session.failedLogins = (session.failedLogins ?? 0) + 1
  if (session.failedLogins < FAILED_LOGINS_MAX) throw refused(code)
  throw new ReplyError([421, '4.7.0', 'Too many failed logins; check the password and connect again'], code)
}

const senderOf = (options: SessionOptions, address: SMTPServerAddress, session: Session): string => {
  const account = senderAccount(session)
  if (!options.isThere(account)) {
    session.user = false
    options.log.info(
      { event: 'session-ended', account: account.address, label: account.by?.label, remote: session.remoteAddress },
      'the account or its password is no more: the client has to log in again',
    )
    throw new ReplyError([530, '5.7.0', 'This account, or its password, has been removed or changed; log in again'])
  }
  if (address.address === '') throw refused('sender-not-yours', nullSenderText)
  if (!spellings(checkMail(address, session)).includes(account.address)) throw refused('sender-not-yours')
  const level = options.levelOf(account)
  if (level === 'stopped') throw refused('sender-stopped')
  if (options.messages.take(String(account.id)) > 0) throw refused('rate-limited')
  if (level === 'slowed' && options.slowed.take(String(account.id)) > 0) throw refused('sender-slowed')
  return account.address
}

/** Also stands where the library asks for no login because it can't offer one. */
const senderAccount = ({ user }: Session): Account => {
  if (!user) throw new ReplyError([530, '5.7.0', 'Log in first'])
  return user
}

const nullSenderText =
  'Submission needs your own address as the sender; the gateway itself reports what becomes of mail'

/** Tries count, not successes: or RCPT were a way to read out who is known here. */
const admit = async (options: SessionOptions, address: SMTPServerAddress, session: Session): Promise<void> => {
  const account = senderAccount(session)
  const to = checkRcpt(address, session, options.domain)
  if (options.recipients.take(String(account.id)) > 0) throw refused('rate-limited')
  let found: Found = 'unknown'
  for (const spelling of spellings(to)) {
    found = await options.lookup(spelling, account)
    address.address = spelling
    if (found !== 'missing' && found !== 'unknown') return
  }
  throw refused(found === 'missing' ? 'mailbox-missing' : 'address-unknown')
}

const received = async (options: SessionOptions, stream: Readable, session: Session): Promise<Accepted> =>
  accept(options, stream, session, senderAccount(session))

/** The refusal is said where the client listens for it, after its final dot; unless that does not come. */
const refuseMessage = async (
  options: SessionOptions,
  stream: Readable,
  session: Session,
  error: unknown,
  done: Done,
): Promise<void> => {
  if (isGone(error)) {
    const who = { account: session.user ? session.user.address : undefined, remote: session.remoteAddress }
    options.log.info({ event: 'broken-off', ...who }, 'a client went away in the midst of its message; nothing is kept')
    return done(asReply(error)) // nobody hears it
  }
  const reply = replyFor(options, session, error)
  options.metrics.submissions.inc({ outcome: reply.code ?? 'fault' })
  const isWhole = await discard(stream, options.stallMs)
  if (!isWhole) stream.destroy() // so that the library answers now
  done(reply)
  if (!isWhole) session.connection.close()
}

const isGone = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  (error.code === 'ECONNECTION' || error.code === 'ERR_STREAM_PREMATURE_CLOSE')

/** What a client named in the command that is refused. */
type About = { from: string } | { recipient: string }

/** Errors become replies here and nowhere else; what is behind them goes to the log. */
const replyFor = ({ log, metrics }: SessionOptions, { user }: Session, error: unknown, about?: About): ReplyError => {
  const reply = asReply(error)
  const { code } = reply
  const who = user && { account: user.address, ...about }
  if (code !== undefined) metrics.refusals.inc({ edge: 'smtp', code })
  if (code === undefined && !(error instanceof ReplyError))
    log.error({ event: 'fault', ...who, err: error }, 'the client was told to try again')
  else if (code === undefined ? user : code !== 'login-failed') {
    const detail = error instanceof Refusal ? error.detail : reply.message
    log.info({ event: 'refused', ...(code && { code }), ...who, detail }, 'a client was told no')
  }
  return reply
}
