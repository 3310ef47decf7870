/** Values that have the shape of what travels, by decoder: `every.test.ts` holds each decoder to the same four claims. */
import fc from 'fast-check'
import { helloShape, payloadShape } from '../../gateway/link/frame.ts'
import { reasons } from '../../src/complaint/verdict.ts'
import { refusalCodes } from '../../src/refusal.ts'
import { reachAnswer, reachAsk } from '../../src/wire/directory.ts'
import {
  arplMessage,
  arslMessage,
  aurqMessage,
  commitMessage,
  divergedMessage,
  proceedMessage,
} from '../../src/wire/link1.ts'
import { type MovedRequest, movedRequest } from '../../src/wire/moved.ts'
import { type PairRequest, pairAnswer, pairRecord, pairRequest } from '../../src/wire/pair.ts'
import {
  acceptedRecord,
  cachedRecord,
  complaintRecord,
  decodeMessage,
  envelopeRecord,
  hopRecord,
  type Message,
  pathRecord,
  reachRecord,
  reportRecord,
  rerrRecord,
  revokedRecord,
  stampRecord,
  statementRecord,
} from '../../src/wire/record.ts'

const letters = (alphabet: string, length: number) =>
  fc.array(fc.constantFrom(...alphabet), { minLength: length, maxLength: length }).map((all) => all.join(''))
const hashId = fc.tuple(letters('abcdefghijklmnopqrstuvwxyz234567', 51), letters('aq', 1)).map((all) => all.join(''))
const randomId = letters('0123456789abcdef', 32)
const sha256 = letters('0123456789abcdef', 64)
const incarnation = letters('0123456789abcdef', 16)
const bytes32 = letters('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', 43)
const time = fc.integer({ min: 0, max: 9_999_999_999_999 })
const whole = (min: number, max: number) => fc.integer({ min, max })
const text = (maxLength: number) =>
  fc.string({ maxLength, unit: 'grapheme', size: 'max' }).filter((one) => one.length <= maxLength)
/** As it stands after everything invisible was taken out of it. */
const shown = (maxLength: number) =>
  text(maxLength).map((one) =>
    one
      .replace(/[\s\p{C}]+/gu, ' ')
      .trim()
      .slice(0, maxLength)
      .trim(),
  )
const list = <T>(item: fc.Arbitrary<T>, minLength: number, maxLength: number) =>
  fc.array(item, { minLength, maxLength, size: 'max' })
const hostPort = fc
  .tuple(
    fc.oneof(
      fc.ipV4(),
      fc.ipV6().map((ip) => `[${ip}]`),
      fc.domain(),
    ),
    whole(1, 65_535),
  )
  .map(([host, port]) => `${host}:${port}`)
const addresses = list(hostPort, 0, 8)
const jws = text(200)

type Fields = Record<string, fc.Arbitrary<unknown>>
/** Fields that must be there, and those that may. */
const of = (fields: Fields, maybe: Fields = {}): fc.Arbitrary<Record<string, unknown>> =>
  fc.record({ ...fields, ...maybe }, { requiredKeys: Object.keys(fields) })
const named = <T extends string>(t: T, fields: Fields, maybe: Fields = {}) =>
  of({ t: fc.constant(t), ...fields }, maybe)

const route = list(hashId, 2, 16)
const about = { name: shown(80), addresses }
const resume = { name: text(80), software: text(80), incarnation }
const operator = { owner: text(300), rekey: text(300) }
const which = fc.constantFrom('tentative', 'key', 'initial')

const messages: Record<Message['t'], fc.Arbitrary<Record<string, unknown>>> = {
  WHO: named(
    'WHO',
    { qid: randomId, target: hashId, ttl: whole(1, 16), hops: list(hashId, 1, 16), withinMs: whole(1, 600_000) },
    { fresh: fc.boolean() },
  ),
  NONE: named('NONE', { qid: randomId, cut: fc.boolean() }),
  PATH: named('PATH', { path: jws, hops: list(jws, 0, 16), card: jws }, { cached: jws, cachedHops: list(jws, 0, 16) }),
  RERR: named('RERR', { rerr: jws }),
  REVOKED: named('REVOKED', { revoked: jws }),
  REPORTS: named('REPORTS', { origin: hashId, id: randomId, reports: list(jws, 1, 48) }),
  REACH: named('REACH', { record: jws }, { seen: text(64) }),
  CALL: named('CALL', { qid: randomId }),
  CALLED: named('CALLED', { qid: randomId, at: time, reached: addresses, wrong: addresses, silent: addresses }),
  COMPLAINT: named('COMPLAINT', { origin: hashId, id: randomId, complaint: text(300), card: text(300) }),
  SUSPENDED: named('SUSPENDED', {
    rule: fc.constantFrom('R1', 'R2', 'statements'),
    until: time,
    complaints: whole(0, 1_000_000),
    messages: whole(0, 1_000_000_000),
    keys: list(
      fc.tuple(hashId, randomId).map(([origin, id]) => `${origin}/${id}`),
      0,
      20,
    ),
  }),
  PUNISHED: named('PUNISHED', { cut: hashId }),
  STATEMENT: named('STATEMENT', { statement: jws }),
  WANTED: named('WANTED', { origin: hashId, id: randomId }, { permit: randomId }),
  WHERE: named('WHERE', { pass: jws }),
}
const strangers: Record<PairRequest['t'], fc.Arbitrary<Record<string, unknown>>> = {
  INVITED: named('INVITED', { ...about, token: bytes32.map((all) => all.slice(0, 22)) }),
  KNOCK: named('KNOCK', about, { software: shown(80), note: shown(200) }),
}
const thefts: Record<MovedRequest['t'], fc.Arbitrary<Record<string, unknown>>> = {
  MOVED: named('MOVED', { ...about, rekey: text(300) }, { revoked: text(300) }),
  FORMER: named('FORMER', { was: hashId }),
}

type Decoder = { read(value: unknown): unknown; whole: fc.Arbitrary<Record<string, unknown>> }
/** By the name its module exports it under. */
const shaped = (read: (value: unknown, at: string) => unknown, whole: Decoder['whole']): Decoder => ({
  read: (value) => read(value, 'it'),
  whole,
})

export const decoders: Record<string, Decoder> = {
  envelopeRecord: shaped(
    envelopeRecord,
    of(
      {
        id: randomId,
        to: hashId,
        hash: sha256,
        size: whole(1, 2 ** 36),
        priority: fc.constantFrom('interactive', 'normal', 'bulk'),
        created: time,
        expires: time,
      },
      { permit: randomId },
    ),
  ),
  stampRecord: shaped(stampRecord, of({ id: randomId, chain: sha256, to: hashId, at: time })),
  acceptedRecord: shaped(acceptedRecord, of({ id: randomId, origin: hashId, from: hashId, chain: sha256, at: time })),
  reportRecord: shaped(
    reportRecord,
    of(
      {
        id: randomId,
        origin: hashId,
        event: fc.constantFrom('forwarded', 'stalled', 'delivered', 'refused', 'expired'),
        at: time,
      },
      { next: hashId, receipt: jws, code: fc.constantFrom(...refusalCodes), permit: randomId },
    ),
  ),
  pathRecord: shaped(
    pathRecord,
    of({ qid: randomId, target: hashId, entity: hashId, route, card: sha256, expires: time }),
  ),
  cachedRecord: shaped(cachedRecord, of({ qid: randomId, target: hashId, route, path: sha256 })),
  hopRecord: shaped(hopRecord, of({ path: sha256 })),
  rerrRecord: shaped(
    rerrRecord,
    of({ route, next: hashId, entity: hashId, reason: fc.constantFrom('down', 'revoked', 'unknown'), at: time }),
  ),
  reachRecord: shaped(reachRecord, of({ for: hashId, addresses, via: list(hashId, 0, 64), seq: time, expires: time })),
  complaintRecord: shaped(
    complaintRecord,
    of({ net: text(64), origin: hashId, id: randomId, hash: sha256, reason: fc.constantFrom(...reasons), at: time }),
  ),
  statementRecord: shaped(
    statementRecord,
    of({
      to: hashId,
      seq: whole(1, Number.MAX_SAFE_INTEGER),
      debt: fc.double({ min: -1_000_000, max: 1_000_000, noNaN: true }).map((one) => one + 0), // JSON knows no -0
      limit: whole(1, 1000),
      at: time,
      disputed: fc.boolean(),
    }),
  ),
  revokedRecord: shaped(revokedRecord, of({ at: time })),
  decodeMessage: {
    read: (value) => decodeMessage(JSON.stringify(value) ?? ''),
    whole: fc.oneof(...Object.values(messages)),
  },
  pairRequest: { read: pairRequest, whole: fc.oneof(...Object.values(strangers)) },
  pairAnswer: { read: pairAnswer, whole: of({ t: fc.constantFrom('LINKED', 'PENDING'), ...about }) },
  pairRecord: shaped(pairRecord, of({ ...about, to: hashId, answer: fc.boolean(), at: time })),
  movedRequest: { read: movedRequest, whole: fc.oneof(...Object.values(thefts)) },
  reachAsk: shaped(reachAsk, fc.oneof(of({ tell: jws }), of({ where: hashId }))),
  reachAnswer: shaped(reachAnswer, of({}, { record: jws })),
  aurqMessage: shaped(aurqMessage, of({ agent: hashId, ...resume, nonce: bytes32, times: whole(1, 100) }, operator)),
  arplMessage: shaped(
    arplMessage,
    of(
      {
        agent: hashId,
        ...resume,
        clock: time,
        proofs: list(
          of({
            which,
            n: whole(0, 2 ** 31),
            back: whole(0, 100),
            q: whole(-9_999_999_999_999, 9_999_999_999_999),
            mac: bytes32,
          }),
          1,
          3,
        ),
      },
      operator,
    ),
  ),
  proceedMessage: shaped(
    proceedMessage,
    of({ which, n: whole(0, 2 ** 31), random: bytes32, at: time, warned: fc.boolean(), mac: bytes32 }),
  ),
  commitMessage: shaped(commitMessage, of({ random: bytes32, mac: bytes32 })),
  arslMessage: shaped(arslMessage, of({ result: fc.constant('known'), mac: bytes32 })),
  divergedMessage: shaped(divergedMessage, of({ diverged: of({ n: whole(0, 2 ** 31), incarnation }, { at: time }) })),
  helloShape: shaped(
    helloShape,
    of({
      net: text(255),
      link: randomId,
      payloadBytes: whole(1, Number.MAX_SAFE_INTEGER),
      recordBytes: whole(1, Number.MAX_SAFE_INTEGER),
      batchBytes: whole(1, Number.MAX_SAFE_INTEGER),
    }),
  ),
  payloadShape: shaped(payloadShape, of({ sha256, size: whole(0, 2 ** 36) })),
}
