/**
 * Another configuration, taken up while the gateway runs: all is closed in good order and opened anew, as at a restart, but by
 * the same process, so whoever watches it sees no end. One that can't be used is refused in the log, and nothing changes.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { HomeInUse } from '../store/lock.ts'
import { type Config, readConfig } from './config/config.ts'
import { certificateOf } from './config/settings.ts'
import { controlPath, isServed } from './control.ts'
import type { Log } from './log.ts'
import { openTls } from './tls.ts'

/** @param renew closes and opens anew */
export const reconfigure = async (home: string, now: Config, log: Log, renew: () => void): Promise<void> => {
  try {
    const next = await readConfig(home)
    if (isDeepStrictEqual(next, now)) return
    await openTls(certificateOf(home, next)) // files that it names may not be there, and then nothing would open any more
    log.info({ event: 'reconfiguring' }, 'the configuration has changed: all is closed and opened anew')
    renew()
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    log.error({ event: 'configuration-refused', detail }, 'the configuration was left as it was')
  }
}

/** Says what a hang-up does from now on; as long as it does nothing, one that comes waits. */
export type OnHangup = (hungUp: (() => void) | undefined) => void

/** One that comes while all is opened is not lost: what it wants to have read may have been read just before. */
export const hearHangups = (): OnHangup => {
  let isWaiting = false
  let act: (() => void) | undefined
  process.on('SIGHUP', () => {
    if (act) act()
    else isWaiting = true
  })
  return (hungUp) => {
    act = hungUp
    if (act === undefined || !isWaiting) return
    isWaiting = false
    act()
  }
}

/** Before the start, and between closing and opening, a command that met nobody may have the home for its time. */
const PATIENCE_MS = 10_000
const LOOK_MS = 100

/** @throws HomeInUse where a gateway runs, or somebody has the home for longer */
export const opened = async <Opened>(home: string, open: () => Promise<Opened>): Promise<Opened> => {
  for (const until = Date.now() + PATIENCE_MS; ; await delay(LOOK_MS)) {
    const made = await open().catch(async (error: unknown) => {
      const isForAMoment = error instanceof HomeInUse && Date.now() < until && !(await isServed(controlPath(home)))
      if (isForAMoment) return undefined
      throw error
    })
    if (made !== undefined) return made
  }
}
