/**
 * Effects, performed once what they rest on is durable. Each ends in an event, so that what came of
 * it is decided and saved like everything else. A crash in the middle is answered by `due` at the
 * next start; a fault is logged, and the clock asks again.
 */
import { setMaxListeners } from 'node:events'
import type { Effect } from '../../src/effect.ts'
import { partsOfKey } from '../../src/envelope/envelope.ts'
import { signRecord } from '../../src/identity/record.ts'
import { encodeMessage, type Message } from '../../src/wire/record.ts'
import { custody, seekers } from '../../store/web.ts'
import { findSilent } from '../carry/blame.ts'
import { handRow, sealRow, WHOLE_BYTES } from '../carry/hand.ts'
import { lodgeRow, postLetter } from '../carry/lodge.ts'
import { sendPair } from '../carry/pair.ts'
import { answerWho, passOn, recallPath } from '../carry/path.ts'
import { releaseRow } from '../carry/release.ts'
import type { Searches } from '../carry/searches.ts'
import { sayOwed, settleWith } from '../carry/settle.ts'
import type { Core } from '../core.ts'
import { LinkFault } from '../link/handlers.ts'
import { linkLimits } from '../link/limits.ts'
import { announceTo } from '../reach/tell.ts'
import { openLane } from './lane.ts'

export type Performer = { perform(effect: Effect): void; stop(): Promise<void> }

/** Sealing keeps both cores busy at this width; more would only hold more plaintext in memory. Large messages take minutes: a few small ones go beside them. */
const SEALING_OF_A_KIND = 16
const SEALING = SEALING_OF_A_KIND + 4
/** Hand-overs of small payloads under way, over all neighbours and to one; each link has its own limits below this. */
const HANDING = 512
const HANDING_TO_ONE = 128
/** The same of large ones, which a link takes two at a time, and which may be hours on their way. */
const BRINGING = 64
const BRINGING_TO_ONE = 4
/** Connections to the server that keeps the mail here: fewer than Dovecot's usual 100 processes, and both cores have enough. */
const LODGING = 16
/** So long that server may still answer when the gateway stops: an answer nobody hears brings the letter twice. */
const LODGED_MS = 10_000
/** Neighbours that are sent reports at once. */
const SETTLING = 32

export const openPerformer = (
  core: Core,
  searches: Searches,
  lookUp: (agent: string) => Promise<void>,
  lodgedMs = LODGED_MS,
): Performer => {
  let stopped = false
  const hangUp = new AbortController()
  setMaxListeners(0, hangUp.signal) // one for each connection, also for those that still say goodbye
  const failed = (error: unknown, key?: string, times = 1) => {
    if (stopped || !isWorthALine(times)) return
    const what = key && { ...keyed(key), times }
    if (error instanceof LinkFault)
      return core.log.warn({ event: 'effect-failed', ...what }, `${error.message}; it is tried again`)
    core.log.error({ event: 'effect-failed', ...what, err: error }, 'an effect failed; it is tried again')
  }
  const sealing = openLane(SEALING, failed, SEALING_OF_A_KIND)
  const handing = openLane(HANDING, failed, HANDING_TO_ONE)
  const bringing = openLane(BRINGING, failed, BRINGING_TO_ONE)
  const lodging = openLane(LODGING, failed)
  const settling = openLane(SETTLING, failed)
  const timers = new Set<NodeJS.Timeout>()
  const tell = (to: string, message: Message) => core.link.send(to, [encodeMessage(message)])

  const perform = (effect: Effect): void => {
    if (stopped) return
    switch (effect.do) {
      case 'seal':
        sealing.enter(effect.key, () => sealRow(core, effect.key), kindOf(effect.key))
        break
      case 'hand':
        handingOf(effect.key).enter(effect.key, () => handRow(core, effect.key, effect.to), effect.to)
        break
      case 'lodge':
        lodging.enter(effect.key, () => lodgeRow(core, effect.key, hangUp.signal))
        break
      case 'release':
        sealing.enter(effect.key, () => releaseRow(core, effect.key), kindOf(effect.key))
        break
      case 'post':
        lodging.enter(effect.id, () => postLetter(core, effect.id, hangUp.signal))
        break
      case 'settle':
        settling.enter(`reports for ${effect.to}`, () => settleWith(core, effect.to))
        break
      case 'state':
        void sayOwed(core, effect.to, effect.stated).catch(() => {}) // the next one is due anyway
        break
      case 'search':
        searches.begin(effect)
        break
      case 'searched':
        searches.ended(effect.target, effect.result)
        break
      case 'wake':
        void wake(effect.awaits, effect.most).catch(failed)
        break
      case 'seek':
        void seek(effect.most).catch(failed)
        break
      case 'ring':
        ring(effect.qid, effect.at)
        break
      case 'log':
        writeLog(core, effect)
        break
      case 'rerr':
        void signRecord(core.agent, core.net, 'RERR', { ...effect.record, at: core.now() })
          .then((rerr) => tell(effect.to, { t: 'RERR', rerr }))
          .catch(() => {})
        break
      case 'blame':
        void findSilent(core, effect.key, effect.by).catch(failed)
        break
      // Searches live in memory: what is lost here is asked again by the asker's next ring.
      case 'tell':
        void tell(effect.to, effect.message).catch(() => {})
        break
      case 'answer':
        void answerWho(core, effect)
          .then((path) => path && tell(effect.to, path))
          .catch(() => {})
        break
      case 'recall':
        void recallPath(core, effect)
          .then((path) => tell(effect.to, path ?? { t: 'NONE', qid: effect.qid, cut: true }))
          .catch(() => {})
        break
      case 'pass':
        void passOn(core, effect.message)
          .then((path) => tell(effect.to, path))
          .catch(() => {})
        break
      case 'pair':
        void sendPair(core, { ...effect, answer: true }).catch(failed) // they ask again
        break
      // Told again with the next round, asked again at the next failed dial.
      case 'announce':
        void announceTo(core, effect.to).catch(() => {})
        break
      case 'where':
        void tell(effect.to, { t: 'WHERE', pass: effect.pass }).catch(() => {})
        break
      case 'look-up':
        void lookUp(effect.agent).catch(failed)
        break
      case 'paired':
        settling.enter(`paired ${effect.agent}`, () => core.ratchets.pair(effect.agent))
        break
      case 'alert':
        core.metrics.alerts.inc({ what: effect.what })
        core.log.warn({ area: 'link', event: effect.what, agent: effect.agent }, effect.detail)
        break
      case 'redial':
        core.link.refresh()
        break
    }
  }

  const sizeOf = (key: string): number => core.engine.state.custody.get(key)?.size ?? 0
  const kindOf = (key: string) => (sizeOf(key) > WHOLE_BYTES ? 'large' : 'small')
  const handingOf = (key: string) => (sizeOf(key) > linkLimits.memoryBytes ? bringing : handing)

  const wake = async (awaits: string, most?: number) => {
    const { db } = core.store
    const keys = await (awaits === 'who:' ? seekers(db, most) : custody.keysBy(db, 'awaits', [awaits], most))
    await raiseDue(core, keys)
  }

  const seek = async (most: number) => {
    for (const key of await seekers(core.store.db, most)) void core.engine.handle({ on: 'seek', key }).catch(failed)
  }

  const ring = (qid: string, at: number) => {
    const timer = setTimeout(
      () => {
        timers.delete(timer)
        core.engine.handle({ on: 'ring', qid }).catch(failed)
      },
      Math.max(0, at - core.now()),
    )
    timers.add(timer)
  }

  const stop = async () => {
    stopped = true
    for (const timer of timers) clearTimeout(timer)
    const hangingUp = setTimeout(() => hangUp.abort(), lodgedMs)
    await Promise.all([sealing.close(), handing.close(), bringing.close(), lodging.close(), settling.close()])
    clearTimeout(hangingUp)
  }
  return { perform, stop }
}

/** Of one fault again and again, a damaged body say, the 1st, 2nd, 4th, 8th … time: it may last until a message expires. */
const isWorthALine = (times: number): boolean => Number.isInteger(Math.log2(times))

/** An envelope's key is known by its slash. */
const keyed = (key: string) => (key.includes('/') ? { envelope: partsOfKey(key)[1] } : { key })

/** One line for each event in a message's life: grep the envelope id or the Message-ID. */
const writeLog = (core: Core, { do: _, event, level, key, ...said }: Extract<Effect, { do: 'log' }>): void => {
  const envelope = key?.includes('/') ? partsOfKey(key)[1] : undefined
  if (key !== undefined) core.metrics.envelopes.inc({ event })
  core.log[level ?? 'info'](
    { area: 'engine', event, ...(envelope ? { envelope } : { submission: key }), ...said },
    event,
  )
}

/** So many at a time, that what mail clients and neighbours bring does not wait behind a long queue. */
const DUE_PAGE = 200

export const raiseDue = async (
  { engine }: Pick<Core, 'engine'>,
  keys: readonly string[],
  isOver: () => boolean = () => false,
): Promise<void> => {
  for (let i = 0; i < keys.length && !isOver(); i += DUE_PAGE)
    await Promise.all(keys.slice(i, i + DUE_PAGE).map((key) => engine.handle({ on: 'due', key })))
}
