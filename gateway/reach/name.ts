/**
 * Keeps our own DNS name where we are: looked at every minute (gateway/engine/clock.ts), changed when it must be.
 * Without `dns.addresses` we are where neighbours see us.
 */
import { resolve4, resolve6 } from 'node:dns/promises'
import type { Verdict } from '../../src/reach/dyndns.ts'
import { isDue, type Keeping, tried, unkept } from '../../src/reach/name.ts'
import type { Own } from '../../src/reach/seen.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../log.ts'
import { updateByDyndns2, updateByRfc2136 } from './update.ts'

type NameKeeper = {
  check(): Promise<void>
  /** What is wrong, for `status` and `doctor`. */
  problems(): string[]
}

type Way = { by: string; keeping: Keeping; why?: string; update(own: Own): Promise<Verdict> }

export const keepName = (dns: Config['dns'], seen: () => Own, log: Log, now: () => number): NameKeeper => {
  if (dns === undefined) return { check: async () => {}, problems: () => [] }
  const { name, addresses, rfc2136, dyndns2 } = dns
  const ways: Way[] = []
  if (rfc2136) ways.push({ by: 'rfc2136', keeping: unkept, update: (own) => updateByRfc2136(name, rfc2136, own, now) })
  if (dyndns2) ways.push({ by: 'dyndns2', keeping: unkept, update: (own) => updateByDyndns2(name, dyndns2, own) })

  const bring = async (way: Way, own: Own): Promise<void> => {
    // After a start: perhaps all is as it should be. A provider would take a needless update for abuse.
    const isThere = way.keeping === unkept && way.by === 'dyndns2' && (await standsAt(name, own))
    const verdict: Verdict = isThere ? { do: 'done' } : await way.update(own).catch(failure)
    way.keeping = tried(way.keeping, own, verdict, now())
    const event = { area: 'reach', name, by: way.by, ...own }
    if (verdict.do === 'done') {
      delete way.why
      return log.info({ ...event, event: isThere ? 'name-stands' : 'name-updated' }, 'the DNS name points here')
    }
    if (way.why !== verdict.why)
      log.warn({ ...event, event: 'name-failed', why: verdict.why }, 'the DNS name stays as it was')
    way.why = verdict.why
  }

  return {
    async check() {
      const own = addresses.length > 0 ? byFamily(addresses) : seen()
      for (const way of ways) if (isDue(way.keeping, own, now())) await bring(way, own)
    },
    problems: () =>
      ways.flatMap(({ by, why, keeping }) => {
        const until =
          keeping.stopped === undefined ? '' : '; once mended, restart the gateway: it is not asked again before'
        return why ? [`${name} could not be updated (${by}): ${why}${until}`] : []
      }),
  }
}

/** A fault of the world, or a file that can't be used: both may be mended while we run. */
const failure = (error: unknown): Verdict => ({
  do: 'later',
  why: error instanceof Error ? [error.message, causeOf(error)].filter(Boolean).join(': ') : String(error),
})
const causeOf = ({ cause }: Error): string | undefined =>
  cause instanceof Error ? ('code' in cause ? String(cause.code) : cause.message) : undefined

const byFamily = (addresses: string[]): Own => {
  const [v4, v6] = [addresses.find((one) => !one.includes(':')), addresses.find((one) => one.includes(':'))]
  return { ...(v4 && { v4 }), ...(v6 && { v6 }) }
}

const standsAt = async (name: string, { v4, v6 }: Own): Promise<boolean> => {
  const isOne = async (wanted: string | undefined, ask: (name: string) => Promise<string[]>) =>
    wanted === undefined || String(await ask(name).catch(() => [])) === wanted
  return (await isOne(v4, resolve4)) && (await isOne(v6, resolve6))
}
