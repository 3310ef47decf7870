/** Where the gateway listens, by the keys that say so: each port can serve one of them. */
import { isIP } from 'node:net'
import { type HostPort, type Listener, writeHostPort } from './value.ts'

type Listening = {
  smtp: { listeners: Listener[]; trusted: { listen: HostPort } | null }
  imap: { listeners: Listener[] }
  setup: { https: HostPort[]; http: HostPort[] }
  link: { listen: HostPort }
  health: { listen: HostPort }
  tls: { acme?: { http: HostPort } | undefined }
}
type Door = { key: string; at: HostPort }

/** @returns a complaint for each two keys that name one port */
export const samePorts = (config: Listening): string[] => {
  const doors = doorsOf(config)
  return doors.flatMap((one, i) =>
    doors
      .slice(i + 1)
      .filter((other) => isSame(one.at, other.at))
      .map((other) => `${told(one)} and ${told(other)}: one port can't serve both; give one of them another`),
  )
}

const doorsOf = ({ smtp, imap, setup, link, health, tls }: Listening): Door[] => [
  ...smtp.listeners.map((at) => ({ key: `smtp.${at.security}`, at })),
  ...imap.listeners.map((at) => ({ key: `imap.${at.security}`, at })),
  ...(smtp.trusted ? [{ key: 'smtp.trusted.listen', at: smtp.trusted.listen }] : []),
  ...setup.https.map((at) => ({ key: 'setup.https', at })),
  ...setup.http.map((at) => ({ key: 'setup.http', at })),
  { key: 'link.listen', at: link.listen },
  { key: 'health.listen', at: health.listen },
  ...(tls.acme ? [{ key: 'tls.acme.http', at: tls.acme.http }] : []),
]

/** Port 0 is any that is free. */
const isSame = (one: HostPort, other: HostPort): boolean =>
  one.port !== 0 && one.port === other.port && (one.host === other.host || holds(one, other) || holds(other, one))

/** `::` is every address, of IPv4 as well. */
const holds = ({ host }: HostPort, other: HostPort): boolean =>
  host === '::' || (host === '0.0.0.0' && isIP(other.host) !== 6)

const told = ({ key, at }: Door): string => `${key} = ${JSON.stringify(writeHostPort(at))}`
