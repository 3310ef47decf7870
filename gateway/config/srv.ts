/**
 * The DNS records by which mail clients find their servers from an address alone: RFC 6186, with
 * the TLS services of RFC 8314 first.
 */
import { domainToASCII } from 'node:url'
import type { Way } from './settings.ts'

/** All in ASCII, lower case, without a final dot. */
export type Srv = { name: string; priority: number; port: number; target: string }

const services = {
  imap: { tls: '_imaps', starttls: '_imap' },
  smtp: { tls: '_submissions', starttls: '_submission' },
} as const

/** TLS from the first byte is the better priority, RFC 8314 §5.1. A target must be a name that others can look up. */
export const srvRecords = (domain: string, ways: Way[]): Srv[] =>
  ways
    .filter(({ host }) => /[a-z]/i.test(host) && host.includes('.') && !host.includes(':'))
    .map(({ service, security, host, port }) => ({
      name: `${services[service][security]}._tcp.${domainToASCII(domain)}`.toLowerCase(),
      priority: security === 'tls' ? 0 : 10,
      port,
      target: host.toLowerCase(),
    }))

/** As a line of a zone file; an hour, as such records seldom change. */
export const writeSrv = ({ name, priority, port, target }: Srv): string =>
  `${name}. 3600 IN SRV ${priority} 1 ${port} ${target}.`
