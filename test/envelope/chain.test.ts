/**
 * The chain of stamps with real keys: A wrote it, R relayed it, B gets it; X is anybody else.
 */
import { expect } from 'chai'
import fc from 'fast-check'
import { base32 } from '../../src/address.ts'
import { checkChain, checkReceipt, type Handed, verifyEnvelope } from '../../src/envelope/chain.ts'
import { chainHash, keyOf, partsOfKey, priorityOf } from '../../src/envelope/envelope.ts'
import { type Agent, generateAgent } from '../../src/identity/agent.ts'
import { signRecord } from '../../src/identity/record.ts'
import { Refusal } from '../../src/refusal.ts'
import type { EnvelopeRecord } from '../../src/wire/record.ts'

const net = 'trial'
const now = 1_700_000_000_000
const DAY = 86_400_000
const [a, r, b, x] = [generateAgent(), generateAgent(), generateAgent(), generateAgent()]
const record: EnvelopeRecord = {
  id: '0123456789abcdef'.repeat(2),
  to: base32(Buffer.alloc(32, 1)),
  hash: 'f'.repeat(64),
  size: 100,
  priority: 'interactive',
  created: now,
  expires: now + 5 * DAY,
}
const envelopeBy = (by: Agent, more: Partial<EnvelopeRecord> = {}, web = net): Promise<string> =>
  signRecord(by, web, 'ENVELOPE', { ...record, ...more })
type Stamping = { id?: string; chain?: string; web?: string; type?: string }
const stamp = (by: Agent, to: Agent, envelope: string, before: string[], more: Stamping = {}): Promise<string> => {
  const { id = record.id, chain = chainHash(envelope, before), web = net, type = 'STAMP' } = more
  return signRecord(by, web, type, { id, chain, to: to.id, at: now })
}
/** An honest chain along these agents, the last of whom is to get it. */
const along = async (...agents: Agent[]): Promise<Handed> => {
  const [origin = a] = agents
  const envelope = await envelopeBy(origin)
  const stamps: string[] = []
  for (const [i, by] of agents.slice(0, -1).entries())
    stamps.push(await stamp(by, agents[i + 1] ?? b, envelope, stamps))
  return { envelope, stamps }
}
const check = (handed: Handed, me: Agent, from: Agent, at = now) =>
  checkChain(handed, { net, me: me.id, from: [from.id], now: at })
const refused = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
    return 'taken'
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

describe('envelope: the chain of stamps', () => {
  it('names the path, origin first', async () => {
    const { envelope, hops } = await check(await along(a, r, b), b, r)
    expect(envelope).to.deep.include({ ...record, origin: a.id })
    expect(hops.map((hop) => hop.agent)).to.deep.equal([a.id, r.id])
  })

  it('may be as long as sixteen stamps, and no longer', async () => {
    const agents = Array.from({ length: 18 }, generateAgent)
    const at = (i: number): Agent => agents[i] ?? a
    expect((await check(await along(...agents.slice(0, 17)), at(16), at(15))).hops).to.have.length(16)
    expect(await refused(check(await along(...agents), at(17), at(16)))).to.equal('chain-broken')
  })

  const cases: [what: string, handed: () => Promise<Handed>, from: Agent, code: string][] = [
    ['no stamp at all', async () => ({ ...(await along(a, b)), stamps: [] }), a, 'chain-broken'],
    ['the first stamp cut out', async () => cut(await along(a, r, b), 0), r, 'chain-broken'],
    ['the last stamp cut out', async () => cut(await along(a, r, b), 1), r, 'chain-broken'],
    ['a middle stamp cut out', async () => cut(await along(a, x, r, b), 1), r, 'chain-broken'],
    ['two stamps exchanged', async () => exchanged(await along(a, r, b)), r, 'chain-broken'],
    ['a stamp twice', async () => twice(await along(a, r, b)), r, 'chain-broken'],
    ['a stamp of another envelope between the same agents', () => replayed({ id: 'e'.repeat(32) }), a, 'chain-broken'],
    ['a stamp of another chain for the same envelope', () => replayed({ chain: 'e'.repeat(64) }), a, 'chain-broken'],
    [
      'the stamps under another envelope of the origin',
      async () => under(await along(a, r, b), a, { size: 101 }),
      r,
      'chain-broken',
    ],
    ['the stamps under somebody else’s envelope', async () => under(await along(a, r, b), x), r, 'chain-broken'],
    ['a stamp for somebody else', () => along(a, r, x), r, 'chain-broken'],
    ['handed by another than signed it', () => along(a, r, b), x, 'chain-broken'],
    ['handed by the origin, though it was relayed', () => along(a, r, b), a, 'chain-broken'],
    ['a stolen chain, taken further by a thief', () => stolen(), x, 'chain-broken'],
    ['a loop to the origin', () => along(a, r, a, b), a, 'path-loops'],
    ['a loop to a relay', () => along(a, r, x, r, b), r, 'path-loops'],
    ['a stamp to itself', () => along(a, a, b), a, 'path-loops'],
    ['a stamp for another web', () => replayed({ web: 'real' }), a, 'net-mismatch'],
    ['a receipt in the place of a stamp', () => replayed({ type: 'ACCEPTED' }), a, 'record-type'],
    [
      'an envelope for another web',
      async () => ({ ...(await along(a, b)), envelope: await envelopeBy(a, {}, 'real') }),
      a,
      'net-mismatch',
    ],
    ['a stamp in the place of the envelope', async () => swapped(await along(a, b)), a, 'record-type'],
    ['a stamp of noise', async () => ({ ...(await along(a, b)), stamps: ['noise'] }), a, 'record-malformed'],
    ['an envelope of noise', async () => ({ ...(await along(a, b)), envelope: '' }), a, 'record-malformed'],
  ]
  for (const [what, handed, from, code] of cases)
    it(`${what}: ${code}`, async () => expect(await refused(check(await handed(), b, from))).to.equal(code))

  it('a single bit changed anywhere is refused by name', async () => {
    const honest = await along(a, r, b)
    const texts = [honest.envelope, ...honest.stamps]
    await fc.assert(
      fc.asyncProperty(fc.nat(2), fc.nat(), fc.integer({ min: 0, max: 6 }), async (which, where, bit) => {
        const text = texts[which] ?? ''
        const i = where % text.length
        const changed = text.slice(0, i) + String.fromCharCode(text.charCodeAt(i) ^ (1 << bit)) + text.slice(i + 1)
        const [envelope = '', ...stamps] = texts.map((one, j) => (j === which ? changed : one))
        expect(await refused(check({ envelope, stamps }, b, r))).to.be.oneOf([
          'record-malformed',
          'record-type',
          'net-mismatch',
          'signature-wrong',
          'chain-broken',
        ])
      }),
      { numRuns: 60 },
    )
  })

  it('any stamps of honest chains put together otherwise are refused', async () => {
    const chains = await Promise.all([along(a, r, b), along(a, b), along(a, x, b), along(a, r, x, b), along(x, r, b)])
    const stamps = chains.flatMap((one) => one.stamps)
    const honest = new Set(chains.map((one) => [one.envelope, ...one.stamps].join()))
    await fc.assert(
      fc.asyncProperty(fc.nat(4), fc.array(fc.nat(stamps.length - 1), { maxLength: 4 }), async (which, picks) => {
        const handed = { envelope: chains[which]?.envelope ?? '', stamps: picks.map((i) => stamps[i] ?? '') }
        const code = await refused(check(handed, b, r))
        if (!honest.has([handed.envelope, ...handed.stamps].join()))
          expect(code).to.be.oneOf(['chain-broken', 'path-loops'])
      }),
      { numRuns: 60 },
    )
  })

  const times: [what: string, more: Partial<EnvelopeRecord>, at: number, code: string][] = [
    ['in its last millisecond', {}, record.expires - 1, 'taken'],
    ['when its time is over', {}, record.expires, 'envelope-expired'],
    ['written by a clock a day ahead', { created: now + DAY }, now, 'taken'],
    ['written by one further ahead', { created: now + DAY + 1, expires: now + 2 * DAY }, now, 'envelope-expired'],
    ['that wants to live for thirty days', { expires: now + 30 * DAY }, now, 'taken'],
    ['and longer', { expires: now + 30 * DAY + 1 }, now, 'record-malformed'],
  ]
  for (const [what, more, at, code] of times)
    it(`an envelope ${what}: ${code}`, async () => {
      const envelope = await envelopeBy(a, more)
      expect(await refused(check({ envelope, stamps: [await stamp(a, b, envelope, [])] }, b, a, at))).to.equal(code)
    })

  it('an envelope says who wrote it, by its signature alone', async () => {
    const jws = await envelopeBy(a, { origin: x.id } as Partial<EnvelopeRecord>)
    expect((await verifyEnvelope(jws, net)).origin).to.equal(a.id)
  })
})

const cut = ({ envelope, stamps }: Handed, i: number): Handed => ({
  envelope,
  stamps: stamps.filter((_, j) => j !== i),
})
const exchanged = ({ envelope, stamps }: Handed): Handed => ({ envelope, stamps: [...stamps].reverse() })
const twice = ({ envelope, stamps }: Handed): Handed => ({ envelope, stamps: stamps.flatMap((one) => [one, one]) })
const swapped = ({ stamps }: Handed): Handed => ({ envelope: stamps[0] ?? '', stamps })
const under = async ({ stamps }: Handed, by: Agent, more: Partial<EnvelopeRecord> = {}): Promise<Handed> => ({
  envelope: await envelopeBy(by, more),
  stamps,
})
const replayed = async (more: Stamping): Promise<Handed> => {
  const envelope = await envelopeBy(a)
  return { envelope, stamps: [await stamp(a, b, envelope, [], more)] }
}
const stolen = async (): Promise<Handed> => {
  const { envelope, stamps } = await along(a, r)
  return { envelope, stamps: [...stamps, await stamp(x, b, envelope, stamps)] }
}

describe('envelope: the receipt', () => {
  const expected = { net, by: r.id, from: a.id, origin: a.id, id: record.id, chain: 'c'.repeat(64) }
  const body = { id: record.id, origin: a.id, from: a.id, chain: 'c'.repeat(64), at: now }
  const cases: [what: string, receipt: () => Promise<string>, code: string][] = [
    ['by the agent it was handed to, for this chain', () => signRecord(r, net, 'ACCEPTED', body), 'taken'],
    ['by another', () => signRecord(x, net, 'ACCEPTED', body), 'agent-mismatch'],
    ['for another envelope', () => signRecord(r, net, 'ACCEPTED', { ...body, id: 'd'.repeat(32) }), 'chain-broken'],
    ['for another origin', () => signRecord(r, net, 'ACCEPTED', { ...body, origin: x.id }), 'chain-broken'],
    ['for another giver', () => signRecord(r, net, 'ACCEPTED', { ...body, from: x.id }), 'chain-broken'],
    ['for another chain', () => signRecord(r, net, 'ACCEPTED', { ...body, chain: 'd'.repeat(64) }), 'chain-broken'],
    ['for another web', () => signRecord(r, 'real', 'ACCEPTED', body), 'net-mismatch'],
    ['that is a report', () => signRecord(r, net, 'REPORT', body), 'record-type'],
    ['with a field missing', () => signRecord(r, net, 'ACCEPTED', { id: record.id }), 'record-malformed'],
  ]
  for (const [what, receipt, code] of cases)
    it(`${what}: ${code}`, async () => expect(await refused(checkReceipt(await receipt(), expected))).to.equal(code))
})

describe('envelope: its names', () => {
  it('a key is read back as it was made', () =>
    expect(partsOfKey(keyOf(a.id, record.id))).to.deep.equal([a.id, record.id]))

  it('a chain’s hash depends on every stamp and on their order', () => {
    const hashes = [[], ['x'], ['y'], ['x', 'y'], ['y', 'x'], ['xy']].map((stamps) => chainHash('e', stamps))
    expect(new Set([...hashes, chainHash('e\nx', [])]).size, 'a line feed can’t be in a JWS').to.equal(6)
    expect(new Set(hashes).size).to.equal(6)
  })

  it('what a person types is interactive, what is larger is not', () => {
    expect(priorityOf(64 * 1024)).to.equal('interactive')
    expect(priorityOf(64 * 1024 + 1)).to.equal('normal')
  })
})
