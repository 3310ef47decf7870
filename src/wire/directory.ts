/** What one says to a directory, and hears: JSON, unsigned but for the records in it. */
import { Refusal } from '../refusal.ts'
import { hashId, optional, record, text } from './shape.ts'

const jws = text(16_384)
const ask = record({ tell: optional(jws), where: optional(hashId) })
export type ReachAsk = ReturnType<typeof ask>

/** @throws Refusal `record-malformed` unless it is one of both */
export const reachAsk = (value: unknown, at: string): ReachAsk => {
  const read = ask(value, at)
  if ((read.tell === undefined) === (read.where === undefined))
    throw new Refusal('record-malformed', `${at} must tell or ask`)
  return read
}
export const isReachAsk = ({ where }: ReachAsk): boolean => where !== undefined

export const reachAnswer = record({ record: optional(jws) })
