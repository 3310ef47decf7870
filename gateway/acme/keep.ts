/**
 * Keeps a certificate from an authority at hand (`[tls.acme]`): looked at every few minutes, fetched when it is due
 * (src/reach/certified.ts), and left in its file, from where gateway/renewal.ts takes it up. Until there is one,
 * and whenever there is no good one, mail clients see the self-signed one.
 */
import cron from 'node-cron'
import { failed, isDue, mayTry, type Tries, type Wanted } from '../../src/reach/certified.ts'
import type { Finding } from '../../src/reach/diagnosis.ts'
import type { AcmeConfig } from '../config/tls.ts'
import type { Log } from '../log.ts'
import { whyNoPair } from '../tls.ts'
import { openAnswerer } from './answerer.ts'
import { obtain } from './authority.ts'
import { acmeFiles, certifiedIn } from './files.ts'
import { AuthorityError } from './problem.ts'
import { requestFor } from './request.ts'

export type Certifying = {
  /** Fetches one if it is due. */
  check(): Promise<void>
  /** As `check`, and does not wait for what failed before, but where the authority asked for it: somebody may have mended it. */
  again(): Promise<void>
  /** What is wrong, for `status` and `doctor`. */
  problems(): Finding[]
  close(): Promise<void>
}

/** An authority works through an order in seconds; what takes longer is tried again. */
const ORDER_MS = 3 * 60_000
/** Gateways of one machine, or started by one power cut, do not ask together. */
const JITTER_MS = 4 * 60_000
/** By no clock that can be set back: the other one sleeps then until the old time has come again. */
const AT_LATEST_MS = 60 * 60_000

export const keepCertified = (
  home: string,
  acme: AcmeConfig | undefined,
  { log: base, now, takeUp }: { log: Log; now(): number; takeUp(): Promise<void> },
  atLatestMs = AT_LATEST_MS,
): Certifying => {
  if (acme === undefined) return none
  const log = base.child({ area: 'acme' })
  const files = acmeFiles(home)
  const wanted = { authority: acme.directory, names: acme.names }
  const of = JSON.stringify(acme)
  const stopping = new AbortController()
  let last: Tries | undefined

  const check = async (isAgain: boolean): Promise<void> => {
    if (!isDue(wanted, await files.held(), now())) {
      last = undefined
      return
    }
    last = await files.tries()
    if (last?.of !== of) last = undefined // made with other settings
    if (!mayTry(last, of, now(), isAgain)) {
      if (isAgain) log.info({ event: 'left-alone', ...wanted, ...last }, 'the authority asked to be left alone so long')
      return
    }
    const before = last
    await files.saveTries(failed(before, { of, why: 'the last try was cut off' }, now())) // or a crash were none
    try {
      await fetchOne()
      last = undefined
      log.info({ event: 'certified', ...wanted }, 'the authority gave a certificate')
      await takeUp()
    } catch (error) {
      if (stopping.signal.aborted) return files.saveTries(before)
      last = failed(before, { of, why: whyFailed(error), retryAt: retryOf(error) }, now())
      log.warn({ event: 'certifying-failed', ...wanted, ...last }, 'the present certificate stays in service')
    }
    await files.saveTries(last)
  }

  const fetchOne = async (): Promise<void> => {
    const answerer = await openAnswerer(acme.http)
    try {
      const [account, { csr, key }] = await Promise.all([files.account(), requestFor(acme.names)])
      const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(ORDER_MS)])
      const chain = await obtain({ ...acme, account, csr, answer: answerer.answer, signal })
      const why = whyNoPair({ certificate: chain, key }) ?? whyDue(wanted, chain, now())
      if (why !== undefined) throw new AuthorityError(`what the authority gave can not be used: ${why}`)
      await files.save(acme.directory, chain, key)
    } finally {
      await answerer.close()
    }
  }

  let running: Promise<void> | undefined
  /** Never beside itself: one order at a time. */
  const look = (isAgain: boolean): Promise<void> => {
    running ??= check(isAgain)
      .catch((error: unknown) => {
        last = failed(undefined, { of, why: whyFailed(error) }, now())
        log.error({ event: 'certifying-failed', ...wanted, ...last }, 'what is kept of it can not be read or written')
      })
      .finally(() => {
        running = undefined
      })
    return running
  }
  const ticking = cron.schedule('*/5 * * * *', () => void look(false), { maxRandomDelay: JITTER_MS })
  const looking = setInterval(() => void look(false), atLatestMs)
  void look(false)
  return {
    check: () => look(false),
    async again() {
      await running // it may fail by what has been mended since it began
      if (!stopping.signal.aborted) await look(true)
    },
    problems: () => (last === undefined ? [] : [finding(acme.directory, last, now())]),
    async close() {
      stopping.abort()
      clearInterval(looking)
      await ticking.stop()
      await running
    },
  }
}

const none: Certifying = { check: async () => {}, again: async () => {}, problems: () => [], close: async () => {} }

const finding = (directory: string, { why, nextAt, askedUntil, failures }: Tries, now: number): Finding => ({
  what: `certificate from ${new URL(directory).hostname}`,
  state: 'wrong',
  side: 'ours',
  detail: `none since ${failures} ${failures === 1 ? 'try' : 'tries'}: ${why}`,
  fix: `it is tried again at ${new Date(nextAt).toISOString().slice(0, 16)}Z; once mended, ${
    askedUntil > now
      ? `as soon as the authority allows it, ${new Date(askedUntil).toISOString().slice(0, 16)}Z`
      : 'at once'
  }, by SIGHUP (systemctl reload vouchsafe)`,
})

/** Why another one would be fetched at once: again and again, and none of them a failure. */
const whyDue = (wanted: Wanted, chain: string, now: number): string | undefined => {
  const given = { authority: wanted.authority, ...certifiedIn(chain) }
  if (!isDue(wanted, given, now)) return undefined
  const missing = wanted.names.filter((name) => !given.names.includes(name))
  if (missing.length > 0) return `it is not for ${missing.join(', ')}: correct tls.acme.names`
  const [begin, end, here] = [given.from, given.until, now].map((at) => `${new Date(at).toISOString().slice(0, 16)}Z`)
  return `it runs from ${begin} to ${end}, here it is ${here}: set the clock`
}

const whyFailed = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const retryOf = (error: unknown): number | undefined => (error instanceof AuthorityError ? error.retryAt : undefined)
