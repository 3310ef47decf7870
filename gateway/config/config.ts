/**
 * The configuration, `<home>/vouchsafe.toml`: read, checked, and turned into values.
 *
 * Every complaint names the key, the value and the fix, and all complaints come at
 * once. Durations are milliseconds and sizes bytes from here on; the file says
 * `"5 d"` and `"64 MiB"`. What is not in the file has the default given here, so an
 * empty file is a good one. `configText` in text.ts writes it for people.
 */
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { parse, TomlError } from 'smol-toml'
import { z } from 'zod'
import { MAX_LIFE_MS } from '../../src/envelope/chain.ts'
import { TIMES_LEAST, TIMES_MOST } from '../../src/link/connection-times.ts'
import { AUTO } from '../../src/reach/seen.ts'
import { MAX_AGENT_NAME } from '../../src/wire/pair.ts'
import { isHostPort, MAX_ADDRESSES, MAX_NET } from '../../src/wire/record.ts'
import { readIfThere } from '../../store/file.ts'
import { complaints } from './complaints.ts'
import { delivery } from './delivery.ts'
import { directory } from './directory.ts'
import { dns } from './dns.ts'
import { samePorts } from './ports.ts'
import { setup } from './setup.ts'
import { tls } from './tls.ts'
import {
  address,
  asListeners,
  count,
  domain,
  duration,
  hostPort,
  isEverywhere,
  isLoopback,
  limit,
  listeners,
  size,
  someSize,
  span,
  text,
  writeHostPort,
  yesNo,
} from './value.ts'

export type Config = z.infer<typeof schema>

/** What is wrong with the file, a complaint a line: the text is meant for the administrator. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

export const configPath = (home: string): string => join(home, 'vouchsafe.toml')

export const readConfig = async (home: string): Promise<Config> => {
  const path = configPath(home)
  const text = await readIfThere(path)
  if (text === undefined)
    throw new ConfigError(
      `There is no Vouchsafe home at ${resolve(home)} (no vouchsafe.toml).\n` +
        'Make one with `vouchsafe init`, or name another with VOUCHSAFE_HOME or --home.',
    )
  return parseConfig(text, path)
}

/** @param name how the file is called in complaints */
export const parseConfig = (text: string, name = 'vouchsafe.toml'): Config => {
  const value = readToml(text, name)
  const checked = schema.safeParse(value)
  const complaints = checked.success
    ? samePorts(checked.data)
    : checked.error.issues.map((issue) => complaint(issue, value))
  if (checked.success && complaints.length === 0) return checked.data
  throw new ConfigError([`${name} can't be used:`, ...complaints.map((line) => `  ${line}`)].join('\n'))
}

const readToml = (text: string, name: string): unknown => {
  // Another encoding, decoded: a name in it would stand on neighbours' screens as question marks.
  if (text.includes('\ufffd')) throw new ConfigError(`${name} is not UTF-8: save it in that encoding`)
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const twice = error.message.includes('redefine')
      ? '\nEach section and each key stands once: change the one that is there.'
      : ''
    throw new ConfigError(`${name} is not TOML: ${error.message.trimEnd()}${twice}`)
  }
}

/** `smtp.size_limit = "lots": not a size; write for example "64 MiB"` */
const complaint = (issue: z.core.$ZodIssue, root: unknown): string => {
  const key = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    const names = issue.keys.map((name) => [key, name].filter(Boolean).join('.'))
    return `${names.join(', ')}: no such key; the sample in etc/vouchsafe.toml lists all of them`
  }
  const value = issue.path.reduce<unknown>((at, name) => (at as Record<PropertyKey, unknown> | undefined)?.[name], root)
  const isNoTable = issue.code === 'invalid_type' && issue.expected === 'object'
  const fix = isNoTable ? `write a table: [${key}], and its keys in the lines below` : issue.message
  return `${key} = ${value === undefined ? '(missing)' : shown(value)}: ${fix}`
}

/** Without the login in an address: complaints go to the log. */
const shown = (value: unknown): string => JSON.stringify(value).replace(/:\/\/[^/"]*@/g, '://…@')

const gateway = z
  .strictObject({
    domain: domain.optional(),
    name: text('write the name that neighbours will see, for example "Ann\'s gateway"')
      .refine((name) => name.length <= MAX_AGENT_NAME, {
        error: `neighbours take no name longer than ${MAX_AGENT_NAME} characters`,
      })
      .optional(),
    net: text('write the name of the web, "vouchsafe" unless you run a trial web')
      .refine((net) => net.length <= MAX_NET, { error: `it has ${MAX_NET} characters at most` })
      .prefault('vouchsafe'),
  })
  .prefault({})
  .transform(({ name, ...table }) => ({
    ...table,
    name: name ?? table.domain?.slice(0, MAX_AGENT_NAME) ?? 'Vouchsafe',
  }))

const login = z
  .strictObject({
    plain_loopback: yesNo.prefault(false),
    failures: count(1, 1000).prefault(10),
    window: span.prefault('15 min'),
  })
  .prefault({})
  .transform(({ plain_loopback, failures, window }) => ({ plainLoopback: plain_loopback, failures, windowMs: window }))

const trusted = z
  .strictObject({
    listen: hostPort,
    accounts: z.record(
      z.string().refine((value) => isIP(value) > 0, { error: 'not an IP address' }),
      address('write the address of the account this device sends as, for example "printer@example.org"'),
      { error: 'write which device sends as whom, for example { "192.0.2.7" = "printer@example.org" }' },
    ),
  })
  .transform(({ listen, accounts }) => ({ listen, accounts: new Map(Object.entries(accounts)) }))

const smtp = z
  .strictObject({
    ...listeners('127.0.0.1:2587', '127.0.0.1:2465'),
    size_limit: someSize.prefault('64 MiB'),
    recipients: count(1, 10_000).prefault(100),
    messages_per_minute: count(1, 1_000_000).prefault(300),
    sessions: count(1, 100_000).prefault(500),
    sessions_per_address: count(1, 100_000).prefault(50),
    wait_for_custody: duration
      .refine((ms) => ms <= 60_000, { error: 'not longer than "1 min": the mail client waits as long' })
      .prefault('0 s'),
    trusted: trusted.optional(),
  })
  .prefault({})
  .transform((table) => ({
    listeners: asListeners(table),
    sizeLimit: table.size_limit,
    recipientLimit: table.recipients,
    messagesPerMinute: table.messages_per_minute,
    sessionLimit: table.sessions,
    sessionsPerAddress: table.sessions_per_address,
    waitForCustodyMs: table.wait_for_custody,
    trusted: table.trusted ?? null,
  }))

const imap = z
  .strictObject({
    ...listeners('127.0.0.1:2143', '127.0.0.1:2993'),
    sessions: count(1, 100_000).prefault(1000),
    sessions_per_address: count(1, 100_000).prefault(100),
    sessions_per_account: count(1, 10_000).prefault(50),
  })
  .prefault({})
  .transform((table) => ({
    listeners: asListeners(table),
    sessionLimit: table.sessions,
    sessionsPerAddress: table.sessions_per_address,
    sessionsPerAccount: table.sessions_per_account,
  }))

const accounts = z
  .strictObject({ quota: limit.prefault('none') })
  .prefault({})
  .transform(({ quota }) => ({ quotaBytes: quota }))

const announced = hostPort
  .refine((value) => isHostPort(writeHostPort(value)), {
    error: 'neighbours take no such address; write a name as it stands in the DNS (xn--…) or an IP address, and a port',
  })
  .refine(({ host }) => !isEverywhere(host), {
    error:
      'neighbours would dial themselves; write where they reach this gateway, or "auto:2740" for where they see it',
  })
const link = z
  .strictObject({
    listen: hostPort.prefault('0.0.0.0:2740'),
    announce: z
      .array(announced, { error: 'write a list, for example ["mail.example.org:2740"]' })
      .refine((all) => all.reduce((sum, { host }) => sum + (host === AUTO ? 2 : 1), 0) <= MAX_ADDRESSES, {
        error: `neighbours take ${MAX_ADDRESSES} addresses at most; "auto" may be two, of IPv4 and IPv6`,
      })
      .prefault([]),
    payload_limit: size
      .refine((bytes) => bytes > 0, { error: 'write more than nothing: neighbours take no link without any' })
      .prefault('2 GiB'),
    knock: yesNo.prefault(true),
    pair: z.enum(['trusted', 'never'], { error: 'write "trusted" or "never"' }).prefault('trusted'),
    connection_times: count(TIMES_LEAST, TIMES_MOST).prefault(TIMES_LEAST),
  })
  .prefault({})
  .transform(({ listen, announce, payload_limit, knock, pair, connection_times }) => ({
    listen,
    announce,
    knock,
    pair,
    payloadLimit: payload_limit,
    times: connection_times,
  }))

const loopbackOnly = 'only a loopback address: neither page asks for a login; write for example "127.0.0.1:2780"'
const health = z
  .strictObject({
    listen: hostPort.refine(({ host }) => isLoopback(host), { error: loopbackOnly }).prefault('127.0.0.1:2780'),
  })
  .prefault({})

const life = span.refine((ms) => ms <= MAX_LIFE_MS, {
  error: 'not longer than "30 d": other gateways refuse such mail',
})
const custody = z
  .strictObject({
    delayed: span.prefault('2 h'),
    expires: life.prefault('5 d'),
    expires_unknown: life.prefault('24 h'),
    hop_deadline: span.prefault('15 min'),
    hop_deadline_away: span.prefault('6 h'),
    keep: size.prefault('100 MiB'),
    keep_for: duration.prefault('14 d'),
  })
  .prefault({})
  .transform((table) => ({
    delayedMs: table.delayed,
    expiresMs: table.expires,
    expiresUnknownMs: table.expires_unknown,
    hopDeadlineMs: table.hop_deadline,
    hopDeadlineAwayMs: table.hop_deadline_away,
    keepBytes: table.keep,
    keepMs: table.keep_for,
  }))

const path = z
  .strictObject({
    searches_per_minute: count(1, 10_000).prefault(10),
    queries: count(1, 10_000).prefault(20),
    query_every: span.prefault('5 s'),
  })
  .prefault({})
  .transform((table) => ({
    searchesPerMinute: table.searches_per_minute,
    queryBurst: table.queries,
    queryEveryMs: table.query_every,
  }))

const log = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error'], { error: 'write "debug", "info", "warn" or "error"' })
      .prefault('info'),
    format: z.enum(['auto', 'json', 'text'], { error: 'write "auto", "json" or "text"' }).prefault('auto'),
  })
  .prefault({})

const schema = z.strictObject({
  gateway,
  login,
  smtp,
  imap,
  accounts,
  setup,
  delivery,
  link,
  directory,
  dns,
  health,
  custody,
  path,
  complaints,
  tls,
  log,
})
