/**
 * What neighbours send: decoded, every signature verified, and only then an event.
 * A refusal goes back by its code; whatever else goes wrong is a fault of ours and the neighbour tries again.
 */
import { isEnvelopeId } from '../../src/address.ts'
import { unlessRefused } from '../../src/effect.ts'
import { checkChain } from '../../src/envelope/chain.ts'
import { chainHash, keyOf } from '../../src/envelope/envelope.ts'
import type { Event } from '../../src/event.ts'
import { readComplaint } from '../../src/identity/complaint.ts'
import { isPermit } from '../../src/identity/permit.ts'
import { signShared, verifyRecord } from '../../src/identity/record.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Report } from '../../src/report/report.ts'
import {
  type AcceptedRecord,
  type ComplaintMessage,
  decodeMessage,
  type Message,
  type PathMessage,
  type ReportsMessage,
  reportRecord,
  rerrRecord,
  statementRecord,
} from '../../src/wire/record.ts'
import { discardDraft } from '../../store/spool.ts'
import { custody } from '../../store/web.ts'
import type { Core } from '../core.ts'
import { custodyOf } from '../engine/batch.ts'
import type { Arrived, LinkHandlers, Offer } from '../link/handlers.ts'
import { quietRefusals, refusalOf } from '../link/quiet.ts'
import { readRevoked } from '../neighbour/moving.ts'
import { isReachMessage, type ReachMessage } from '../reach/hear.ts'
import type { Reaching } from '../reach/reach.ts'
import { openArrived } from './open.ts'
import { verifyPath } from './path.ts'
import type { HasRoom } from './room.ts'

export const receiver = (
  core: Core,
  hear: Reaching['hear'],
  hasRoom: HasRoom,
): Pick<LinkHandlers, 'hand' | 'records'> => {
  const refuse = quietRefusals(core.log, core.metrics, core.now)
  const takePath = pathTaker(core)
  /** A refusal is an answer, counted and logged; anything else is a fault of ours, and the neighbour tries again. */
  const refused = (from: string, error: unknown, envelope?: unknown): Refusal => {
    const refusal = refusalOf(error)
    if (refusal === undefined) throw error
    refuse(refusal.code, { agent: from, ...(isEnvelopeId(envelope) && { envelope }) }, refusal.detail)
    return refusal
  }
  return {
    async hand(from, offer, body) {
      try {
        return { accepted: await takeCustody(core, hasRoom, from, offer, body) }
      } catch (error) {
        const { code, detail } = refused(from, error, peek(offer.envelope).id)
        return { refused: code, detail }
      }
    },
    records: (from, lines) =>
      Promise.all(
        lines.map(async (line) => {
          try {
            const message = decodeMessage(line)
            await (isReachMessage(message) ? hear(from, message) : take(core, takePath, from, message))
            return { ok: true }
          } catch (error) {
            return { refused: refused(from, error).code }
          }
        }),
      ),
  }
}

/** @returns our receipt, once payload, envelope, stamps and the plan for them are durable */
const takeCustody = async (
  core: Core,
  hasRoom: HasRoom,
  from: string,
  offer: Offer,
  body: Arrived,
): Promise<string> => {
  const { envelope, hops, opened } = await checked(core, hasRoom, from, offer, body).catch(async (error) => {
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
  const arrived = ([id = 0]: number[]): Event => ({ on: 'arrived', arrival: { ...arrival, body: id } })
  const answer = unlessRefused(await core.engine.handle(arrived, [draft]))
  if (answer.say !== 'accepted') throw new Error('an arrival was neither accepted nor refused')
  const chain = chainHash(offer.envelope, offer.stamps)
  const receipt: AcceptedRecord = { id: envelope.id, origin: envelope.origin, from, chain, at: answer.at }
  return signShared(core.agent, core.net, 'ACCEPTED', receipt)
}

/** Above this, opening costs so much that a repeat is looked for first. */
const REPEAT_BYTES = 64 * 1024

const checked = async (core: Core, hasRoom: HasRoom, from: string, offer: Offer, body: Arrived) => {
  const { envelope, hops } = await checkChain(offer, {
    net: core.net,
    me: core.agent.id,
    from: [from, ...(core.engine.state.links.get(from)?.formerly ?? [])],
    now: core.now(),
  })
  if (envelope.hash !== body.sha256 || envelope.size !== body.size)
    throw new Refusal('payload-mismatch', 'the payload is not the one the envelope was made for')
  const isHere = core.engine.state.locals.has(envelope.to)
  // Before anything is opened: whoever makes one up costs us no more than this.
  if (isHere && envelope.permit !== undefined && !isPermit(envelope.permit, core.agent, envelope.origin, envelope.to))
    throw new Refusal('permit-ended', 'this gateway gave no such permit')
  // What was taken before is not refused when it comes again: the neighbour only missed our answer.
  const key = keyOf(envelope.origin, envelope.id)
  if (isHere && !(await hasRoom(envelope.to)) && (await custodyOf(core, key)) === undefined)
    throw new Refusal('mailbox-full', 'the recipient has no room for more mail now')
  const isRepeat = body.size > REPEAT_BYTES && (await custodyOf(core, key)) !== undefined
  return { envelope, hops, opened: isHere && !isRepeat ? await openArrived(core, envelope, hops, body) : undefined }
}

const take = async (
  core: Core,
  takePath: TakePath,
  from: string,
  message: Exclude<Message, ReachMessage>,
): Promise<void> => {
  switch (message.t) {
    case 'WHO':
      return void (await core.engine.handle({ on: 'who', from, who: message }))
    case 'NONE':
      return void (await core.engine.handle({ on: 'none', from, qid: message.qid, cut: message.cut }))
    case 'PATH':
      return takePath(from, message)
    case 'RERR':
      return takeFailure(core, from, message.rerr)
    case 'REVOKED':
      return takeRevoked(core, from, message.revoked)
    case 'REPORTS':
      return takeReports(core, from, message)
    case 'COMPLAINT':
      return takeComplaint(core, from, message)
    case 'SUSPENDED': {
      const { t, ...accusation } = message
      return void (await core.engine.handle({ on: 'accused', from, accusation: { ...accusation, at: core.now() } }))
    }
    case 'PUNISHED':
      return void (await core.engine.handle({ on: 'punished', from, cut: message.cut }))
    case 'STATEMENT':
      return takeStatement(core, from, message.statement)
    case 'WANTED': {
      const key = keyOf(message.origin, message.id)
      return void (await core.engine.handle({ on: 'wanted', from, key, permit: message.permit }))
    }
  }
}

type TakePath = (from: string, message: PathMessage) => Promise<void>

/**
 * Of each neighbour that was asked one answer is verified, since that costs some milliseconds. What nobody asked for is worth none,
 * and so is what comes while another is looked at; one that does not hold was the answer, and no more is expected of that neighbour.
 */
const pathTaker = (core: Core): TakePath => {
  const looking = new Set<string>()
  return async (from, message) => {
    const qid = String(peek(message.cached ?? message.path).qid)
    const answer = `${qid} ${from}`
    const search = core.engine.state.searches.get(qid)
    if (search === undefined || !('asked' in search) || !search.asked.has(from)) return
    if (looking.has(answer)) return
    looking.add(answer)
    try {
      await core.engine.handle({ on: 'path', from, path: await verifyPath(core, message) })
    } catch (error) {
      if (error instanceof Refusal) await core.engine.handle({ on: 'none', from, qid, cut: true })
      throw error
    } finally {
      looking.delete(answer)
    }
  }
}

const takeFailure = async (core: Core, from: string, jws: string): Promise<void> => {
  const { by, body } = await verifyRecord(jws, core.net, 'RERR')
  await core.engine.handle({ on: 'failed', from, failure: { ...rerrRecord(body, 'RERR'), by, jws } })
}

/** What is known, or comes too often, is not worth its verification. */
const takeRevoked = async (core: Core, from: string, jws: string): Promise<void> => {
  unlessRefused(await core.engine.handle({ on: 'revoked', from, word: { ...(await readRevoked(core, jws)), jws } }))
}

const takeReports = async (core: Core, from: string, { origin, id, reports }: ReportsMessage): Promise<void> => {
  const key = keyOf(origin, id)
  const live = core.engine.state.custody.get(key)
  // Only what is committed may acknowledge it: known already, or forgotten.
  const [row] = live && live.state !== 'done' ? [live] : await custody.load(core.store.db, [key])
  if (row === undefined || row.state === 'done') return
  if (!row.tried.some((one) => one.by === from))
    throw new Refusal('report-foreign', 'this envelope was not handed to you')
  const verified = await Promise.all(reports.map((jws) => verifyReport(core, jws, origin, id)))
  unlessRefused(await core.engine.handle({ on: 'reported', from, key, reports: verified }))
}

/** Verified only where it may count: its signature costs some milliseconds, and nobody may make us spend them at will. */
const takeComplaint = async (core: Core, from: string, { origin, id, complaint, card }: ComplaintMessage) => {
  const row = await custodyOf(core, keyOf(origin, id))
  if (row === undefined) throw new Refusal('complaint-unknown', 'nothing is remembered here of this message')
  if (!row.tried.some((one) => one.by === from))
    throw new Refusal('complaint-foreign', 'this message was not handed to you')
  const verified = await readComplaint(complaint, card, core.net, core.now())
  if (verified.origin !== origin || verified.id !== id)
    throw new Refusal('complaint-foreign', 'the complaint is about another message')
  unlessRefused(await core.engine.handle({ on: 'complained', from, complaint: verified }))
}

const takeStatement = async (core: Core, from: string, jws: string): Promise<void> => {
  const { by, body } = await verifyRecord(jws, core.net, 'STATEMENT')
  const { to, ...said } = statementRecord(body, 'STATEMENT')
  if (by !== from || to !== core.agent.id)
    throw new Refusal('agent-mismatch', 'the statement is not between you and us')
  await core.engine.handle({ on: 'stated', from, said })
}

const verifyReport = async (core: Core, jws: string, origin: string, id: string): Promise<Report> => {
  const { by, body } = await verifyRecord(jws, core.net, 'REPORT')
  const report = reportRecord(body, 'REPORT')
  if (report.origin !== origin || report.id !== id)
    throw new Refusal('report-foreign', 'the report is about another envelope')
  return { ...report, by, jws }
}

/** What a record says of itself, before anybody believes it. */
const peek = (jws: string): Record<string, unknown> => {
  try {
    return Object(JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()))
  } catch {
    return {}
  }
}
