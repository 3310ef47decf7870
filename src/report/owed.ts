/**
 * Reports owed to the neighbour an envelope came from, until that neighbour has them durably.
 *
 * One bundle an envelope, in order: our own word (not yet signed) and what came from further on
 * (as signed there). A bundle is sent whole, or piece by piece if it is larger than a record may be,
 * and what was sent is acknowledged by its content: so a crash anywhere, or an acknowledgement that
 * comes twice or late, repeats reports but never loses or reorders one. Whoever hears a report twice
 * ignores it.
 */
import { partsOfKey } from '../envelope/envelope.ts'
import { MAX_REPORTS, type Message, type ReportRecord } from '../wire/record.ts'

export type Item = { own: ReportRecord } | { jws: string }
/** `message` stands in the place of reports: a judgement, or what two neighbours say about their link. */
export type Owed = {
  key: string
  to: string
  custody: string
  items: Item[]
  message?: Message
  expires: number
}

export const owedKey = (to: string, custodyKey: string): string => `${to}:${custodyKey}`

/** The bundle with more at its end. */
export const owe = (was: Owed | undefined, to: string, custody: string, items: Item[], expires: number): Owed => ({
  key: owedKey(to, custody),
  to,
  custody,
  items: [...(was?.items ?? []), ...items],
  expires,
})

/** A message of its own, by a name that no other owed to `to` bears. */
export const oweMessage = (to: string, name: string, message: Message, expires: number): Owed => ({
  key: `${to}!${name}`,
  to,
  custody: '',
  items: [],
  message,
  expires,
})

/** What is left after the neighbour acknowledged `items`; undefined when that was all. */
export const settle = (was: Owed, items: readonly Item[]): Owed | undefined => {
  const taken = new Set(items.map(textOf))
  const left = was.items.filter((item) => !taken.has(textOf(item)))
  return left.length === 0 ? undefined : { ...was, items: left }
}

/** A record may have 64 KiB, what is around the reports in it included. One report has 16 KiB at most. */
const PIECE_BYTES = 60_000

/**
 * As many signed reports, from the start, as one record carries: at least one. The next piece goes
 * once this one is acknowledged, since a report is believed only after those it rests on.
 */
export const piece = (reports: readonly string[]): string[] => {
  let bytes = 0
  const end = reports.findIndex((jws, i) => {
    bytes += jws.length + 3 // quotes and a comma; a JWS is ASCII
    return i > 0 && (i >= MAX_REPORTS || bytes > PIECE_BYTES)
  })
  return reports.slice(0, end < 0 ? reports.length : end)
}

/** One spelling for one item, wherever it was kept meanwhile. */
const textOf = (item: Item): string => ('jws' in item ? item.jws : JSON.stringify(Object.entries(item.own).sort()))

/** The start of a report of our own about `key`. */
export const about = (key: string, at: number): Pick<ReportRecord, 'id' | 'origin' | 'at'> => {
  const [origin, id] = partsOfKey(key)
  return { origin, id, at }
}
