import { expect } from 'chai'
import fc from 'fast-check'
import { Refusal } from '../../src/refusal.ts'
import { about, type Item, owe, piece, settle } from '../../src/report/owed.ts'
import { believe, type Report, type TrailStep } from '../../src/report/report.ts'
import { explain, tellRivals, tellTrail } from '../../src/report/words.ts'
import { encodeMessage } from '../../src/wire/record.ts'
import { ann, b, bob, key, link, now, r, report, s, stranger, world } from '../custody/rows.ts'

const taken: TrailStep = { event: 'accepted', by: r, at: now, jws: 'receipt' }
const onward = report(r, 'forwarded', { next: s })

describe('report: whom to believe', () => {
  const cases: [what: string, trail: TrailStep[], reports: Report[], believed: string[] | 'report-foreign'][] = [
    ['the hop that signed for it', [taken], [onward], ['forwarded r']],
    ['the hop after, in the same bundle', [taken], [onward, report(s, 'refused')], ['forwarded r', 'refused s']],
    ['the hop after, in a later one', [taken, { ...onward }], [report(s, 'expired')], ['expired s']],
    ['a repeat is left out', [taken, { ...onward }], [onward, report(s, 'expired')], ['expired s']],
    ['a repeat still names who is next', [taken], [onward, onward, report(s, 'expired')], ['forwarded r', 'expired s']],
    [
      'another way of the same hop is news',
      [taken, { ...onward }],
      [report(r, 'forwarded', { next: b }), report(b, 'delivered')],
      ['forwarded r', 'delivered b'],
    ],
    ['nobody before anybody had it', [], [onward], 'report-foreign'],
    ['nobody who never had it', [taken], [report(stranger, 'expired')], 'report-foreign'],
    ['nobody before he is named', [taken], [report(s, 'expired'), onward], 'report-foreign'],
    [
      'nobody whom a stranger names',
      [taken],
      [report(stranger, 'forwarded', { next: s }), report(s, 'delivered')],
      'report-foreign',
    ],
    [
      'nobody for being named in something else than a hand-over',
      [taken],
      [report(r, 'expired', { next: s }), report(s, 'delivered')],
      'report-foreign',
    ],
    ['nor for having been', [taken, report(r, 'stalled', { next: s })], [report(s, 'delivered')], 'report-foreign'],
  ]
  for (const [what, trail, reports, believed] of cases)
    it(`${what}: ${believed}`, () => expect(heard(trail, reports)).to.deep.equal(believed))

  it('a trail does not grow for ever, whatever holders make up; how it ends is still heard', () => {
    let trail: TrailStep[] = [taken]
    const names = Array.from({ length: 500 }, (_, i) => `agent ${i}`)
    for (const [i, next] of names.entries())
      trail = [...trail, ...believe(trail, [report(i === 0 ? r : (names[0] ?? ''), 'forwarded', { next })])]
    expect(trail.length).to.be.at.most(64)
    expect(believe(trail, [report(r, 'expired')])).to.have.length(1)
  })

  it('nor wider: of padded reports some are kept, and how it ends', () => {
    const padded = Array.from({ length: 40 }, (_, i) =>
      report(r, 'forwarded', { next: `agent ${i}`, jws: 'x'.repeat(16_000) }),
    )
    const fresh = believe([taken], [...padded, report(r, 'expired')])
    expect(fresh.reduce((sum, { jws }) => sum + jws.length, 0)).to.be.within(100_000, 2 ** 17 + 100)
    expect(fresh.at(-1)?.event).to.equal('expired')
  })

  it('a holder says once that it refused, whomever it names beside', () => {
    const lies = ['a', 'b', 'c'].map((next) => report(r, 'refused', { next }))
    expect(heard([taken], lies)).to.deep.equal(['refused r'])
    expect(heard([taken, { ...report(r, 'refused') }], lies)).to.deep.equal([])
  })

  it('no order and no repetition of honest bundles makes a stranger heard or a step double', () =>
    fc.assert(
      fc.property(fc.array(fc.nat(3), { maxLength: 12, size: 'max' }), (picks) => {
        const bundles = [
          [onward],
          [onward, report(s, 'forwarded', { next: b })],
          [report(stranger, 'delivered')],
          [report(r, 'expired')],
        ]
        let trail: TrailStep[] = [taken]
        for (const pick of picks)
          try {
            trail = [...trail, ...believe(trail, bundles[pick] ?? [])]
          } catch (error) {
            expect(error).to.be.instanceOf(Refusal)
          }
        expect(trail.some((step) => step.by === stranger)).to.equal(false)
        const named = trail.map(({ event, by, next }) => `${event} ${by} ${next}`)
        expect(new Set(named).size).to.equal(named.length)
      }),
    ))
})

const heard = (trail: TrailStep[], reports: Report[]): string[] | string => {
  try {
    return believe(trail, reports).map(({ event, by }) => `${event} ${by[0]}`)
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

describe('report: what is owed upstream', () => {
  const own = (at: number): Item => ({ own: { ...about(key, at), event: 'forwarded' } })
  const items: Item[] = [own(1), { jws: 'one' }, { jws: 'two' }]
  const bundle = (left: Item[]) => owe(undefined, s, key, left, now)

  const cases: [what: string, owed: Item[], acknowledged: Item[], left: Item[]][] = [
    ['all of it', items, items, []],
    ['what was sent before more came', items, items.slice(0, 2), items.slice(2)],
    ['the same acknowledgement again', items.slice(2), items.slice(0, 2), items.slice(2)],
    ['one for an older bundle', items, [{ jws: 'zero' }], items],
    ['nothing', items, [], items],
    ['kept and read back meanwhile', [own(1)], [JSON.parse(JSON.stringify(own(1)))], []],
  ]
  for (const [what, owed, acknowledged, left] of cases)
    it(`${what}: ${left.length} left`, () =>
      expect(settle(bundle(owed), acknowledged)).to.deep.equal(left.length === 0 ? undefined : bundle(left)))

  const jws = (length: number) => 'x'.repeat(length)
  const pieces: [what: string, reports: string[], first: number][] = [
    ['an ordinary bundle is one piece', Array(5).fill(jws(900)), 5],
    ['48 reports are', Array(48).fill(jws(900)), 48],
    ['more are not', Array(70).fill(jws(100)), 48],
    ['nor is a bundle that a hop has padded', Array(10).fill(jws(16_384)), 3],
    ['one is always sent', [jws(70_000)], 1],
    ['nothing is nothing', [], 0],
  ]
  for (const [what, reports, first] of pieces)
    it(`${what}: ${first} of ${reports.length} go first`, () => {
      const sent = piece(reports)
      expect(sent).to.deep.equal(reports.slice(0, first))
      if (first === 0 || sent.some((one) => one.length > 16_384)) return
      const message = encodeMessage({ t: 'REPORTS', origin: s, id: key.slice(-32), reports: sent })
      expect(Buffer.byteLength(message)).to.be.below(64 * 1024)
    })

  it('piece by piece all of it arrives, in its order, however long the reports are', () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 16_384 }), { maxLength: 100, size: 'max' }), (lengths) => {
        const all = lengths.map((length, i) => `${i}.${jws(length)}`.slice(0, 16_384))
        const arrived: string[] = []
        for (let left = all; left.length > 0; left = left.slice(piece(left).length)) arrived.push(...piece(left))
        expect(arrived).to.deep.equal(all)
      }),
    ))

  it('more is added at the end, under the same key', () => {
    const more = owe(bundle([own(1)]), s, key, [{ jws: 'late' }], now)
    expect(more).to.deep.equal(bundle([own(1), { jws: 'late' }]))
  })
})

describe('report: in words', () => {
  const state = world()
  const gaveUp: TrailStep = { event: 'expired', by: r, at: now, jws: '' }

  const cases: [what: string, trail: TrailStep[], unsure: string[], words: RegExp][] = [
    ['nobody took it', [], [], /This gateway \(me\.test\) had it last\.$/],
    ['the neighbour took it', [taken], [], /R\.test had it last\.$/],
    ['the neighbour gave up waiting for the one after', [taken, { ...onward }, gaveUp], [], /S\.test had it last\.$/],
    [
      'somebody did not answer',
      [],
      [s],
      /had it last\. It was sent to s\.test, too, and no answer came back: it may have arrived\.$/,
    ],
  ]
  for (const [what, trail, unsure, words] of cases)
    it(`${what}: the notice says who had it last`, () =>
      expect(explain('expired', state, trail, unsure)).to.match(words))

  const others: [what: Parameters<typeof explain>[0], words: string][] = [
    ['delivered', "It is in the recipient's mailbox."],
    ['delayed', 'It has not arrived yet. R.test has it and goes on trying.'],
    ['mailbox-missing', 'There is no such mailbox at that gateway.'],
    ['rate-limited', 'It was refused with the code rate-limited.'],
  ]
  for (const [what, words] of others)
    it(`${what}: ${words}`, () => expect(explain(what, state, [taken])).to.equal(words))

  it('two keys for one address are told with what to do: before the end, and after it', () => {
    const known = { entity: bob, address: 'bob@b.test', agent: b, expires: now }
    const [waits, failed] = [false, true].map((isOver) => tellRivals(state, known, { entity: ann, agent: s }, isOver))
    expect(waits?.reason).to.equal(failed?.reason).and.include('s.test')
    expect(waits?.advice).to.include('you need not do anything').and.include('contact forget bob@b.test')
    expect(failed?.advice).to.include('contact forget bob@b.test`. Then send it again.')
  })

  it('an administrator who took it out is named by the gateway it was taken out at', () => {
    const dropped = [taken, { ...report(r, 'refused'), code: 'given-up' as const }]
    expect(explain('given-up', state, dropped)).to.equal('An administrator of r.test took it out of the queue.')
    expect(explain('given-up', state, [taken])).to.match(/^An administrator of your gateway .* it may still arrive\.$/)
    const handedOn = [taken, { ...onward }, ...dropped.slice(1)]
    expect(explain('given-up', state, handedOn)).to.equal(
      'An administrator of r.test took it out of the queue. S.test had taken custody of it by then: it may still arrive.',
    )
    expect(explain('given-up', state, [])).to.equal('An administrator of your gateway took it out of the queue.')
  })

  it('an agent that is no neighbour is named by the first of its words', () => {
    state.links.set(r, link(r))
    const [, step] = tellTrail(state, [{ ...onward, next: b }], now)
    expect(step?.text).to.match(/^r\.test handed it on to the gateway "\w+ \w+"$/)
  })
})
