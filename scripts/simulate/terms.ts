/**
 * What a trial assumes, and what is counted in it. `trial.ts` runs it.
 */
import type { Weights } from '../../src/credit/credit.ts'
import type { Rule } from './court.ts'

type Placement = 'random' | 'hubs' | 'leaves'

export type Terms = {
  seed: number
  days: number
  weights: Weights
  /** By which links are cut. */
  rules: readonly Rule[]
  /** Share of all agents. */
  attackers: number
  placement: Placement
  perDay: number
  attackPerDay: number
  /** From which day on they attack; before, they do as honest people do. */
  attackFrom: number
  falseRate: number
  complainRate: number
  /** Share of the letters that are wanted about which nobody says anything: a week's silence. */
  silent: number
  /** Owners have set this limit on links of whoever has at most so many neighbours. */
  raised?: { neighbours: number; limit: number }
  /** One honest person who gets `perDay` letters more, and complains about this share of all honest mail. */
  sink?: { perDay: number; falseRate: number }
}

export const usualTerms: Terms = {
  seed: 1,
  days: 56,
  weights: 'earned',
  rules: [],
  attackers: 0.01,
  placement: 'random',
  perDay: 0.5,
  attackPerDay: 71, // Ostra's attackers: 500 a week
  attackFrom: 0,
  falseRate: 0.05,
  complainRate: 1,
  silent: 0.1,
}

/** Letters of honest people to honest people, by what became of them. */
export type Mail = { sent: number; atOnce: number; later: number; failed: number }
/** The same by the neighbours of sender or recipient, whoever has fewer. */
export type ByNeighbours = Record<'1' | '2' | '3-4' | '5+', Mail>
/** Links that were ever cut so far: between attackers and honest people, between honest people, and of these those that came back. */
export type Cuts = { attack: number; honest: number; back: number }
/** At the end of each day: totals so far. */
export type Day = {
  day: number
  unwanted: number
  bound: number
  sent: number
  delivered: number
  failed: number
  cuts: Cuts
}

export type Outcome = {
  terms: Terms
  agents: number
  attackers: number
  attackLinks: number
  honestLinks: number
  good: Mail
  byNeighbours: ByNeighbours
  toSink: Mail
  attempts: number
  /** Attackers' letters that came to honest people: those they complain about, and those they do not. */
  unwanted: number
  tolerated: number
  /** Letters of honest people about which attackers complain. */
  forged: number
  /** The most of the bound that was ever used up. */
  boundUsed: number
  disagreement: number
  days: Day[]
  seconds: number
}
