/**
 * How an agent of the village reads what neighbours send: as the gateway does (its receive.ts and
 * path.ts, and src/envelope/chain.ts), with a notary in the place of cryptography.
 */
import { createHash } from 'node:crypto'
import { targetOfAddress, targetOfEntity } from '../../src/address.ts'
import type { Complaint } from '../../src/complaint/verdict.ts'
import { chainHash, type Envelope } from '../../src/envelope/envelope.ts'
import type { Said } from '../../src/reach/reach.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Report, TrailStep } from '../../src/report/report.ts'
import type { Path } from '../../src/route/search.ts'
import { splice } from '../../src/route/splice.ts'
import type { PairRecord } from '../../src/wire/pair.ts'
import {
  acceptedRecord,
  type ComplaintMessage,
  cachedRecord,
  complaintRecord,
  envelopeRecord,
  hopRecord,
  type PathMessage,
  type PathRecord,
  pathRecord,
  type ReportsMessage,
  reachRecord,
  reportRecord,
  stampRecord,
} from '../../src/wire/record.ts'
import type { Notary } from './notary.ts'

export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** What a sealed payload holds, and a card. Both are signed by the entity. */
type Sealed = { id: string; to: string; from: string; address: string; text: string }
export type Card = { entity: string; address: string; agent: string }

type Offer = { envelope: string; stamps: string[] }

const readEnvelope = (notary: Notary, jws: string): Envelope => {
  const { by, body } = notary.verify(jws, 'ENVELOPE')
  return { ...envelopeRecord(body, 'ENVELOPE'), origin: by, jws }
}

export const readChain = (
  notary: Notary,
  offer: Offer,
  here: { me: string; from: string; now: number },
): { envelope: Envelope; path: string[] } => {
  const envelope = readEnvelope(notary, offer.envelope)
  if (envelope.expires <= here.now) throw new Refusal('envelope-expired')
  const path = [envelope.origin]
  for (const [i, jws] of offer.stamps.entries()) {
    const { by, body } = notary.verify(jws, 'STAMP')
    const stamp = stampRecord(body, 'STAMP')
    if (by !== path.at(-1) || stamp.id !== envelope.id) throw new Refusal('chain-broken')
    if (stamp.chain !== chainHash(offer.envelope, offer.stamps.slice(0, i))) throw new Refusal('chain-broken')
    if (path.includes(stamp.to)) throw new Refusal('path-loops')
    path.push(stamp.to)
  }
  if (path.pop() !== here.me || path.at(-1) !== here.from) throw new Refusal('chain-broken')
  return { envelope, path }
}

/** What `agent` gives to the origin of an envelope whose recipient knows the sender. */
export const permitBy = (agent: string, { origin, to }: Pick<Envelope, 'origin' | 'to'>): string =>
  hashOf(`permit ${agent} ${origin} ${to}`).slice(0, 32)

export const isReceipt = (notary: Notary, receipt: string, by: string, chain: string): boolean => {
  try {
    const record = notary.verify(receipt, 'ACCEPTED')
    return record.by === by && acceptedRecord(record.body, 'ACCEPTED').chain === chain
  } catch {
    return false
  }
}

/** As in gateway/carry/blame.ts. */
export const showsReceipt = (notary: Notary, step: TrailStep, key: string): boolean => {
  if (step.event !== 'forwarded') return false
  try {
    const report = reportRecord(notary.verify(step.jws, 'REPORT').body, 'REPORT')
    const { by, body } = notary.verify(report.receipt ?? '', 'ACCEPTED')
    const receipt = acceptedRecord(body, 'ACCEPTED')
    return by === step.next && receipt.from === step.by && `${receipt.origin}/${receipt.id}` === key
  } catch {
    return false
  }
}

/** A letter that is a PAIR record, as `pairText` writes it. */
export const pairIn = (text: string): PairWords | undefined =>
  text.startsWith(PAIR) ? (JSON.parse(text.slice(PAIR.length)) as PairWords) : undefined

export const pairText = (words: PairWords): string => PAIR + JSON.stringify(words)

type PairWords = Pick<PairRecord, 'name' | 'addresses' | 'answer'>
const PAIR = 'PAIR '

export const openSealed = (notary: Notary, payload: string, envelope: Envelope): Sealed => {
  const { by, body } = notary.verify(payload, 'LETTER')
  const sealed = body as Sealed
  if (by !== sealed.from || sealed.id !== envelope.id || sealed.to !== envelope.to)
    throw new Refusal('sender-unverified')
  return sealed
}

/** A complaint, signed by the recipient whose card comes with it. */
export const readComplaint = (notary: Notary, message: ComplaintMessage): Complaint => {
  const { by, body } = notary.verify(message.complaint, 'COMPLAINT')
  const { net, ...said } = complaintRecord(body, 'COMPLAINT')
  if (said.origin !== message.origin || said.id !== message.id) throw new Refusal('complaint-foreign')
  const card = notary.verify(message.card, 'CARD')
  if (card.by !== by) throw new Refusal('signature-wrong')
  return { ...said, entity: by, text: message.complaint, card: message.card }
}

export const readReports = (notary: Notary, { origin, id, reports }: ReportsMessage): Report[] =>
  reports.map((jws) => {
    const { by, body } = notary.verify(jws, 'REPORT')
    const report = reportRecord(body, 'REPORT')
    if (report.origin !== origin || report.id !== id) throw new Refusal('report-foreign')
    return { ...report, by, jws }
  })

export const readReach = (notary: Notary, jws: string): Said => {
  const { by, body } = notary.verify(jws, 'REACH')
  return { ...reachRecord(body, 'REACH'), by, jws }
}

export const readPath = (notary: Notary, message: PathMessage, me: string): Path => {
  const { by, body } = notary.verify(message.path, 'PATH')
  const record = pathRecord(body, 'PATH')
  const { route } = record
  if (by !== route.at(-1)) throw new Refusal('agent-mismatch')
  if (new Set(route).size !== route.length) throw new Refusal('path-loops')
  if (record.card !== hashOf(message.card)) throw new Refusal('card-invalid')
  const answer = message.cached === undefined ? undefined : readSplice(notary, message.cached, message, record, me)
  checkHops(notary, message.path, message.hops, route, answer?.by ?? me)
  const card = notary.verify(message.card, 'CARD').body as Card
  if (notary.verify(message.card, 'CARD').by !== card.entity) throw new Refusal('card-invalid')
  if (card.entity !== record.entity || card.agent !== by) throw new Refusal('card-invalid')
  const asked = answer?.record ?? record
  if (asked.target !== targetOfEntity(card.entity) && asked.target !== targetOfAddress(card.address))
    throw new Refusal('card-invalid')
  return { record: asked, card: message.card, message, known: { ...card, expires: record.expires + 300 * 86_400_000 } }
}

const checkHops = (notary: Notary, of: string, hops: string[], route: string[], to: string): void => {
  const passed = route.slice(route.indexOf(to) + 1, -1).reverse()
  if (!route.includes(to) || passed.length !== hops.length) throw new Refusal('chain-broken')
  for (const [i, jws] of hops.entries()) {
    const hop = notary.verify(jws, 'HOP')
    if (hop.by !== passed[i] || hopRecord(hop.body, 'HOP').path !== hashOf(of)) throw new Refusal('chain-broken')
  }
}

const readSplice = (notary: Notary, jws: string, message: PathMessage, path: PathRecord, me: string) => {
  const { by, body } = notary.verify(jws, 'CACHED')
  const cached = cachedRecord(body, 'CACHED')
  const record = cached.path === hashOf(message.path) ? splice(path, cached, by) : undefined
  if (record === undefined) throw new Refusal('chain-broken')
  checkHops(notary, jws, message.cachedHops ?? [], cached.route, me)
  return { by, record }
}
