/**
 * We tell where we are: to a neighbour as soon as it is connected, to all of them when our addresses or
 * open connections have changed, and every half an hour (gateway/engine/clock.ts).
 *
 * Links that come and go in a row are told of once: a round waits a moment for more, and there is a limit to rounds.
 */
import { signRecord } from '../../src/identity/record.ts'
import { encodeMessage, type ReachRecord } from '../../src/wire/record.ts'
import type { Core } from '../core.ts'
import { createMeter } from '../throttle.ts'

/** Links that come up together at a start do so within this. */
const GATHER_MS = 2_000
/** Rounds because of links: five in a row, then one every two minutes. Each costs every neighbour a signature to verify. */
const ROUNDS = { limit: 5, windowMs: 600_000 }

/** Signs our own reachability for one neighbour and sends it. What fails is told with the next round. */
export const announceTo = async ({ agent, net, engine, link, now }: Core, to: string): Promise<void> => {
  const own = engine.state.reaches.get(agent.id)
  if (own === undefined || own.expires <= now()) return
  const { addresses, seq, expires } = own
  const body: ReachRecord = { for: to, addresses, via: own.via.filter((one) => one !== to), seq, expires }
  const [record, seen] = [await signRecord(agent, net, 'REACH', body), link.remote(to)]
  await link.send(to, [encodeMessage({ t: 'REACH', record, ...(seen && { seen }) })])
}

type Telling = {
  /** A round, now. */
  announce(): Promise<void>
  /** A link went up or down, or our own address is another. */
  turned(): void
  stop(): void
}

/** @param moved called after a round in which our addresses are others than before */
export const openTelling = (core: Core, addresses: () => string[], moved: () => Promise<void>): Telling => {
  const rounds = createMeter(ROUNDS.limit, ROUNDS.windowMs, core.now)
  let timer: NodeJS.Timeout | undefined
  const announce = async () => void (await core.engine.handle({ on: 'announce', addresses: addresses() }))
  const round = async () => {
    const before = String(core.engine.state.reaches.get(core.agent.id)?.addresses)
    await announce()
    if (String(addresses()) !== before) await moved()
  }
  const due = (waitMs: number) => {
    timer = setTimeout(() => {
      const restMs = rounds.take('round')
      timer = undefined
      if (restMs > 0) return due(restMs)
      round().catch(() => {}) // logged by the engine; the next round tells it
    }, waitMs)
  }
  return {
    announce,
    turned() {
      if (timer === undefined) due(GATHER_MS)
    },
    stop: () => clearTimeout(timer),
  }
}
