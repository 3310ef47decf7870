/**
 * The settings as Apple's programs take them: a configuration profile (`.mobileconfig`) with one mail
 * account. It holds no password: the person is asked for it. Its identifiers come from the address alone, so that
 * a profile installed again replaces the one before.
 */
import { createHash } from 'node:crypto'
import type { Way } from '../config/settings.ts'
import { type Markup, markup } from './markup.ts'

/** @returns undefined if clients have no way in or none out */
export const profile = (address: string, name: string, ways: Way[]): string | undefined => {
  const [imap, smtp] = (['imap', 'smtp'] as const).map((which) => ways.find(({ service }) => service === which))
  if (!imap || !smtp) return undefined
  const account = dict({
    PayloadType: 'com.apple.mail.managed',
    PayloadVersion: 1,
    PayloadIdentifier: `vouchsafe.mail.${idOf('account', address)}`,
    PayloadUUID: idOf('account', address),
    PayloadDisplayName: address,
    EmailAccountDescription: address,
    EmailAccountType: 'EmailTypeIMAP',
    EmailAddress: address,
    IncomingMailServerAuthentication: 'EmailAuthPassword',
    IncomingMailServerHostName: imap.host,
    IncomingMailServerPortNumber: imap.port,
    IncomingMailServerUseSSL: true,
    IncomingMailServerUsername: address,
    OutgoingMailServerAuthentication: 'EmailAuthPassword',
    OutgoingMailServerHostName: smtp.host,
    OutgoingMailServerPortNumber: smtp.port,
    OutgoingMailServerUseSSL: true,
    OutgoingMailServerUsername: address,
    OutgoingPasswordSameAsIncomingPassword: true,
  })
  const whole = dict({
    PayloadType: 'Configuration',
    PayloadVersion: 1,
    PayloadIdentifier: `vouchsafe.${idOf('profile', address)}`,
    PayloadUUID: idOf('profile', address),
    PayloadDisplayName: `${address} (${name})`,
    PayloadDescription: 'Adds a mail account.',
    PayloadContent: [account],
  })
  return markup`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
${whole}
</plist>
`.text
}

type Value = string | number | boolean | Markup[]

const dict = (entries: Record<string, Value>): Markup =>
  markup`<dict>${Object.entries(entries).map(
    ([key, value]) => markup`
<key>${key}</key>${written(value)}`,
  )}
</dict>`

const written = (value: Value): Markup => {
  if (typeof value === 'boolean') return value ? markup`<true/>` : markup`<false/>`
  if (typeof value === 'number') return markup`<integer>${value}</integer>`
  return Array.isArray(value) ? markup`<array>${value}</array>` : markup`<string>${value}</string>`
}

/** A UUID of a name (RFC 9562 §5.8: any bits but those of version 8 and variant). */
const idOf = (kind: string, address: string): string => {
  const bytes = createHash('sha256').update(`vouchsafe ${kind} ${address}`).digest().subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return bytes
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    .toUpperCase()
}
