/**
 * A recipient as whoever carries their mail sees them: how much of what strangers send them they
 * complain about. Who complains about nearly all of it, whoever wrote it, says nothing about anybody:
 * it is charged all the same, but no link is suspended for it.
 */
import { DAY_MS } from './credit.ts'

/** What came for `entity` on credit since `since`. `senders`: the first few agents or entities it came from. */
export type Critic = { entity: string; since: number; messages: number; complaints: number; senders: string[] }

const WINDOW_MS = 28 * DAY_MS
const LEAST_MESSAGES = 10
const LEAST_SENDERS = 5
const MOST_COMPLAINTS = 0.5

export const counted = (was: Critic | undefined, entity: string, sender: string, now: number): Critic => {
  const old = was !== undefined && now - was.since < WINDOW_MS ? was : undefined
  const critic = old ?? { entity, since: now, messages: 0, complaints: 0, senders: [] }
  const isNew = critic.senders.length < LEAST_SENDERS && !critic.senders.includes(sender)
  return {
    ...critic,
    messages: critic.messages + 1,
    senders: isNew ? [...critic.senders, sender] : critic.senders,
  }
}

/** @param by 1 for a complaint, -1 for one withdrawn */
export const criticised = (was: Critic, by: 1 | -1): Critic => ({
  ...was,
  complaints: Math.max(0, was.complaints + by),
})

export const isSerial = ({ messages, complaints, senders }: Critic): boolean =>
  messages >= LEAST_MESSAGES && senders.length >= LEAST_SENDERS && complaints / messages > MOST_COMPLAINTS
