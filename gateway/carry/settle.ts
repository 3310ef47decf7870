/**
 * Reports owed to neighbours are sent in bundles, one an envelope, many in a call. What a
 * neighbour has acknowledged durably is owed no more; the rest is sent again when it connects.
 */
import type { Stated } from '../../src/credit/books.ts'
import { CREATED_AHEAD_MS } from '../../src/envelope/chain.ts'
import { partsOfKey } from '../../src/envelope/envelope.ts'
import type { Agent } from '../../src/identity/agent.ts'
import { signRecord, signShared } from '../../src/identity/record.ts'
import { readStatement } from '../../src/identity/statement.ts'
import type { RefusalCode } from '../../src/refusal.ts'
import { type Item, type Owed, piece } from '../../src/report/owed.ts'
import { encodeMessage } from '../../src/wire/record.ts'
import { owed } from '../../store/outbox.ts'
import type { Core } from '../core.ts'
import { custodyOf } from '../engine/batch.ts'
import { LinkFault } from '../link/handlers.ts'
import { keyUnder } from './hand.ts'

/** Bundles in one call: reports are some 300 KiB then. */
const BUNDLES = 100
/**
 * Reports wait this long for company: "handed on" and "delivered" of a quick message leave in one
 * bundle, and many messages' in one call. It delays what the sender sees in Outgoing, never mail.
 */
const GATHER_MS = 25

/**
 * Sends all that is owed to `to`. Out of reach: it is owed until the neighbour connects.
 * @throws when something is left that the neighbour could not keep just now: to be tried again
 */
export const settleWith = async (core: Core, to: string): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, GATHER_MS))
  while (core.link.isUp(to)) {
    const some = await owed.by(core.store.db, 'neighbour', [to], BUNDLES)
    if (some.length === 0) return
    const bundles = firstOf(await Promise.all(some.map((one) => bundle(core, one))))
    const texts = bundles.map(({ text }) => text)
    const answers = await core.link.send(to, texts).catch((error: unknown) => {
      if (core.link.isUp(to)) throw error
    })
    if (answers === undefined) return
    const taken = await Promise.all(bundles.map((one, i) => settled(core, one, answers[i])))
    if (taken.includes(false)) throw new LinkFault('fault', 'the neighbour could not keep our reports')
  }
}

/** As many as one call may carry: complaints bear the card of whoever complains. */
const firstOf = (bundles: Bundle[]): Bundle[] => {
  let bytes = 0
  const end = bundles.findIndex(({ text }, i) => {
    bytes += Buffer.byteLength(text)
    return i > 0 && bytes > CALL_BYTES
  })
  return end < 0 ? bundles : bundles.slice(0, end)
}

/** Below the link's limit of 1 MiB a batch. */
const CALL_BYTES = 900_000

/** What we are owed by `to`, signed: said, not owed. */
export const sayOwed = async (core: Core, to: string, stated: Stated): Promise<void> => {
  const statement = await signRecord(core.agent, core.net, 'STATEMENT', { to, ...stated })
  await core.link.send(to, [encodeMessage({ t: 'STATEMENT', statement })])
}

/** `items` are those that `text` carries: all that is owed, or the first piece of it. */
type Bundle = { owing: Owed; items: Item[]; text: string }

const bundle = async (core: Core, owing: Owed): Promise<Bundle> => {
  if (owing.message) return { owing, items: [], text: encodeMessage(owing.message) }
  const [origin, id] = partsOfKey(owing.custody)
  // Once we have another key than when it came, the row tells with which one it was taken.
  const row = core.keyring.former.length > 0 ? await custodyOf(core, owing.custody) : undefined
  const key = row ? keyUnder(core, row) : core.agent
  const reports = piece(await Promise.all(owing.items.map((item) => signed(core, key, item))))
  const text = encodeMessage({ t: 'REPORTS', origin, id, reports })
  return { owing, items: owing.items.slice(0, reports.length), text }
}

const signed = (core: Core, key: Agent, item: Item): Promise<string> =>
  'jws' in item ? Promise.resolve(item.jws) : signShared(key, core.net, 'REPORT', item.own)

/**
 * A complaint and its card are from the future where a clock is wrong, and hold in time. Given up, we had charged for it
 * and the neighbour not, and the link would end over books that differ.
 */
const isAhead = ({ now }: Core, { message }: Owed, code: RefusalCode): boolean =>
  message?.t === 'COMPLAINT' &&
  (code === 'record-malformed' || code === 'card-invalid') &&
  now() < Number(readStatement(message.complaint).at) + CREATED_AHEAD_MS

type RecordAnswer = Awaited<ReturnType<Core['link']['send']>>[number]

/**
 * A report that is refused by name will be refused again: it is owed no more, and the log says so.
 * @returns whether it is off our hands
 */
const settled = async (core: Core, { owing, items }: Bundle, answer: RecordAnswer | undefined): Promise<boolean> => {
  if (answer === undefined) return false
  if ('refused' in answer) {
    if (answer.refused === 'disk-full' || answer.refused === 'stopping') return false
    if (isAhead(core, owing, answer.refused)) return false
    const [, envelope] = partsOfKey(owing.custody)
    core.log.warn(
      { event: 'report-refused', envelope, to: owing.to, code: answer.refused },
      'a neighbour refused our report',
    )
  }
  await core.engine.handle({ on: 'acknowledged', owed: owing.key, items })
  return true
}
