/**
 * DELIVERBY, RFC 2852: `BY=seconds;R` gives a message up if it has not arrived by then, `BY=seconds;N` tells its sender
 * then that it has not, and goes on. A `T` after the mode asks for notices by relays: between gateways there are signed
 * receipts instead, so it is taken and means nothing.
 */
import { ReplyError } from './replies.ts'

export type DeliverBy = { mode: 'return' | 'notify'; at: number }

/** A search through the web and two hops want a few seconds, and a link that has just broken half a minute. */
const LEAST_SECONDS = 60

export const deliverByOffer = `DELIVERBY ${LEAST_SECONDS}`

/** §4: at most nine digits; only with N it may be over already. */
const BY = /^([+-]?\d{1,9});([RN])T?$/i

/** @param args of MAIL @throws ReplyError */
export const deliverBy = (args: Record<string, string | true> | false, now: number): DeliverBy | undefined => {
  const { BY: value, HOLDFOR, HOLDUNTIL } = args || {}
  if (value === undefined) return undefined
  const [, digits = '', mode = ''] = BY.exec(String(value)) ?? []
  if (mode === '')
    throw no(501, '5.5.4', 'BY takes seconds and what is to happen then, for example BY=3600;R or BY=3600;N')
  if (HOLDFOR !== undefined || HOLDUNTIL !== undefined) throw no(501, '5.5.4', 'Say BY, or when it is to go; not both')
  const seconds = Number(digits)
  const isReturn = mode.toUpperCase() === 'R'
  if (isReturn && seconds <= 0) throw no(501, '5.5.4', 'With R, BY takes a number of seconds above 0')
  if (isReturn && seconds < LEAST_SECONDS)
    throw no(555, '5.4.7', `Nothing is promised below ${LEAST_SECONDS} seconds; give it more time, or write N for R`)
  return { mode: isReturn ? 'return' : 'notify', at: Math.max(now, now + seconds * 1000) }
}

const no = (code: number, enhanced: string, text: string): ReplyError => new ReplyError([code, enhanced, text])
