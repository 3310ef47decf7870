/**
 * How far somebody who lives here has got by what others complain about, and what follows.
 *
 *   free --1st complainer--> warned --slowAt--> slowed --stopAt--> stopped --the administrator--> free
 *
 * Complainers are counted, not complaints: one person who is cross does not stop anybody. They count for
 * 28 days, as in src/credit; being slowed heals with that, being stopped ends only when the administrator
 * says so.
 */
import type { Grievance } from './verdict.ts'

export type Level = 'free' | 'warned' | 'slowed' | 'stopped'

export type Policy = {
  /** The furthest step that is taken by itself. */
  most: 'warn' | 'slow' | 'stop'
  /** Different complainers within 28 days. */
  slowAt: number
  stopAt: number
}
/** Three people rarely err together; ten, when it was slow all the while, mean it. */
export const defaultPolicy: Policy = { most: 'stop', slowAt: 3, stopAt: 10 }

/** `by` is the entity that complained. */
export type Reproach = { key: string; by: string; reason: Grievance; at: number; messageId?: string }

export type Repute = { entity: string; reproaches: Reproach[]; isStopped: boolean }

const COUNTS_MS = 28 * 86_400_000

export const levelOf = (repute: Repute | undefined, policy: Policy, now: number): Level => {
  if (repute === undefined) return 'free'
  if (repute.isStopped) return 'stopped'
  const complainers = countOf(repute, now)
  if (complainers === 0) return 'free'
  return policy.most !== 'warn' && complainers >= policy.slowAt ? 'slowed' : 'warned'
}

/** Different people, in the last 28 days. */
export const countOf = (repute: Repute, now: number): number => new Set(recent(repute, now).map(({ by }) => by)).size

/** What counts still. */
export const recent = ({ reproaches }: Repute, now: number): Reproach[] =>
  reproaches.filter(({ at }) => at > now - COUNTS_MS)
