/**
 * The log: one line per message per event, so that one grep tells a message's life.
 *
 *   vouchsafe … | grep 9f3c…            by envelope id (`envelope`)
 *   vouchsafe … | grep '<abc@a.test>'   by Message-ID (`messageId`)
 *
 * A line has `time` (epoch ms), `level` (as a word), `area` (smtp, imap, link, engine …),
 * `event` (a stable word: accepted, handed, delivered …), `msg` (a sentence) and whatever
 * names the thing. Never a body, a subject, a password, a key or a token: those
 * are not handed to the log, and `censored` is the second fence.
 *
 * A terminal gets short lines for people, everything else gets JSON.
 */
import { type DestinationStream, type Logger, pino } from 'pino'
import { visible, visibleLines } from './terminal.ts'

export type Log = Logger

export type LogOptions = {
  level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** `auto`: for people when `to` is a terminal, else JSON. */
  format: 'auto' | 'json' | 'text'
}

/** Where lines go: standard output for a service, standard error for a command. */
type LogSink = { isTTY?: boolean; write(line: string): unknown }

const secretWords: ReadonlySet<string> = new Set([
  'password',
  'passphrase',
  'token',
  'invitation',
  'secret',
  'pass',
  'privateKey',
  'authorization',
])

/** What is kept of lines that could not be written; beyond it the newest are lost. */
const UNWRITTEN_BYTES = 1 << 20

/** What the last turn of the process says is written, too. */
const unsaid = new Set<() => void>()
process.on('exit', () => {
  for (const flush of unsaid) flush()
})

/** A turn says less. */
const SAID_BYTES = 1 << 16

/**
 * Lines to a file descriptor, written at the end of the turn that made them: a batch of the engine says
 * much, and a write for each line would cost a tenth of its work. A log that can't be written, its disk
 * full or its reader gone, stops no mail: the lines wait until there is room again.
 */
export const linesTo = (fd: number): LogSink => {
  const lines = pino.destination({ fd, sync: true, maxLength: UNWRITTEN_BYTES })
  lines.on('error', () => {})
  let said = ''
  const flush = () => {
    if (said !== '') lines.write(said)
    said = ''
  }
  unsaid.add(flush)
  return {
    write(line) {
      if (said === '') setImmediate(flush)
      said += line
      if (said.length > SAID_BYTES) flush()
    },
  }
}

/** A terminal, too, by its number: a stream of node's would end the process once the terminal is closed. */
const standardOutput = (): LogSink => ({ ...linesTo(1), isTTY: process.stdout.isTTY })

export const createLog = (options: LogOptions, sink: LogSink = standardOutput()): Log => {
  const isText = options.format === 'text' || (options.format === 'auto' && sink.isTTY === true)
  const destination: DestinationStream = {
    write: (line) => void sink.write(isText ? `${humanLine(line)}\n` : line),
  }
  return pino(
    {
      level: options.level,
      base: null, // no pid and host name: the service manager knows them
      formatters: { level: (label) => ({ level: label }), log: (line) => censored(line, 1) },
    },
    destination,
  )
}

/**
 * Values of secret words are left out, `deeper` levels down too. pino's own `redact` copies the line for each path
 * it looks at: 50 kB a letter, a third of all garbage.
 */
const censored = <T extends object>(line: T, deeper: number): T => {
  let shown = line
  for (const name in line) {
    const value: unknown = line[name]
    const isNested = deeper > 0 && typeof value === 'object' && value !== null
    const said = secretWords.has(name) ? '(secret)' : isNested ? censored(value, deeper - 1) : value
    if (said === value) continue
    if (shown === line) shown = Object.create(Object.getPrototypeOf(line), Object.getOwnPropertyDescriptors(line)) // an error stays one
    Object.defineProperty(shown, name, { value: said, enumerable: true })
  }
  return shown
}

/** `12:03:04.123 info  smtp accepted  250 was said  envelope=9f3c… messageId=<…>` */
export const humanLine = (json: string): string => {
  const { time, level, area, event, msg, ...rest } = JSON.parse(json) as Record<string, unknown>
  const clock = new Date(Number(time)).toISOString().slice(11, 23)
  const fields = Object.entries(rest).map(([name, value]) => `${name}=${humanValue(value)}`)
  const words = [area, event, msg].filter((word) => word !== undefined).map((word) => visible(String(word)))
  return [clock, String(level).padEnd(5), ...words, ...fields].join(' ')
}

/** A Message-ID, a name or a fault's text may be a stranger's. */
const humanValue = (value: unknown): string => {
  if (typeof value === 'string' && !/[\s"\p{C}]/u.test(value)) return value
  if (value !== null && typeof value === 'object' && 'stack' in value) return visibleLines(String(value.stack))
  return visible(JSON.stringify(value))
}
