/**
 * Who waits for a search: RCPT for its three seconds, a command for somewhat longer. The search
 * itself is a decision (src/route/discover.ts) and goes on when nobody waits any more.
 */
import { randomBytes } from 'node:crypto'
import { whereIs } from '../../src/web.ts'
import type { Engine } from '../engine/engine.ts'

type SearchResult = 'found' | 'unknown' | 'undecided'
export type Searches = {
  /** Raises the search; `undecided` when it has not ended in time. */
  find(target: string, withinMs?: number): Promise<SearchResult>
  begin(wanted: { target: string; without?: string[]; isAgain?: true }): void
  ended(target: string, result: SearchResult): void
}

/** RCPT holds a mail client's user waiting: longer than this looks like a hang. */
const RCPT_WAIT_MS = 3000
/** A person who asked on the command line waits for two rings more. */
const COMMAND_WAIT_MS = 15_000

export const openSearches = (engine: Engine, failed: (error: unknown) => void): Searches => {
  const waiting = new Map<string, Set<(result: SearchResult) => void>>()

  const begin: Searches['begin'] = ({ target, without = [], isAgain }) => {
    const seed = randomBytes(16).toString('hex')
    engine.handle({ on: 'search', target, seed, without, ...(isAgain && { isAgain }) }).catch(failed)
  }

  const find: Searches['find'] = (target, withinMs = COMMAND_WAIT_MS) =>
    new Promise((resolve) => {
      const them = waiting.get(target) ?? new Set()
      waiting.set(target, them)
      const settle = (result: SearchResult) => {
        clearTimeout(timer)
        them.delete(settle)
        if (them.size === 0) waiting.delete(target)
        resolve(result)
      }
      const timer = setTimeout(settle, withinMs, 'undecided')
      them.add(settle)
      begin({ target })
    })

  const ended = (target: string, result: SearchResult) => {
    for (const settle of waiting.get(target) ?? []) settle(result)
  }
  return { find, begin, ended }
}

/** The truth about an address at RCPT: known at once, or searched for while the client waits a moment. */
export const lookup = async ({ state }: Engine, searches: Searches, address: string) => {
  const where = whereIs(state, address, Date.now())
  if (typeof where === 'string') return where
  const result = await searches.find(where.target, RCPT_WAIT_MS)
  return result === 'found' ? 'known' : result
}
