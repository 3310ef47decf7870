/**
 * The settings as Thunderbird, and many others after it, look for them at
 * `/mail/config-v1.1.xml` and `/.well-known/autoconfig/mail/config-v1.1.xml`: clientConfig, version 1.1.
 * The client puts the address for `%EMAILADDRESS%`, so everybody gets the same text. Thunderbird takes no domain or
 * server but in ASCII.
 */
import type { Way } from '../config/settings.ts'
import { inAscii } from '../config/value.ts'
import { type Markup, markup } from './markup.ts'

type Provider = { domain: string; name: string; ways: Way[] }

export const autoconfig = ({ domain, name, ways }: Provider): string =>
  markup`<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="${inAscii(domain)}">
    <domain>${inAscii(domain)}</domain>
    <displayName>${name}</displayName>
    <displayShortName>${name}</displayShortName>${ways.map(server)}
  </emailProvider>
</clientConfig>
`.text

const server = (way: Way): Markup => (way.service === 'imap' ? incoming(way) : outgoing(way))

const incoming = (way: Way): Markup => markup`
    <incomingServer type="imap">${details(way)}
    </incomingServer>`

const outgoing = (way: Way): Markup => markup`
    <outgoingServer type="smtp">${details(way)}
    </outgoingServer>`

/** `password-cleartext` means inside TLS: there is no other way in. */
const details = ({ host, port, security }: Way): Markup => markup`
      <hostname>${host}</hostname>
      <port>${port}</port>
      <socketType>${security === 'tls' ? 'SSL' : 'STARTTLS'}</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>`
