/**
 * FUTURERELEASE, RFC 4865: a message that is to go later. `HOLDFOR` counts seconds, `HOLDUNTIL` names the moment;
 * one of them, and no further ahead than is announced. A moment that has passed holds nothing up.
 */
import { ReplyError } from './replies.ts'

/** A month: the sender's key and the recipient's card are good for longer. */
const HOLD_MAX_MS = 30 * 86_400_000

/** As it stands in EHLO: how many seconds ahead, and which moment that is. */
export const holdOffer = (now: number): string => `FUTURERELEASE ${HOLD_MAX_MS / 1000} ${dateTime(now + HOLD_MAX_MS)}`

/** @param args of MAIL @returns epoch ms; undefined if it may go at once @throws ReplyError */
export const holdUntil = (args: Record<string, string | true> | false, now: number): number | undefined => {
  const { HOLDFOR, HOLDUNTIL } = args || {}
  if (HOLDFOR === undefined && HOLDUNTIL === undefined) return undefined
  if (HOLDFOR !== undefined && HOLDUNTIL !== undefined) throw no('Say HOLDFOR or HOLDUNTIL, not both')
  const until = HOLDFOR === undefined ? moment(HOLDUNTIL) : now + seconds(HOLDFOR) * 1000
  // A second of grace: the client reckons from what it was told some time ago.
  if (until > now + HOLD_MAX_MS + 1000) throw no('That is later than this gateway holds mail; EHLO says how long')
  return until > now ? until : undefined
}

const seconds = (value: string | true | undefined): number => {
  if (typeof value === 'string' && /^[1-9]\d{0,8}$/.test(value)) return Number(value)
  throw no('HOLDFOR takes a number of seconds, for example HOLDFOR=3600')
}

/** RFC 3339, in whole seconds as EHLO has it, or finer. */
const DATE_TIME = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i

const moment = (value: string | true | undefined): number => {
  const [text = '', day = ''] = DATE_TIME.exec(String(value)) ?? []
  const at = Date.parse(text)
  if (!Number.isNaN(at) && isDay(day)) return at
  throw no('HOLDUNTIL takes a moment, for example HOLDUNTIL=2030-01-31T08:00:00Z')
}

/** JavaScript takes the 31st of any month for one, and means the day after. */
const isDay = (day: string): boolean => new Date(day).toISOString().startsWith(day)

const dateTime = (at: number): string => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')

const no = (text: string): ReplyError => new ReplyError([501, '5.5.4', text])
