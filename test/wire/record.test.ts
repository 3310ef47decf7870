import { expect } from 'chai'
import fc from 'fast-check'
import { Refusal } from '../../src/refusal.ts'
import {
  acceptedRecord,
  cachedRecord,
  complaintRecord,
  decodeMessage,
  encodeMessage,
  envelopeRecord,
  hopRecord,
  isHostPort,
  type Message,
  pathRecord,
  reachRecord,
  reportRecord,
  rerrRecord,
  revokedRecord,
  stampRecord,
  statementRecord,
} from '../../src/wire/record.ts'
import type { Shape } from '../../src/wire/shape.ts'

const hashId = `${'abcdefghijklmnopqrstuvwxyz234567'.repeat(2).slice(0, 51)}q`
const randomId = '0123456789abcdef'.repeat(2)
const sha256 = '0123456789abcdef'.repeat(4)
const time = 1_700_000_000_000

const records: Record<string, [shape: Shape<object>, good: Record<string, unknown>]> = {
  ENVELOPE: [
    envelopeRecord,
    {
      v: 1,
      id: randomId,
      to: hashId,
      hash: sha256,
      size: 5,
      priority: 'normal',
      created: time,
      expires: time,
      permit: randomId,
    },
  ],
  STAMP: [stampRecord, { v: 1, id: randomId, chain: sha256, to: hashId, at: time }],
  ACCEPTED: [acceptedRecord, { v: 1, id: randomId, origin: hashId, from: hashId, chain: sha256, at: time }],
  REPORT: [
    reportRecord,
    {
      v: 1,
      id: randomId,
      origin: hashId,
      event: 'refused',
      at: time,
      next: hashId,
      receipt: 'r',
      code: 'no-route',
      permit: randomId,
    },
  ],
  PATH: [
    pathRecord,
    { v: 1, qid: randomId, target: hashId, entity: hashId, route: [hashId, hashId], card: sha256, expires: time },
  ],
  CACHED: [cachedRecord, { v: 1, qid: randomId, target: hashId, route: [hashId, hashId], path: sha256 }],
  COMPLAINT: [
    complaintRecord,
    { v: 1, net: 'n', origin: hashId, id: randomId, hash: sha256, reason: 'abuse', at: time },
  ],
  STATEMENT: [statementRecord, { v: 1, to: hashId, seq: 1, debt: -0.25, limit: 3, at: time, disputed: false }],
  HOP: [hopRecord, { v: 1, path: sha256 }],
  RERR: [rerrRecord, { v: 1, route: [hashId, hashId], next: hashId, entity: hashId, reason: 'down', at: time }],
  REVOKED: [revokedRecord, { v: 1, at: time }],
  REACH: [reachRecord, { v: 1, for: hashId, addresses: ['a.test:2740'], via: [hashId], seq: time, expires: time }],
}
const messages: Message[] = [
  { t: 'WHO', qid: randomId, target: hashId, ttl: 5, hops: [hashId], withinMs: 4000 },
  { t: 'NONE', qid: randomId, cut: false },
  { t: 'PATH', path: 'jws', hops: ['a', 'b'], card: 'card' },
  { t: 'PATH', path: 'jws', hops: [], card: '' },
  { t: 'WHO', qid: randomId, target: hashId, ttl: 5, hops: [hashId], withinMs: 4000, fresh: true },
  { t: 'PATH', path: 'jws', hops: ['a'], card: 'card', cached: 'jws', cachedHops: ['b'] },
  { t: 'RERR', rerr: 'jws' },
  { t: 'REVOKED', revoked: 'jws' },
  { t: 'REACH', record: 'jws' },
  { t: 'WHERE', pass: 'jws' },
  { t: 'CALL', qid: randomId },
  { t: 'CALLED', qid: randomId, at: time, reached: ['a.test:1'], wrong: [], silent: ['[::1]:65535'] },
  { t: 'COMPLAINT', origin: hashId, id: randomId, complaint: 'statement', card: 'card' },
  { t: 'WANTED', origin: hashId, id: randomId, permit: randomId },
  { t: 'WANTED', origin: hashId, id: randomId },
  { t: 'SUSPENDED', rule: 'R1', until: time, complaints: 5, messages: 9, keys: [`${hashId}/${randomId}`] },
  { t: 'PUNISHED', cut: hashId },
  { t: 'STATEMENT', statement: 'jws' },
  { t: 'REPORTS', origin: hashId, id: randomId, reports: ['jws'] },
]

/** The code of the refusal, `read` when there is none; whatever else is thrown goes through. */
const refused = (read: () => unknown): string => {
  try {
    read()
    return 'read'
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

/** What is a wrong value almost everywhere, and not here. */
const isRight = (field: string, value: unknown): boolean =>
  (['receipt', 'net'].includes(field) && typeof value === 'string' && value.length < 60) ||
  (field === 'debt' && (value === -1 || value === 0.5)) ||
  (field === 'disputed' && value === true)

describe('wire: signed records', () => {
  for (const [name, [shape, good]] of Object.entries(records)) {
    it(`${name}: read as it was written`, () => {
      const { v, ...fields } = good
      expect(shape(good, name)).to.deep.equal(fields)
      expect(shape(JSON.parse(JSON.stringify(good)), name)).to.deep.equal(fields)
    })

    it(`${name}: what a later version adds is left alone`, () =>
      expect(shape({ ...good, later: 1 }, name)).to.not.have.property('later'))

    it(`${name}: another version is refused as such`, () => {
      for (const v of [0, 2, '1', undefined, null])
        expect(refused(() => shape({ ...good, v }, name))).to.equal('record-version')
    })

    const optional = new Set(name === 'RERR' ? [] : ['next', 'receipt', 'code', 'permit'])
    for (const field of Object.keys(good).filter((one) => one !== 'v')) {
      it(`${name}: ${field} must be what it is${optional.has(field) ? ', or be left out' : ', and be there'}`, () => {
        const { [field]: _, ...without } = good
        expect(refused(() => shape(without, name))).to.equal(optional.has(field) ? 'read' : 'record-malformed')
        for (const wrong of [null, {}, [], -1, 0.5, Number.NaN, true, 'ü', 'x'.repeat(100_000), [null], '__proto__'])
          expect(
            refused(() => shape({ ...good, [field]: wrong }, name)),
            String(wrong).slice(0, 20),
          ).to.be.oneOf([
            'record-malformed',
            ...(isRight(field, wrong) ? ['read'] : []),
            ...(['addresses', 'via'].includes(field) && Array.isArray(wrong) && wrong.length === 0 ? ['read'] : []),
          ])
      })
    }

    it(`${name}: whatever comes is read or refused by name`, () =>
      fc.assert(
        fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(good)), (value, field) => {
          expect(refused(() => shape(value, name))).to.be.oneOf(['record-malformed', 'record-version'])
          expect(refused(() => shape({ ...good, [field]: value }, name))).to.be.oneOf([
            'read',
            'record-malformed',
            'record-version',
          ])
        }),
      ))

    it(`${name}: a field that only its prototype has does not count`, () =>
      expect(refused(() => shape(Object.create(good), name))).to.equal('record-malformed'))
  }

  const edges: [what: string, read: () => unknown, code: string][] = [
    ['an empty payload', () => envelopeRecord({ ...records.ENVELOPE?.[1], size: 0 }, ''), 'record-malformed'],
    ['a payload of 64 GiB', () => envelopeRecord({ ...records.ENVELOPE?.[1], size: 2 ** 36 }, ''), 'read'],
    [
      'and of one byte more',
      () => envelopeRecord({ ...records.ENVELOPE?.[1], size: 2 ** 36 + 1 }, ''),
      'record-malformed',
    ],
    ['a time before 1970', () => stampRecord({ ...records.STAMP?.[1], at: -1 }, ''), 'record-malformed'],
    ['a time beyond 2286', () => stampRecord({ ...records.STAMP?.[1], at: 10 ** 13 }, ''), 'record-malformed'],
    [
      'an id in capitals',
      () => stampRecord({ ...records.STAMP?.[1], to: hashId.toUpperCase() }, ''),
      'record-malformed',
    ],
    [
      'an id that no key can have',
      () => reportRecord({ ...records.REPORT?.[1], next: '7'.repeat(52) }, ''),
      'record-malformed',
    ],
    [
      'an id with a line feed behind it',
      () => stampRecord({ ...records.STAMP?.[1], to: `${hashId}\n` }, ''),
      'record-malformed',
    ],
    ['a route of one', () => pathRecord({ ...records.PATH?.[1], route: [hashId] }, ''), 'record-malformed'],
    ['a route of 16', () => pathRecord({ ...records.PATH?.[1], route: Array(16).fill(hashId) }, ''), 'read'],
    [
      'a route of 17',
      () => pathRecord({ ...records.PATH?.[1], route: Array(17).fill(hashId) }, ''),
      'record-malformed',
    ],
    [
      'an address without a port',
      () => reachRecord({ ...records.REACH?.[1], addresses: ['a.test:2740', 'a.test'] }, ''),
      'record-malformed',
    ],
    ['an event nobody knows', () => reportRecord({ ...records.REPORT?.[1], event: 'eaten' }, ''), 'record-malformed'],
    ['a code nobody knows', () => reportRecord({ ...records.REPORT?.[1], code: 'no-mood' }, ''), 'record-malformed'],
  ]
  for (const [what, read, code] of edges) it(`${what}: ${code}`, () => expect(refused(read)).to.equal(code))
})

describe('wire: host and port', () => {
  const cases: [text: string, isOne: boolean][] = [
    ['192.0.2.1:2740', true],
    ['[2001:db8::1]:2740', true],
    ['mail.example.org:1', true],
    ['xn--mnchen-3ya.example:65535', true],
    ['a.test:0', false],
    ['a.test:65536', false],
    ['a.test', false],
    [':2740', false],
    ['2001:db8::1:2740', false],
    ['münchen.example:1', false],
    ['a..b:1', false],
    ['a b:1', false],
    ['a\n:1', false],
    ['a.test:1\n', false],
    [`${'x'.repeat(64)}.test:1`, false],
    [`${'x.'.repeat(130)}test:1`, false],
  ]
  for (const [text, isOne] of cases)
    it(`${JSON.stringify(text).slice(0, 40)} ${isOne ? 'is' : 'is not'} one`, () =>
      expect(isHostPort(text)).to.equal(isOne))

  it('every address and port is one, and a text that is one has nothing to steer a terminal with', () => {
    const port = fc.integer({ min: 1, max: 65_535 })
    fc.assert(fc.property(fc.ipV4(), port, (ip, n) => isHostPort(`${ip}:${n}`)))
    fc.assert(fc.property(fc.ipV6(), port, (ip, n) => isHostPort(`[${ip}]:${n}`)))
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !isHostPort(text) || /^[\x21-\x7e]+$/.test(text)))
  })
})

describe('wire: messages between neighbours', () => {
  /** As much as one record may have. */
  const deep = '['.repeat(30_000) + ']'.repeat(30_000)
  for (const message of messages)
    it(`${message.t} comes back as it was sent`, () =>
      expect(decodeMessage(encodeMessage(message))).to.deep.equal(message))

  const lines: [what: string, line: string, code: string][] = [
    ['nothing', '', 'record-malformed'],
    ['no JSON', 'WHO is it', 'record-malformed'],
    ['half a message', encodeMessage(messages[0] as Message).slice(0, -1), 'record-malformed'],
    ['no object', '[]', 'record-type'],
    ['null', 'null', 'record-type'],
    ['no kind', '{"v":1}', 'record-type'],
    ['a kind nobody knows', '{"v":1,"t":"GOSSIP"}', 'record-type'],
    ['a kind every object has', '{"v":1,"t":"constructor"}', 'record-type'],
    ['a kind that is none', '{"v":1,"t":["WHO"]}', 'record-type'],
    ['another version', '{"v":2,"t":"NONE"}', 'record-version'],
    ['the kind without its fields', '{"v":1,"t":"NONE"}', 'record-malformed'],
    [
      'no reports at all',
      encodeMessage({ t: 'REPORTS', origin: hashId, id: randomId, reports: [] }),
      'record-malformed',
    ],
    [
      'too many reports',
      encodeMessage({ t: 'REPORTS', origin: hashId, id: randomId, reports: Array(49).fill('x') }),
      'record-malformed',
    ],
    [
      'a query without a hop',
      encodeMessage({ ...(messages[0] as Extract<Message, { t: 'WHO' }>), hops: [] }),
      'record-malformed',
    ],
    [
      'a query without any time left',
      encodeMessage({ ...(messages[0] as Extract<Message, { t: 'WHO' }>), withinMs: 0 }),
      'record-malformed',
    ],
    [
      'a query that lasts longer than it is remembered',
      encodeMessage({ ...(messages[0] as Extract<Message, { t: 'WHO' }>), withinMs: 600_001 }),
      'record-malformed',
    ],
    [
      'a query of ttl 0',
      encodeMessage({ ...(messages[0] as Extract<Message, { t: 'WHO' }>), ttl: 0 }),
      'record-malformed',
    ],
    ['a version that is nested ever so deep', `{"t":"WHO","v":${deep}}`, 'record-version'],
    ['a field that is', `{"t":"WHO","v":1,"qid":${deep}}`, 'record-malformed'],
    ['a type that is', `{"t":${deep},"v":1}`, 'record-type'],
  ]
  for (const [what, line, code] of lines)
    it(`${what}: ${code}`, () => expect(refused(() => decodeMessage(line))).to.equal(code))

  it('whatever line comes is read or refused by name', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc
        .record({ v: fc.constant(1), t: fc.constantFrom('WHO', 'NONE', 'PATH', 'RERR', 'REPORTS', 'REVOKED') })
        .chain((start) =>
          fc
            .dictionary(
              fc.constantFrom('qid', 'cut', 'hops', 'path', 'card', 'reports', 'id', 'ttl', 'rerr', 'revoked'),
              fc.jsonValue(),
            )
            .map((more) => JSON.stringify({ ...more, ...start })),
        ),
    )
    fc.assert(
      fc.property(anything, (line) => {
        expect(refused(() => decodeMessage(line))).to.be.oneOf([
          'read',
          'record-malformed',
          'record-type',
          'record-version',
        ])
      }),
    )
  })
})
