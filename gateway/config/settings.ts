/** What a person, or a program for them, enters into a mail client, from the configuration. */
import { hostname } from 'node:os'
import type { Config } from './config.ts'
import { type HostPort, inAscii, isEverywhere, isLoopback, type Listener, writeHostPort } from './value.ts'

/** One way in. `host` is what a client writes, in ASCII, never an address that only listens (0.0.0.0). */
export type Way = Listener & { service: 'imap' | 'smtp' }

/**
 * What `[setup]` names, else the listeners, those on loopback where there are no others: a program on this machine reaches all.
 * IMAP first, of each service the best first.
 */
export const waysIn = (config: Pick<Config, 'gateway' | 'smtp' | 'imap' | 'setup'>): Way[] => {
  const of = (service: Way['service']): Way[] => {
    const named = config.setup[service]
    if (named) return [{ service, ...named, host: inAscii(named.host), security: 'tls' }]
    const { listeners } = config[service]
    const open = listeners.filter(({ host }) => !isLoopback(host))
    const all = (open.length > 0 ? open : listeners).map((at) => ({ service, ...at, host: reachedAt(config, at) }))
    return [...all.filter(({ security }) => security === 'tls'), ...all.filter(({ security }) => security !== 'tls')]
  }
  return [...of('imap'), ...of('smtp')]
}

/** One that listens everywhere is reached by the domain. */
const reachedAt = ({ gateway }: Pick<Config, 'gateway'>, { host }: HostPort): string =>
  inAscii(isEverywhere(host) ? (gateway.domain ?? hostname()) : host)

/** Of the set-up page: what `[setup]` names, else its first listener, `at`. */
export const pageUrl = (config: Pick<Config, 'gateway' | 'setup'>, at: HostPort): string => {
  const { url, https } = config.setup
  const scheme = https.length > 0 ? 'https' : 'http'
  return url ?? `${scheme}://${writeHostPort({ host: reachedAt(config, at), port: at.port })}`
}

/** The certificate for mail clients: what the configuration says of it, and what it has to be good for. */
export const certificateOf = (home: string, config: Pick<Config, 'tls'> & Parameters<typeof waysIn>[0]) => {
  const { url } = config.setup
  const page = url === undefined ? [] : [new URL(url).hostname.replace(/^\[|\]$/g, '')]
  const hosts = [...new Set([...waysIn(config).map(({ host }) => host), ...page])]
  return { home, domain: config.gateway.domain, hosts, ...config.tls }
}

/** One line a way in; `name` → `server, port, login`. And where all this is told to mail clients, if anywhere. */
export const clientSettings = (config: Parameters<typeof waysIn>[0]): Record<string, string> => ({
  ...Object.fromEntries(
    waysIn(config).map(({ service, host, port, security }) => [
      `${service.toUpperCase()} ${security === 'tls' ? 'SSL/TLS' : 'STARTTLS'}`,
      `server ${host}, port ${port}, normal password`,
    ]),
  ),
  ...pageOf(config),
})

const pageOf = (config: Parameters<typeof waysIn>[0]): Record<string, string> => {
  const at = config.setup.https[0] ?? config.setup.http[0]
  return at === undefined ? {} : { 'set-up page': pageUrl(config, at) }
}
