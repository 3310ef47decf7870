/**
 * What neighbours send, as the gateway itself reads it: the attacks of test/village, each with genuine signatures of
 * whoever may sign. The village verifies by a notary of its own; these are the lines that do so in its place here.
 *
 *   R, a neighbour, hands us what is for Ann, and has from us what is for Bob; X is a neighbour, too.
 */
import { createHash, randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { openArrived } from '../../gateway/carry/open.ts'
import { verifyPath } from '../../gateway/carry/path.ts'
import { receiver } from '../../gateway/carry/receive.ts'
import type { Core } from '../../gateway/core.ts'
import { startEngine } from '../../gateway/engine/engine.ts'
import { createLog } from '../../gateway/log.ts'
import { createMetrics } from '../../gateway/metrics.ts'
import { until } from '../../scripts/neighbourhood.ts'
import { targetOfAddress } from '../../src/address.ts'
import { chainHash, type Envelope } from '../../src/envelope/envelope.ts'
import { makeCard } from '../../src/identity/card.ts'
import { makeComplaint } from '../../src/identity/complaint.ts'
import { generateEntity } from '../../src/identity/entity.ts'
import { permitOf } from '../../src/identity/permit.ts'
import { signRecord } from '../../src/identity/record.ts'
import { seal } from '../../src/identity/seal.ts'
import { admitLocal, emptyState } from '../../src/state.ts'
import { encodeMessage, type Message } from '../../src/wire/record.ts'
import { draftOf } from '../../store/spool.ts'
import { link, row } from '../custody/rows.ts'
import { NET, type Person, person, refusalOf } from '../identity/people.ts'
import { bodiesOpen, eachWithStore, letterOf } from '../store/home.ts'
import { hashOf } from '../village/papers.ts'

const id = '0123456789abcdef'.repeat(2)
const other = 'f'.repeat(32)
const hash = 'e'.repeat(64)
const HOUR = 3_600_000

describe('carry: what neighbours send', () => {
  const bench = eachWithStore()
  let ann: Person
  let bob: Person
  let r: Person
  let x: Person
  before(async () => {
    const [one, two, three, four] = await Promise.all(['ann', 'bob', 'r', 'x'].map((name) => person(name)))
    if (!one || !two || !three || !four) throw new Error('somebody is missing')
    ;[ann, bob, r, x] = [one, two, three, four]
  })

  let logged: string[] = []
  beforeEach(() => {
    logged = []
  })

  const open = (now = Date.now) => {
    const store = bench()
    const log = createLog({ level: 'info', format: 'json' }, { write: (line) => logged.push(line) })
    const state = emptyState(ann.agent.id, 'ann.test')
    admitLocal(state, { entity: ann.entity.id, account: store.account.id, address: ann.entity.address })
    for (const { agent } of [r, x]) state.links.set(agent.id, link(agent.id))
    const key = `${ann.agent.id}/${id}`
    const handed = { state: 'handed' as const, next: r.agent.id, tried: [{ by: r.agent.id, saidNo: false }] }
    state.custody.set(key, row({ key, id, origin: ann.agent.id, to: bob.entity.id, hash, ...handed, retryAt: null }))
    const engine = startEngine(store.db, state, log)
    const keyring = { entity: (entity: string) => (entity === ann.entity.id ? ann.entity : undefined) }
    const parts = { agent: ann.agent, net: NET, home: store.home, keyring, store, engine, log, now }
    const core = { ...parts, metrics: createMetrics() } as unknown as Core // the rest is for other rooms
    const hears = async () => {}
    return { core, engine, receives: receiver(core, hears, async () => true) }
  }

  const said = async (from: Person, message: Message): Promise<string> => {
    const { engine, receives } = open()
    const [answer] = await receives.records(from.agent.id, [encodeMessage(message)])
    await engine.settled()
    return answer && 'refused' in answer ? answer.refused : 'taken'
  }

  const origin = () => ann.agent.id
  const report = (by: Person, more: object = {}, net = NET, type = 'REPORT') =>
    signRecord(by.agent, net, type, { id, origin: origin(), event: 'forwarded', at: Date.now(), ...more })
  const reports = async (...signed: (string | Promise<string>)[]): Promise<Message> => ({
    t: 'REPORTS',
    origin: origin(),
    id,
    reports: await Promise.all(signed),
  })
  /** One character of what was signed is another. */
  const changed = (jws: string): string => {
    const [header = '', body = '', signature = ''] = jws.split('.')
    const text = Buffer.from(body, 'base64url')
      .toString()
      .replace(/"at":\d/, '"at":9')
    return [header, Buffer.from(text).toString('base64url'), signature].join('.')
  }
  const complaint = async (by: Person, more: object = {}, card = by): Promise<Message> => {
    const about = { net: NET, origin: origin(), id, hash, reason: 'abuse' as const, at: Date.now(), ...more }
    return {
      t: 'COMPLAINT',
      origin: origin(),
      id,
      complaint: await makeComplaint(by.entity, about),
      card: card.card.text,
    }
  }
  const statement = async (by: Person, to: Person): Promise<Message> => {
    const body = { to: to.agent.id, seq: 1, debt: 1, limit: 3, at: Date.now(), disputed: false }
    return { t: 'STATEMENT', statement: await signRecord(by.agent, NET, 'STATEMENT', body) }
  }

  const lines: [what: string, from: () => Person, message: () => Promise<Message>, answer: string][] = [
    ['a report of R', () => r, () => reports(report(r)), 'taken'],
    ['changed on its way', () => r, async () => reports(changed(await report(r))), 'signature-wrong'],
    ['of another web', () => r, () => reports(report(r, {}, 'trial')), 'net-mismatch'],
    ['that is another record', () => r, () => reports(report(r, {}, NET, 'ACCEPTED')), 'record-type'],
    ['about another envelope of ours', () => r, () => reports(report(r, { id: other })), 'report-foreign'],
    ['about one of another origin', () => r, () => reports(report(r, { origin: x.agent.id })), 'report-foreign'],
    ['by who never had it, over the right link', () => r, () => reports(report(x)), 'report-foreign'],
    ['over another link', () => x, () => reports(report(r)), 'report-foreign'],
    [
      'that names what can be nobody’s key',
      () => r,
      () => reports(report(r, { next: '7'.repeat(52) })),
      'record-malformed',
    ],
    ['a complaint of Bob’s', () => r, () => complaint(bob), 'taken'],
    ['over another link', () => x, () => complaint(bob), 'complaint-foreign'],
    ['of somebody else', () => r, () => complaint(x), 'complaint-foreign'],
    ['under the card of Bob, signed by X', () => r, () => complaint(x, {}, bob), 'signature-wrong'],
    ['under the card of X, signed by Bob', () => r, () => complaint(bob, {}, x), 'signature-wrong'],
    ['made for another message', () => r, () => complaint(bob, { id: other }), 'complaint-foreign'],
    ['about another payload', () => r, () => complaint(bob, { hash: 'd'.repeat(64) }), 'complaint-foreign'],
    ['made in another web', () => r, () => complaint(bob, { net: 'trial' }), 'net-mismatch'],
    ['a statement of R', () => r, () => statement(r, ann), 'taken'],
    ['that another made', () => r, () => statement(x, ann), 'agent-mismatch'],
    ['that R made for another', () => r, () => statement(r, x), 'agent-mismatch'],
  ]
  for (const [what, from, message, answer] of lines)
    it(`${what}: ${answer}`, async () => expect(await said(from(), await message())).to.equal(answer))

  const text = letterOf('hello')
  type Given = { permit?: string; payload?: Buffer; arrived?: string; from?: Person; behindMs?: number }
  const sealed = (from: Person, at = id) =>
    seal({ from: from.entity, to: ann.card, id: at, card: from.card.text, plaintext: text })

  /** R, who wrote it or says so, hands an envelope to us. */
  const hand = async ({ permit, payload, arrived, from = r, behindMs = 0 }: Given): Promise<string> => {
    const inside = payload ?? (await sealed(r))
    const sha256 = createHash('sha256').update(inside).digest('hex')
    const times = { created: Date.now(), expires: Date.now() + 3_600_000 }
    const body = { id, to: ann.entity.id, hash: sha256, size: inside.length, priority: 'normal', ...times }
    const envelope = await signRecord(r.agent, NET, 'ENVELOPE', { ...body, ...(permit && { permit }) })
    const stamp = { id, chain: chainHash(envelope, []), to: ann.agent.id, at: Date.now() }
    const stamps = [await signRecord(r.agent, NET, 'STAMP', stamp)]
    const { receives, engine } = open(() => Date.now() - behindMs)
    const answer = await receives.hand(
      from.agent.id,
      { envelope, stamps, route: [] },
      { bytes: inside, size: inside.length, sha256: arrived ?? sha256 },
    )
    await engine.settled()
    return 'refused' in answer ? answer.refused : 'taken'
  }

  it('a letter that is refused is logged by its envelope id', async () => {
    await hand({ permit: other })
    const line = JSON.parse(logged.find((each) => each.includes('permit-ended')) ?? '{}')
    expect(line).to.include({ level: 'warn', event: 'refused', agent: r.agent.id, envelope: id })
  })

  const hands: [what: string, given: () => Promise<Given>, answer: string][] = [
    ['an envelope of R’s', async () => ({}), 'taken'],
    ['of this very hour, where our clock is three behind', async () => ({ behindMs: 3 * HOUR }), 'taken'],
    ['where our clock is days behind', async () => ({ behindMs: 100 * HOUR }), 'envelope-expired'],
    ['over the link of another', async () => ({ from: x }), 'chain-broken'],
    ['with another payload than it names', async () => ({ arrived: hash }), 'payload-mismatch'],
    ['with a permit that R made up', async () => ({ permit: other }), 'permit-ended'],
    [
      'with a permit that was given to X',
      async () => ({ permit: permitOf(ann.agent, x.agent.id, ann.entity.id) }),
      'permit-ended',
    ],
    ['around a letter of X’s, which R carried once', async () => ({ payload: await sealed(x) }), 'sender-unverified'],
    [
      'around a letter that was in another envelope',
      async () => ({ payload: await sealed(r, other) }),
      'sender-unverified',
    ],
    [
      'with a permit that R made up, which is told before it is opened',
      async () => ({ permit: other, payload: Buffer.from('no letter') }),
      'permit-ended',
    ],
    [
      'by somebody at R who claims an address of ours',
      async () => {
        const entity = await generateEntity({ name: 'Ann', address: 'anna@ann.test', now: Date.now() })
        const card = await makeCard(entity, r.agent.id, NET, { now: Date.now(), seq: 1 })
        return { payload: await seal({ from: entity, to: ann.card, id, card, plaintext: text }) }
      },
      'sender-unverified',
    ],
  ]
  for (const [what, given, answer] of hands)
    it(`${what}: ${answer}`, async () => expect(await hand(await given())).to.equal(answer))

  for (const [what, behindMs, isLearned] of [
    ['learned', 0, true],
    ['not learned where it is from the future: what is sealed by it would be, too', 3 * HOUR, false],
  ] as const)
    it(`the card in a letter is ${what}`, async () => {
      const { core } = open(() => Date.now() - behindMs)
      const bytes = await sealed(r)
      const names = { id, to: ann.entity.id, origin: r.agent.id, created: Date.now() }
      const { sender } = await openArrived(core, names as Envelope, [], { bytes, size: bytes.length, sha256: '' })
      expect(sender.card !== undefined).to.equal(isLearned)
    })

  const large = letterOf(randomBytes(1 << 20).toString('base64'))
  const fullDisk = (core: Core) => {
    core.engine.state.contacts.get = () => {
      throw new Error('disk full')
    }
  }
  const unkept: [what: string, to: () => Person, origin: () => Person, fault: (core: Core) => void, why: string][] = [
    ['was sealed for another', () => bob, () => r, () => {}, 'the letter does not open'],
    ['another sent', () => ann, () => x, () => {}, "the envelope does not come from the sender's gateway"],
    ['meets a full disk', () => ann, () => r, fullDisk, 'disk full'],
  ]
  for (const [what, to, origin, fault, why] of unkept)
    it(`a large letter that ${what} leaves no file open`, async () => {
      const { core } = open()
      fault(core)
      const letter = { from: r.entity, to: to().card, id, card: r.card.text, plaintext: large }
      const payload = await draftOf(core.home, await seal(letter))
      const names = { id, to: ann.entity.id, origin: origin().agent.id, created: Date.now() }
      const envelope = names as Envelope // what is looked at here
      const end = await openArrived(core, envelope, [], payload).catch(String)
      expect(end).to.include(why)
      await until('all are closed', async () => (await bodiesOpen(core.home)).length === 0)
    })

  const forged = 'Authentication-Results: ann.test; vouchsafe-key=pass'
  const heads: [what: string, text: string, answer: string][] = [
    ['whose lines end with LF alone', `Subject: x\n${forged}\n\ntext`, 'cleaned'],
    ['whose empty line does', `Subject: x\r\n${forged}\r\n\ntext`, 'cleaned'],
    ['without an empty line', `Subject: x\r\n${forged}\r\n`, 'cleaned'],
    ['too long to be searched', `X: ${'x'.repeat(300_000)}\r\n${forged}\r\n\r\ntext`, 'message-too-large'],
    ['the same, streamed', `X: ${'x'.repeat(3_000_000)}\r\n${forged}\r\n\r\ntext`, 'message-too-large'],
  ]
  for (const [what, text, answer] of heads)
    it(`a header with results in our name, ${what}: ${answer}`, async () => {
      const plaintext = Buffer.from(text)
      const payload = await seal({ from: r.entity, to: ann.card, id, card: r.card.text, plaintext })
      expect(await hand({ payload })).to.equal(answer === 'cleaned' ? 'taken' : answer)
      if (answer !== 'cleaned') return
      const [row] = await bench().db.read.range<{ text: string }>('SELECT CAST(bytes AS TEXT) AS text FROM body', [])
      expect(row?.text).to.include('Subject: x').and.not.include(forged)
    })

  const path = async (
    by: Person,
    route: Person[],
    more: { card?: string; of?: Person; hops?: Person[]; over?: string } = {},
  ) => {
    const { of = bob, hops = [] } = more
    const signed = await signRecord(by.agent, NET, 'PATH', {
      qid: id,
      target: targetOfAddress(bob.entity.address),
      entity: of.entity.id,
      route: route.map(({ agent }) => agent.id),
      card: hashOf(of.card.text),
      expires: Date.now() + 3_600_000,
    })
    const over = { path: hashOf(more.over ?? signed) }
    const all = await Promise.all(hops.map(({ agent }) => signRecord(agent, NET, 'HOP', over)))
    return { t: 'PATH' as const, path: signed, hops: all, card: more.card ?? of.card.text }
  }
  const lies: [what: string, message: () => ReturnType<typeof path>, code: string][] = [
    ['X represents Bob, as it says', () => path(x, [ann, x]), 'card-invalid'],
    ['X shows itself for Bob', () => path(x, [ann, x], { of: x }), 'card-invalid'],
    [
      'an older card of Bob’s lies beside',
      async () =>
        path(bob, [ann, bob], { card: await makeCard(bob.entity, bob.agent.id, NET, { now: Date.now(), seq: 0 }) }),
      'card-invalid',
    ],
    ['another card lies beside', () => path(bob, [ann, bob], { card: x.card.text }), 'card-invalid'],
    ['X signs for Bob’s agent', () => path(x, [ann, x, bob], { hops: [x] }), 'agent-mismatch'],
    ['it is a loop', () => path(bob, [ann, x, ann, bob], { hops: [x] }), 'path-loops'],
    ['it begins elsewhere', () => path(bob, [x, r, bob], { hops: [r] }), 'chain-broken'],
    ['R has not signed', () => path(bob, [ann, x, r, bob], { hops: [x] }), 'chain-broken'],
    ['X has signed for R', () => path(bob, [ann, x, r, bob], { hops: [x, x] }), 'chain-broken'],
    ['R has signed another', () => path(bob, [ann, x, r, bob], { hops: [r, x], over: 'another' }), 'chain-broken'],
  ]
  for (const [what, message, code] of lies)
    it(`a route where ${what}: ${code}`, async () =>
      expect(await refusalOf(verifyPath(open().core, await message()))).to.equal(code))
  it('of a neighbour that was asked one answer is looked at, whether it holds or not', async () => {
    const { engine, receives } = open()
    const target = targetOfAddress(bob.entity.address)
    const who = { t: 'WHO' as const, qid: id, target, ttl: 3, hops: [r.agent.id], withinMs: 4000 }
    await receives.records(r.agent.id, [encodeMessage(who)])
    const lie = encodeMessage(await path(x, [r, ann, x], { of: x }))
    const answers = await receives.records(x.agent.id, [lie, lie, lie])
    expect(answers).to.deep.equal([{ refused: 'card-invalid' }, { ok: true }, { ok: true }])
    expect(await receives.records(x.agent.id, [lie])).to.deep.equal([{ ok: true }])
    expect(engine.state.searches.get(id)).to.include({ at: 'over' })
  })
  it('a route that all have signed', async () => {
    const { known } = await verifyPath(open().core, await path(bob, [ann, x, r, bob], { hops: [r, x] }))
    expect(known).to.include({ entity: bob.entity.id, agent: bob.agent.id })
  })
})
