/**
 * The web's records: their fields and limits (docs/protocol.md has the same table in words).
 *
 * Signed records travel as JWS compact; the types here are their payloads. `by`, the signer,
 * comes from the signature and never from a field. Asked-and-answered messages (WHO, NONE)
 * are plain JSON: only answers are signed.
 */
import { reasons } from '../complaint/verdict.ts'
import { MOST_LIMIT } from '../credit/credit.ts'
import { KEYS_TOLD } from '../link/ruling.ts'
import { Refusal, refusalCodes } from '../refusal.ts'
import {
  flag,
  hashId,
  list,
  matching,
  oneOf,
  optional,
  randomId,
  record,
  type Shape,
  sha256,
  tagged,
  text,
  time,
  whole,
} from './shape.ts'

/** Most hops any path may have: rings end at ttl 5, relays may go around, nobody needs 16. */
export const MAX_HOPS = 16
/** Longest JWS: 16 hops of route (52 characters each) and a receipt inside a report stay far below. */
const MAX_JWS = 16_384
/**
 * Longest receipt shown in a report, which must stay below MAX_JWS in base64. An honest one has some 700 bytes, 950
 * where it shares its signature.
 */
export const MAX_RECEIPT = 8_192
/** Longest complaint: a statement of some 600 characters. */
const MAX_COMPLAINT = 4096
/** Longest card, its OpenPGP key and two signatures included. */
export const MAX_CARD = 16_384
/** Most reports in one bundle: three a hop. */
export const MAX_REPORTS = 3 * MAX_HOPS
/** Longest an asker may wait for the answers of one ring. */
const MAX_WAIT_MS = 600_000
export const MAX_PAYLOAD_BYTES = 64 * 2 ** 30

const jws = text(MAX_JWS)
/** An envelope everywhere: its origin and its id. */
const custodyKey = matching(/^[a-z2-7]{51}[aq]\/[0-9a-f]{32}$/, 'origin/id')
/** A sum of complaints; nobody is owed a million. */
const amount: Shape<number> = (value, at) => {
  if (typeof value === 'number' && Math.abs(value) <= 1_000_000) return value
  throw new Refusal('record-malformed', `${at} must be a number`)
}

/** As in an invitation: nobody listens at nine places. */
export const MAX_ADDRESSES = 8
/** Names of neighbours in one announcement. */
const MAX_VIA = 64
const hostAndPort =
  /^(?:\[[0-9a-fA-F:.]{2,45}\]|(?=[^:]{1,253}:)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*):(\d{1,5})$/
/** `192.0.2.1:2740`, `[2001:db8::1]:2740`, `mail.example.org:2740`; names in ASCII, as they stand in the DNS. */
export const isHostPort = (value: string): boolean => {
  const port = Number(hostAndPort.exec(value)?.[1])
  return port > 0 && port < 65_536
}
export const hostPort: Shape<string> = (value, at) => {
  if (typeof value === 'string' && isHostPort(value)) return value
  throw new Refusal('record-malformed', `${at} must be host:port`)
}

/**
 * Signed by the origin agent. `hash` and `size` are the sealed payload's. `permit` was given by the recipient's
 * agent, since the recipient knows the sender: nobody on the way reserves credit for it.
 */
export const envelopeRecord = record({
  id: randomId,
  to: hashId,
  hash: sha256,
  size: whole(1, MAX_PAYLOAD_BYTES),
  priority: oneOf('interactive', 'normal', 'bulk'),
  created: time,
  expires: time,
  permit: optional(randomId),
})
export type EnvelopeRecord = ReturnType<typeof envelopeRecord>

/** Signed by the agent that hands the envelope on. `chain` covers the envelope and every stamp before this one. */
export const stampRecord = record({ id: randomId, chain: sha256, to: hashId, at: time })

/** The receipt: signed by the agent that took custody, over the chain with the stamp made for it. */
export const acceptedRecord = record({ id: randomId, origin: hashId, from: hashId, chain: sha256, at: time })
export type AcceptedRecord = ReturnType<typeof acceptedRecord>

/**
 * What became of an envelope at the agent that signs. `receipt` is the next hop's ACCEPTED; `permit`, with
 * `delivered`, is for the origin's next envelopes to the same recipient.
 */
export const reportRecord = record({
  id: randomId,
  origin: hashId,
  event: oneOf('forwarded', 'stalled', 'delivered', 'refused', 'expired'),
  at: time,
  next: optional(hashId),
  receipt: optional(text(MAX_RECEIPT)),
  code: optional(oneOf(...refusalCodes)),
  permit: optional(randomId),
})
export type ReportRecord = ReturnType<typeof reportRecord>

/** Signed by the agent that represents the entity: it stands at the end of `route`, the asker at its start. */
export const pathRecord = record({
  qid: randomId,
  target: hashId,
  entity: hashId,
  route: list(hashId, 2, MAX_HOPS),
  card: sha256,
  expires: time,
})
export type PathRecord = ReturnType<typeof pathRecord>

/** Signed by a relay that answers with a PATH it asked for itself: `route` ends with it, `path` is that record's hash. */
export const cachedRecord = record({
  qid: randomId,
  target: hashId,
  route: list(hashId, 2, MAX_HOPS),
  path: sha256,
})
export type CachedRecord = ReturnType<typeof cachedRecord>

/** Signed by each relay on the way back, over the PATH or CACHED it passes on. */
export const hopRecord = record({ path: sha256 })

/** Signed by a hop of `route`: its link to `next`, the hop after it, does not carry what is for `entity`. */
export const rerrRecord = record({
  route: list(hashId, 2, MAX_HOPS),
  next: hashId,
  entity: hashId,
  reason: oneOf('down', 'revoked', 'unknown'),
  at: time,
})
export type RerrRecord = ReturnType<typeof rerrRecord>

/**
 * Where the agent that signs can be dialled, made for one reader; `via` names neighbours with an open connection to it.
 * A higher `seq` replaces all lower ones.
 */
export const reachRecord = record({
  for: hashId,
  addresses: list(hostPort, 0, MAX_ADDRESSES),
  via: list(hashId, 0, MAX_VIA),
  seq: time, // of its making, or the last one and 1
  expires: time,
})
export type ReachRecord = ReturnType<typeof reachRecord>

/** Characters in the name of a web. */
export const MAX_NET = 64
/** What a recipient signs, as a statement (OpenPGP), about an envelope they got. `net`: as in the records of agents. */
export const complaintRecord = record({
  net: text(MAX_NET),
  origin: hashId,
  id: randomId,
  hash: sha256,
  reason: oneOf(...reasons),
  at: time,
})
export type ComplaintRecord = ReturnType<typeof complaintRecord>

/** What the agent that signs is owed by `to`, at `at`; below 0, it owes. */
export const statementRecord = record({
  to: hashId,
  seq: whole(1, Number.MAX_SAFE_INTEGER),
  debt: amount,
  limit: whole(1, MOST_LIMIT),
  at: time,
  disputed: flag,
})

/** Signed by an agent whose key is in other hands, with that very key: it is dead from now on. */
export const revokedRecord = record({ at: time })

/** Small messages between neighbours, as JSON text; acknowledged one by one. */
const messages = {
  WHO: {
    qid: randomId,
    target: hashId,
    ttl: whole(1, MAX_HOPS),
    hops: list(hashId, 1, MAX_HOPS),
    withinMs: whole(1, MAX_WAIT_MS), // what is left of the asker's time: clocks need not agree
    fresh: optional(flag), // no answers from memory: they led nowhere, or may be old
  },
  NONE: { qid: randomId, cut: flag },
  PATH: {
    path: jws,
    hops: list(jws, 0, MAX_HOPS),
    card: text(MAX_CARD),
    cached: optional(jws), // and then `hops` end at its signer
    cachedHops: optional(list(jws, 0, MAX_HOPS)),
  },
  RERR: { rerr: jws },
  REVOKED: { revoked: jws },
  REPORTS: { origin: hashId, id: randomId, reports: list(jws, 1, MAX_REPORTS) },
  REACH: {
    record: jws,
    seen: optional(text(64)), // the IP address the reader's connection comes from; nobody signs it
  },
  CALL: { qid: randomId },
  CALLED: {
    qid: randomId,
    at: time, // the clock there
    reached: list(hostPort, 0, MAX_ADDRESSES),
    wrong: list(hostPort, 0, MAX_ADDRESSES), // another key answered
    silent: list(hostPort, 0, MAX_ADDRESSES),
  },
  COMPLAINT: { origin: hashId, id: randomId, complaint: text(MAX_COMPLAINT), card: text(MAX_CARD) },
  SUSPENDED: {
    rule: oneOf('R1', 'R2', 'statements'),
    until: time,
    complaints: whole(0, 1_000_000),
    messages: whole(0, 1_000_000_000),
    keys: list(custodyKey, 0, KEYS_TOLD),
  },
  PUNISHED: { cut: hashId },
  STATEMENT: { statement: jws },
  WANTED: { origin: hashId, id: randomId, permit: optional(randomId) },
  WHERE: { pass: jws }, // the last REACH that was made for the asker
}
const messageOf = tagged(messages, `a message must be one of ${Object.keys(messages).join(', ')}`)
export type Message = ReturnType<typeof messageOf>
export type Who = Extract<Message, { t: 'WHO' }>
export type PathMessage = Extract<Message, { t: 'PATH' }>
export type ReportsMessage = Extract<Message, { t: 'REPORTS' }>
export type ComplaintMessage = Extract<Message, { t: 'COMPLAINT' }>

export const encodeMessage = (message: Message): string => JSON.stringify({ v: 1, ...message })

/** @throws Refusal `record-malformed`, `record-type`, `record-version` */
export const decodeMessage = (line: string): Message => {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new Refusal('record-malformed', 'a message must be JSON')
  }
  return messageOf(value)
}
