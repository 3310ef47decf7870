/**
 * The submission edge: a listener each for STARTTLS, for TLS from the first byte, and, where configured,
 * for devices that can't log in. It hands complete messages to `submit` and says 250 when that is done.
 */
import { once } from 'node:events'
import { type AddressInfo, SocketAddress } from 'node:net'
import { domainToASCII } from 'node:url'
import { canonical } from '../../src/address.ts'
import { type HostPort, isLoopback, type Listener } from '../config/value.ts'
import type { Log } from '../log.ts'
import { createPlaces } from '../places.ts'
import { createMeter } from '../throttle.ts'
import { type TlsPair, tlsTerms } from '../tls.ts'
import type { Patience } from './connection.ts'
import { Server } from './listening.ts'
import { openRepeats } from './repeat.ts'
import { type SessionOptions, sessionHandlers } from './session.ts'

export type SmtpConfig = {
  listeners: Listener[]
  /** Of the gateway's addresses. */
  domain: string
  sizeLimit: number
  recipientLimit: number
  messagesPerMinute: number
  sessionLimit: number
  /** Over all listeners. Loopback: gateway/places.ts. */
  sessionsPerAddress: number
  /** Login without TLS, on the listeners bound to a loopback address. */
  plainLoopback: boolean
  trusted: { listen: HostPort; accounts: ReadonlyMap<string, string> } | null
}

export type SmtpOptions = { config: SmtpConfig; tls: TlsPair } & Pick<
  SessionOptions,
  'login' | 'account' | 'isThere' | 'levelOf' | 'lookup' | 'submit' | 'startBody' | 'discard' | 'log' | 'metrics'
>

export type Smtp = {
  /** Where it listens, in the order of the configuration, the trusted one last. */
  addresses: AddressInfo[]
  /** New sessions get this certificate. */
  useTls(pair: TlsPair): void
  /** Takes no new sessions; a message in hand is finished, at most `closeMs` later all are gone. */
  close(): Promise<void>
}

/** How long a client may be silent or a stop may last. */
export type Times = Patience & { stallMs: number; closeMs: number }
export const usualTimes: Times = {
  loginMs: 60_000, // also for the TLS handshake
  idleMs: 300_000, // RFC 5321 §4.5.3.2.7
  stallMs: 3_000,
  closeMs: 10_000,
}

const MINUTE_MS = 60_000
/** What an account may send in an hour about which several people have complained: enough for letters, not for mailings. */
const SLOWED_AN_HOUR = 6
/** What an account may address in a minute, for each message it may send then; RCPTs that are refused count. */
const RECIPIENTS_PER_MESSAGE = 10
/** A scan of the network must not fill the disk with its log. */
const NOISE_PER_MINUTE = 60

/** @throws when a listener can't be opened, with the others closed again */
export const startSmtp = async (options: SmtpOptions, times = usualTimes): Promise<Smtp> => {
  const { config } = options
  const log = options.log.child({ area: 'smtp' })
  const meters = {
    messages: createMeter(config.messagesPerMinute, MINUTE_MS),
    slowed: createMeter(SLOWED_AN_HOUR, 60 * MINUTE_MS),
    recipients: createMeter(
      Math.max(config.messagesPerMinute * RECIPIENTS_PER_MESSAGE, config.recipientLimit), // EHLO promises these for one
      MINUTE_MS,
    ),
  }
  const { domain, sizeLimit } = config
  const host = domainToASCII(domain)
  const repeats = openRepeats(Date.now)
  const session: SessionOptions = {
    ...{ ...options, ...meters, repeats, log, domain, host, sizeLimit },
    stallMs: times.stallMs,
  }
  const door = { ...times, places: createPlaces(config.sessionLimit, config.sessionsPerAddress) }
  const common = {
    ...commonOptions(config),
    name: host,
    closeTimeout: times.closeMs,
    cert: options.tls.certificate,
    key: options.tls.key,
  }

  const servers = config.listeners.map((listener) => ({
    at: listener as HostPort,
    server: new Server(
      {
        ...common,
        secure: listener.security === 'tls',
        allowInsecureAuth: config.plainLoopback && isLoopback(listener.host),
        ...sessionHandlers(session),
      },
      door,
    ),
  }))
  if (config.trusted) {
    const trusted = new Map([...config.trusted.accounts].map(([ip, address]) => [plainIp(ip), canonical(address)]))
    servers.push({
      at: config.trusted.listen,
      server: new Server(
        {
          ...common,
          disabledCommands: [...common.disabledCommands, 'AUTH', 'STARTTLS'],
          ...sessionHandlers({ ...session, trusted }),
        },
        door,
      ),
    })
  }

  const close = async () => {
    await Promise.all(servers.map(({ server }) => closeServer(server)))
  }
  for (const { server } of servers) logNoise(server, log)
  const addresses = await Promise.all(servers.map(({ server, at }) => listen(server, at))).catch(async (error) => {
    await close()
    throw error
  })
  return {
    addresses,
    useTls: ({ certificate, key }) => {
      for (const { server } of servers) server.updateSecureContext({ cert: certificate, key })
    },
    close,
  }
}

const commonOptions = (config: SmtpConfig) => ({
  banner: 'Vouchsafe',
  heloResponse: '%s', // and not where the client comes from
  size: config.sizeLimit,
  maxRecipients: config.recipientLimit,
  maxClients: config.sessionLimit,
  authMethods: ['PLAIN', 'LOGIN'],
  authRequiredMessage: 'Log in first; if your program offers no login here, let it use TLS',
  hideENHANCEDSTATUSCODES: false,
  hideDSN: false,
  hideREQUIRETLS: false, // all mail between gateways is sealed and goes over TLS: RFC 8689 asks for nothing else
  disableReverseLookup: true, // nobody wants the name, and each lookup would tell the resolver who mails when
  disabledCommands: ['XCLIENT', 'XFORWARD', 'WIZ', 'SHELL', 'KILL'],
  ...tlsTerms,
  logger: false,
})

/**
 * Garbage instead of TLS, clients that vanish or get sent away, what the library refuses by itself: logged, as long as
 * there are few of them.
 */
const logNoise = (server: Server, log: Log): void => {
  const lines = createMeter(NOISE_PER_MINUTE, MINUTE_MS)
  const tell = (remote: unknown, detail: string) => {
    if (lines.take('') === 0) log.info({ event: 'session-ended', remote, detail }, 'a session came to nothing')
  }
  server.on('dismissed', tell)
  server.on('refused', (account: string | undefined, remote: string, detail: string) => {
    const who = account === undefined ? { remote } : { account } // whom a scan of others does not hide
    if (lines.take(account ?? '') === 0) log.info({ event: 'refused', ...who, detail }, 'a client was told no')
  })
  let last: unknown
  server.on('error', (error: SessionError) => {
    if (error === last) return // a handshake that fails says so twice
    last = error
    tell(error.meta?.remoteAddress ?? error.remoteAddress, error.reason ?? error.message)
  })
}

/** `reason` is OpenSSL's, without its addresses in memory. */
type SessionError = Error & { reason?: string; remoteAddress?: string; meta?: { remoteAddress?: string } }

const listen = async ({ server }: Server, { host, port }: HostPort): Promise<AddressInfo> => {
  server.listen(port, host)
  await once(server, 'listening')
  return server.address() as AddressInfo
}

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(resolve)
    server.retire()
  })

/** As smtp-server spells addresses. */
const plainIp = (ip: string): string => {
  const address = ip.replace(/^::ffff:(?=\d+\.)/i, '')
  return address.includes(':') ? new SocketAddress({ address, family: 'ipv6' }).address : address
}
