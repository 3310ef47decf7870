/**
 * The kinds of value in the configuration, each with the sentence that says how to
 * write it right.
 */
import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { z } from 'zod'
import { canonical, domainOf } from '../../src/address.ts'

export type HostPort = { host: string; port: number }
export type Listener = HostPort & { security: 'starttls' | 'tls' }

export const text = (fix: string) => z.string({ error: fix }).refine((value) => value.trim() !== '', { error: fix })

export const yesNo = z.boolean({ error: 'write true or false' })

export const count = (least: number, most: number) => {
  const error = `write a whole number from ${least} to ${most}`
  return z.int({ error }).min(least, { error }).max(most, { error })
}

/** Something written as text that a function turns into a value, or undefined if it can't. */
const written = <T>(read: (text: string) => T | undefined, fix: string) =>
  z.string({ error: fix }).transform((value, context) => {
    const result = read(value)
    if (result !== undefined) return result
    context.addIssue({ code: 'custom', message: fix, input: value })
    return z.NEVER
  })

const unitsMs: Record<string, number> = { s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 }
const durationFix = 'not a duration; write a number with s, min, h or d, for example "2 h"'
export const duration = written((value) => amount(value, unitsMs), durationFix)

/** Not none at all. */
export const span = duration.refine((ms) => ms > 0, { error: 'write more than nothing, for example "15 min"' })

const unitsBytes: Record<string, number> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }
const sizeFix = 'not a size; write a number with B, KiB, MiB or GiB, for example "64 MiB"'
/** `5 GiB` in bytes; undefined for what is no size. */
export const readSize = (value: string): number | undefined => amount(value, unitsBytes)
export const size = written(readSize, sizeFix)
/** Not none at all. */
export const someSize = size.refine((bytes) => bytes > 0, { error: 'write more than nothing, for example "64 MiB"' })
/** Infinity for "none"; elsewhere 0 may mean that, here it would shut everybody out. */
export const limit = written(
  (value) => (value === 'none' ? Number.POSITIVE_INFINITY : readSize(value) || undefined),
  'not a limit; write a size, for example "5 GiB", or "none"',
)

const amount = (value: string, units: Record<string, number>): number | undefined => {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(value.trim()) ?? []
  const written = Math.round(Number(number) * (units[unit] ?? Number.NaN))
  return Number.isSafeInteger(written) ? written : undefined // also what is more than can be counted
}

/** Whether a certificate can name it and a client look for it: no large number, neither `192.0.2.999` nor `xn--a`. */
export const isHost = (name: string): boolean => URL.canParse(`http://${name}`)

/** Of a URL: a request with one fails, and the log says why, with name and password. */
export const isWithoutLogin = (url: string): boolean => {
  const { username, password } = new URL(url)
  return username === '' && password === ''
}

/** `127.0.0.1:2587`, `[::1]:2587`, `mail.example.org:2740` */
export const readHostPort = (value: string): HostPort | undefined => {
  const [, written = '', port = ''] = /^(\[[0-9a-fA-F:]+\]|[^\s:[\]@/\\?#%]+):(\d{1,5})$/.exec(value.trim()) ?? []
  if (!isHost(written) || Number(port) > 65_535) return undefined
  return { host: written.replace(/[[\]]/g, ''), port: Number(port) }
}

/** As it stands in the DNS, and as programs want it that know no other letters: `xn--mnchen-3ya.test`. */
export const inAscii = (host: string): string => domainToASCII(host) || host // of an IPv6 address nothing

export const writeHostPort = ({ host, port }: HostPort): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

const hostPortFix = 'not an address and port; write for example "127.0.0.1:2587" or "[::1]:2587"'
export const hostPort = written(readHostPort, hostPortFix)

/** Where one listens on all addresses; dialled, it is the dialler itself. */
export const isEverywhere = (host: string): boolean => host === '0.0.0.0' || host === '::'

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

export const listeners = (starttls: string, tls: string) => ({
  starttls: z.array(hostPort, { error: 'write a list, for example ["127.0.0.1:2587"]' }).prefault([starttls]),
  tls: z.array(hostPort, { error: 'write a list, for example ["127.0.0.1:2465"]' }).prefault([tls]),
})

export const asListeners = ({ starttls, tls }: { starttls: HostPort[]; tls: HostPort[] }): Listener[] => [
  ...starttls.map((at) => ({ ...at, security: 'starttls' as const })),
  ...tls.map((at) => ({ ...at, security: 'tls' as const })),
]

const readAddress = (value: string): string | undefined => {
  try {
    return canonical(value)
  } catch {
    return undefined
  }
}

/** Of an account; as it is kept. */
export const address = (fix: string) => written(readAddress, fix)

const domainFix = 'not a domain; write for example "example.org", or leave the key out to use a .vouchsafe.alt name'
export const domain = written((value) => {
  const address = readAddress(`a@${value}`) // as the addresses in it are kept, or nobody would be at home
  const name = address && domainOf(address)
  return name && isHost(name) ? name : undefined
}, domainFix)

/** Where passwords are sent, or answers believed. */
export const isSafeUrl = (value: string): boolean => {
  if (!URL.canParse(value)) return false
  const { protocol, hostname } = new URL(value)
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}
