/** What a person, or a program for them, enters into a mail client, from the configuration. */
import { hostname } from 'node:os'
import type { Config } from './config.ts'
import { inAscii, isEverywhere, type Listener, writeHostPort } from './value.ts'

/** One way in. `host` is what a client writes, in ASCII, never an address that only listens (0.0.0.0). */
export type Way = Listener & { service: 'imap' | 'smtp' }

/** What `[setup]` names, else the listeners; IMAP first, of each service the best first. */
export const waysIn = (config: Pick<Config, 'gateway' | 'smtp' | 'imap' | 'setup'>): Way[] => {
  const everywhere = config.gateway.domain ?? hostname()
  const of = (service: Way['service']): Way[] => {
    const named = config.setup[service]
    if (named) return [{ service, ...named, host: inAscii(named.host), security: 'tls' }]
    const all = config[service].listeners.map((at) => ({
      service,
      ...at,
      host: inAscii(isEverywhere(at.host) ? everywhere : at.host),
    }))
    return [...all.filter(({ security }) => security === 'tls'), ...all.filter(({ security }) => security !== 'tls')]
  }
  return [...of('imap'), ...of('smtp')]
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

const pageOf = ({ setup }: Parameters<typeof waysIn>[0]): Record<string, string> => {
  const [secure, plain] = [setup.https[0], setup.http[0]]
  const own = secure ? `https://${writeHostPort(secure)}` : plain && `http://${writeHostPort(plain)}`
  return own === undefined ? {} : { 'set-up page': setup.url ?? own }
}
