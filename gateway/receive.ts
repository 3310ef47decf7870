/**
 * What neighbours send: decoded, every signature verified, and only then an event.
 * A refusal goes back by its code; whatever else goes wrong is a fault of ours and the neighbour tries again.
 */
import { checkChain } from '../src/envelope/chain.ts'
import { chainHash, keyOf } from '../src/envelope/envelope.ts'
import { signRecord, verifyRecord } from '../src/identity/record.ts'
import { Refusal } from '../src/refusal.ts'
import type { Report } from '../src/report/report.ts'
import {
  type AcceptedRecord,
  decodeMessage,
  type Message,
  type ReportsMessage,
  reportRecord,
} from '../src/wire/record.ts'
import { discardDraft } from '../store/blob.ts'
import type { Core } from './core.ts'
import type { Arrived, HandAnswer, LinkHandlers, Offer, RecordAnswer } from './link/handlers.ts'
import { openArrived } from './open.ts'
import { verifyPath } from './path.ts'

export const receiver = (core: Core): Pick<LinkHandlers, 'hand' | 'records'> => ({
  hand: (from, offer, body) => takeHand(core, from, offer, body),
  records: (from, lines) => Promise.all(lines.map((line) => takeRecord(core, from, line))),
})

const takeHand = async (core: Core, from: string, offer: Offer, body: Arrived): Promise<HandAnswer> => {
  try {
    return { accepted: await takeCustody(core, from, offer, body) }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    core.log.warn({ event: 'hand-refused', from, code: error.code }, error.detail)
    core.metrics.refusals.inc({ edge: 'link', code: error.code })
    return { refused: error.code, detail: error.detail }
  }
}

/** @returns our receipt, once payload, envelope, stamps and the plan for them are durable */
const takeCustody = async (core: Core, from: string, offer: Offer, body: Arrived): Promise<string> => {
  const { envelope, hops, opened } = await checked(core, from, offer, body).catch(async (error) => {
    await discardDraft(core.home, body)
    throw error
  })
  if (opened) await discardDraft(core.home, body) // the opened message is kept in its place
  const arrival = {
    from,
    envelope,
    stamps: offer.stamps,
    path: hops.map((hop) => hop.agent),
    advice: offer.route.filter((agent) => agent !== core.agent.id),
    ...(opened && { opened: opened.sender }),
  }
  const draft = opened?.draft ?? { body }
  const answer = await core.engine.handle(([id = 0]) => ({ on: 'arrived', arrival: { ...arrival, body: id } }), [draft])
  if (answer.say === 'refused') throw new Refusal(answer.code, answer.detail)
  if (answer.say !== 'accepted') throw new Error('an arrival was neither accepted nor refused')
  const chain = chainHash(offer.envelope, offer.stamps)
  const receipt: AcceptedRecord = { id: envelope.id, origin: envelope.origin, from, chain, at: answer.at }
  return signRecord(core.agent, core.net, 'ACCEPTED', receipt)
}

const checked = async (core: Core, from: string, offer: Offer, body: Arrived) => {
  const { envelope, hops } = await checkChain(offer, { net: core.net, me: core.agent.id, from, now: core.now() })
  if (envelope.hash !== body.sha256 || envelope.size !== body.size)
    throw new Refusal('payload-mismatch', 'the payload is not the one the envelope was made for')
  const isHere = core.engine.state.locals.has(envelope.to)
  return { envelope, hops, opened: isHere ? await openArrived(core, envelope, hops, body) : undefined }
}

const takeRecord = async (core: Core, from: string, line: string): Promise<RecordAnswer> => {
  try {
    await take(core, from, decodeMessage(line))
    return { ok: true }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    core.log.warn({ event: 'record-refused', from, code: error.code }, error.detail)
    core.metrics.refusals.inc({ edge: 'link', code: error.code })
    return { refused: error.code }
  }
}

const take = async (core: Core, from: string, message: Message): Promise<void> => {
  switch (message.t) {
    case 'WHO':
      return void (await core.engine.handle({ on: 'who', from, who: message }))
    case 'NONE':
      return void (await core.engine.handle({ on: 'none', from, qid: message.qid, cut: message.cut }))
    case 'PATH':
      return void (await core.engine.handle({ on: 'path', from, path: await verifyPath(core, message) }))
    case 'REPORTS':
      return takeReports(core, from, message)
  }
}

const takeReports = async (core: Core, from: string, { origin, id, reports }: ReportsMessage): Promise<void> => {
  const verified = await Promise.all(reports.map((jws) => verifyReport(core, jws, origin, id)))
  const answer = await core.engine.handle({ on: 'reported', from, key: keyOf(origin, id), reports: verified })
  if (answer.say === 'refused') throw new Refusal(answer.code, answer.detail)
}

const verifyReport = async (core: Core, jws: string, origin: string, id: string): Promise<Report> => {
  const { by, body } = await verifyRecord(jws, core.net, 'REPORT')
  const report = reportRecord(body, 'REPORT')
  if (report.origin !== origin || report.id !== id)
    throw new Refusal('report-foreign', 'the report is about another envelope')
  return { ...report, by, jws }
}
