/**
 * The certificate in service follows its files: read again on SIGHUP, and by itself once they have changed or the
 * self-signed one is near its end. Whoever holds connections open keeps them as they are.
 */
import type { Log } from './log.ts'
import { isSelfSigned, type TlsFiles, type TlsPair } from './tls.ts'

type Renewal = {
  /** Now, whether anything has changed or not. */
  reload(): Promise<void>
  /** Only if there is something new; what the clock calls. */
  look(): Promise<void>
  close(): Promise<void>
}

/** A renewal tool writes certificate and key within a second of each other, weeks before the old ones end. */
const LOOK_EVERY_MS = 30_000

/** @param users those that hold the pair they were given; the others ask `tls` at each handshake */
export const keepRenewed = (tls: TlsFiles, users: ((pair: TlsPair) => void)[], log: Log): Renewal => {
  const reload = async (): Promise<void> => {
    try {
      const before = tls.current()
      const pair = await tls.reload()
      for (const use of users) use(pair)
      log.info({ event: 'reloaded', sha256: tls.fingerprint() }, 'the certificate was read again')
      if (before.key !== pair.key && isSelfSigned(pair.certificate))
        log.warn(
          { event: 'certificate-unknown', sha256: tls.fingerprint() },
          'it is self-signed, with another key than the one before: mail clients ask about it once',
        )
    } catch (error) {
      log.error({ event: 'reload-failed', err: error }, 'the old certificate stays in service')
    }
  }
  const look = async (): Promise<void> => {
    if (await tls.isStale()) await reload()
  }
  let looking = Promise.resolve()
  const timer = setInterval(() => {
    looking = looking.then(look)
  }, LOOK_EVERY_MS)
  return {
    reload,
    look,
    async close() {
      clearInterval(timer)
      await looking
    },
  }
}
