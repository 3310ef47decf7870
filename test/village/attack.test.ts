/** Attacks, one by one, in a calm village:  A – R – B, and X, who is linked to everybody and belongs to no path. */
import { expect } from 'chai'
import { chainHash } from '../../src/envelope/envelope.ts'
import { encodeMessage, type Message } from '../../src/wire/record.ts'
import type { Agent } from './agent.ts'
import type { Call, Reply } from './carrier.ts'
import { deliverUnheard, onItsWay, type Scene } from './line.ts'
import { pass, rowAt } from './scene.ts'
import { HOUR, heal, type Village } from './village.ts'

/** What `agent` answers when `from` says this to it. */
const said = (village: Village, agent: Agent, from: Agent, call: Call): Reply => {
  let replies: Reply[] = []
  agent.take(from.id, call, (given) => {
    replies = given
  })
  pass(village, 1)
  const [reply] = replies
  if (reply === undefined) throw new Error('it gave no answer')
  return reply
}

const records = (...messages: Message[]): Call => ({ records: messages.map(encodeMessage) })

const payloadAt = (agent: Agent, key: string): string => agent.bodyOf(rowAt(agent, key).body ?? 0)

type Event = 'forwarded' | 'delivered' | 'refused' | 'expired'
const report = (
  village: Village,
  by: Agent,
  key: string,
  event: Event,
  more: { next?: string; code?: 'given-up' } = {},
) => {
  const [origin = '', id = ''] = key.split('/')
  return village.notary.sign(by.id, 'REPORT', { origin, id, event, at: village.clock.now, ...more })
}
const reports = (key: string, ...signed: string[]): Call => {
  const [origin = '', id = ''] = key.split('/')
  return records({ t: 'REPORTS', origin, id, reports: signed })
}

const arrivesOnce = ({ village, a, b }: Scene, key: string): void => {
  heal(village)
  pass(village, HOUR)
  expect(b.mail.filter((letter) => letter.provenance?.key === key)).to.have.length(1)
  expect(rowAt(a, key).outcome?.event).to.equal('delivered')
  expect(a.mail.filter((letter) => letter.text.includes('failed.'))).to.deep.equal([])
}

describe('the village under attack', () => {
  for (const event of ['delivered', 'refused', 'expired'] as const)
    it(`believes no "${event}" of a neighbour that never had the envelope`, () => {
      const { village, a, x, second, ...rest } = onItsWay()
      const lie = reports(second.key, report(village, x, second.key, event))
      expect(said(village, a, x, lie)).to.deep.equal({ refused: 'report-foreign' })
      expect(rowAt(a, second.key).state).to.equal('handed')
      arrivesOnce({ village, a, x, ...rest }, second.key)
    })

  it("believes nobody's word in another's name", () => {
    const { village, a, r, b, second, ...rest } = onItsWay()
    const genuine = report(village, r, second.key, 'expired')
    const inHerName = genuine.replaceAll(r.id, b.id).replace('expired', 'delivered')
    expect(said(village, a, r, reports(second.key, inHerName))).to.deep.equal({ refused: 'signature-wrong' })
    arrivesOnce({ village, a, r, b, ...rest }, second.key)
  })

  it('believes no relay that reports the delivery itself', () => {
    const { village, a, r, second, ...rest } = onItsWay()
    const lie = reports(second.key, report(village, r, second.key, 'delivered'))
    expect(said(village, a, r, lie)).to.deep.equal({ refused: 'report-foreign' })
    arrivesOnce({ village, a, r, ...rest }, second.key)
  })

  it('believes no accomplice whom a lying relay names as the next holder', () => {
    const { village, a, r, x, second, ...rest } = onItsWay()
    const handed = report(village, r, second.key, 'forwarded', { next: x.id })
    const lie = reports(second.key, handed, report(village, x, second.key, 'delivered'))
    expect(said(village, a, r, lie)).to.deep.equal({ refused: 'report-foreign' })
    arrivesOnce({ village, a, r, x, ...rest }, second.key)
  })

  it('believes no accomplice of a lying relay, who never had it, that it is over', () => {
    const { village, a, r, x, second, ...rest } = onItsWay()
    for (const event of ['refused', 'expired'] as const) {
      const lie = reports(second.key, report(village, x, second.key, event))
      expect(said(village, a, r, lie), event).to.deep.equal({ refused: 'report-foreign' })
    }
    arrivesOnce({ village, a, r, x, ...rest }, second.key)
  })

  it("takes no old report of the recipient's for a new envelope", () => {
    const { village, a, r, b, first, second, ...rest } = onItsWay()
    const old = rowAt(a, first.key).trail.find((step) => step.event === 'delivered')
    expect(old?.by).to.equal(b.id)
    const handed = report(village, r, second.key, 'forwarded', { next: b.id }) // so that B may speak
    const lie = reports(second.key, handed, old?.jws ?? '')
    expect(said(village, a, r, lie)).to.deep.equal({ refused: 'report-foreign' })
    arrivesOnce({ village, a, r, b, ...rest }, second.key)
  })

  it('hears the same reports twice and once more long after, as if it heard them once', () => {
    const { village, a, r, b, first, second, ...rest } = onItsWay()
    const told = rowAt(a, first.key)
      .trail.filter((step) => step.event !== 'accepted')
      .map((step) => step.jws)
    const before = rowAt(a, first.key)
    for (let i = 0; i < 3; i++) expect(said(village, a, r, reports(first.key, ...told))).to.deep.equal({ ok: true })
    expect(rowAt(a, first.key)).to.equal(before)
    arrivesOnce({ village, a, r, b, ...rest }, second.key)
    pass(village, 3 * 12 * HOUR)
    expect(
      said(village, a, r, reports(first.key, ...told)),
      'acknowledged, so that nobody owes it for ever',
    ).to.deep.equal({
      ok: true,
    })
  })

  it('delivers an envelope once, however often and over whichever link it comes', () => {
    const { village, a, r, b, x, second } = onItsWay()
    deliverUnheard(village, r, b)
    const { envelope = '', stamps } = rowAt(r, second.key)
    const payload = payloadAt(r, second.key)
    const stamp = (by: Agent, to: Agent, before: string[]) =>
      village.notary.sign(by.id, 'STAMP', {
        id: second.recipient.envelope,
        chain: chainHash(envelope, before),
        to: to.id,
        at: village.clock.now,
      })
    const byR: Call = { offer: { envelope, stamps: [...stamps, stamp(r, b, stamps)], route: [] }, payload }
    const toX = [...stamps, stamp(r, x, stamps)]
    const byX: Call = { offer: { envelope, stamps: [...toX, stamp(x, b, toX)], route: [] }, payload }
    for (const [from, call] of [
      [r, byR],
      [r, byR],
      [x, byX],
      [x, byX],
      [r, byR],
    ] as const)
      expect(said(village, b, from, call)).to.have.property('accepted')
    expect(b.mail.filter((letter) => letter.provenance?.key === second.key)).to.have.length(1)
    arrivesOnce({ village, a, r, b, x }, second.key)
  })

  it('takes no envelope whose stamps were cut out, exchanged, put elsewhere or made for another', () => {
    const { village, r, b, x, first, second } = onItsWay()
    const { envelope = '', stamps } = rowAt(r, second.key)
    const id = second.recipient.envelope
    const payload = payloadAt(r, second.key)
    const sign = (by: Agent, to: Agent, before: string[]) =>
      village.notary.sign(by.id, 'STAMP', { id, chain: chainHash(envelope, before), to: to.id, at: village.clock.now })
    const chain = chainHash(envelope, stamps)
    const elsewhere = village.notary.sign(r.id, 'STAMP', { id: village.random.id(), chain, to: b.id, at: 1 })
    const circle = [...stamps]
    for (const [by, to] of [
      [r, x],
      [x, r],
      [r, b],
    ] as const)
      circle.push(sign(by, to, circle))
    const cases: [what: string, from: Agent, stamps: string[], code: string][] = [
      ['stolen: X was never handed it', x, [...stamps, sign(x, b, stamps)], 'chain-broken'],
      ['cut: R hands it as if it came from nobody', r, [sign(r, b, [])], 'chain-broken'],
      ['unsigned: R adds no stamp', r, stamps, 'chain-broken'],
      ['put elsewhere: the stamp covers another chain', r, [...stamps, sign(r, b, [])], 'chain-broken'],
      ['in another order', r, [sign(r, b, stamps), ...stamps], 'chain-broken'],
      ['made for X', r, [...stamps, sign(r, x, stamps)], 'chain-broken'],
      ['R has X sign in its place', r, [...stamps, sign(x, b, stamps)], 'chain-broken'],
      ['made for another envelope', r, [...stamps, elsewhere], 'chain-broken'],
      ['led in a circle', r, circle, 'path-loops'],
      ['invented', r, [...stamps, sign(r, b, stamps).replace(r.id, r.id.toUpperCase())], 'signature-wrong'],
    ]
    for (const [what, from, chain, refused] of cases) {
      const call: Call = { offer: { envelope, stamps: chain, route: [] }, payload }
      expect(said(village, b, from, call), what).to.deep.equal({ refused })
    }
    const record = JSON.parse(envelope)
    const own = village.notary.sign(r.id, 'ENVELOPE', { ...record, id: village.random.id() })
    const stamped = (jws: string, given: string) =>
      village.notary.sign(r.id, 'STAMP', { id: given, chain: chainHash(jws, []), to: b.id, at: 1 })
    const swapped: [what: string, call: Call, code: string][] = [
      [
        'the letter in an envelope of R’s own',
        { offer: { envelope: own, stamps: [stamped(own, JSON.parse(own).id)], route: [] }, payload },
        'sender-unverified',
      ],
      [
        'another letter in its place',
        { offer: { envelope, stamps: [...stamps, sign(r, b, stamps)], route: [] }, payload: `${payload} ` },
        'payload-mismatch',
      ],
    ]
    for (const [what, call, refused] of swapped) expect(said(village, b, r, call), what).to.deep.equal({ refused })
    const other = rowAt(b, first.key)
    expect(other.state).to.equal('done')
    expect(b.mail).to.have.length(1)
  })

  it('stays polite to an envelope that comes back to its origin', () => {
    const { village, a, r, second } = onItsWay()
    const { envelope = '', stamps } = rowAt(r, second.key)
    const chain = chainHash(envelope, stamps)
    const back = village.notary.sign(r.id, 'STAMP', {
      id: second.recipient.envelope,
      chain,
      to: a.id,
      at: village.clock.now,
    })
    const call: Call = { offer: { envelope, stamps: [...stamps, back], route: [] }, payload: payloadAt(r, second.key) }
    expect(said(village, a, r, call)).to.deep.equal({ refused: 'path-loops' })
  })
})
