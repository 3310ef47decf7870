/**
 * A link is suspended, by a rule and not by a person; what becomes of it then:
 *
 *   active, probation --R1, R2, books that differ--> suspended   the neighbour is told why
 *   suspended --PUNISHED, once in 39 days----------> probation   it names whom it cut for it
 *   suspended --the owner overrules it-------------> as before; so, too, when books that differed agree again
 *   suspended --7 days-----------------------------> revoked     only a person takes it back
 *
 * Every such decision is kept as it was made, with its numbers and the messages it rests on.
 */
import { type Finding, R1_AGE_MS } from '../credit/conduct.ts'

export type Rule = Finding['rule'] | 'statements'
export type Ruling = Omit<Finding, 'rule'> & {
  /** `<agent> <at>` */
  id: string
  agent: string
  rule: Rule
  at: number
  until: number
  /** The state before, which an overruled decision gives back. */
  was: 'active' | 'probation'
  /** Messages complained about, by custody key, the newest last. */
  keys: string[]
  /** Who had handed those to the neighbour: one of them it must have cut, or its own user. */
  befores: string[]
  ended?: { at: number; how: 'punished' | 'overruled' | 'agreed' | 'expired'; cut?: string }
}

/** What a neighbour told us: that it takes nothing from us, and why. */
export type Accusation = {
  rule: Rule
  at: number
  until: number
  complaints: number
  messages: number
  keys: string[]
  answeredAt?: number
}

export const SUSPENDED_MS = 7 * 86_400_000
export const PROBATION_MS = 14 * 86_400_000
/**
 * A neighbour that would say so after every suspension is not cutting the right one. Between two by R1 lie probation and
 * the eighteen days of its samples, so this is a week longer: the second time it is not believed.
 */
export const PUNISHED_EVERY_MS = PROBATION_MS + R1_AGE_MS + SUSPENDED_MS
/** Messages named to the neighbour, and kept. */
export const KEYS_TOLD = 20
export const KEYS_KEPT = 50
