/**
 * Refusals on the link port, counted each and logged with a limit: a hostile peer can make
 * us refuse as fast as it can send, and must not fill the disk with it. The first of a kind
 * is logged at once, the next ones at most once a minute, with how many were not shown.
 */
import { Refusal, type RefusalCode } from '../../src/refusal.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'

/** `envelope`: what it was about, of whichever is logged. */
export type Refuse = (
  code: RefusalCode,
  who: { agent?: string; remote?: string; envelope?: string },
  detail: string,
) => void

const EVERY_MS = 60_000
/** Kinds remembered: code × who. Agents cost a handshake each, addresses are many. */
const MAX_KINDS = 1000

export const quietRefusals = (log: Log, metrics: Pick<Metrics, 'refusals'>, now: () => number): Refuse => {
  const kinds = new Map<string, { shownAt: number; hidden: number }>()
  return (code, who, detail) => {
    metrics.refusals.inc({ edge: 'link', code })
    const kind = `${code} ${who.agent ?? who.remote}`
    const before = kinds.get(kind)
    // By a clock that was set back, the last may lie far ahead.
    if (before && Math.abs(now() - before.shownAt) < EVERY_MS) {
      before.hidden += 1
      return
    }
    log.warn(
      { area: 'link', event: 'refused', code, ...who, ...(before?.hidden ? { more: before.hidden } : {}) },
      detail,
    )
    kinds.delete(kind) // to the end: the oldest is first
    kinds.set(kind, { shownAt: now(), hidden: 0 })
    for (const [oldest] of kinds) {
      if (kinds.size <= MAX_KINDS) break
      kinds.delete(oldest)
    }
  }
}

/** What an error is called towards the peer; `undefined` for a fault of ours. */
export const refusalOf = (error: unknown): Refusal | undefined => {
  if (error instanceof Refusal) return error
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOSPC' || code === 'EDQUOT') return new Refusal('disk-full', 'the disk here is full; try again later')
  return undefined
}
