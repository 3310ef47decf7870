import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import { newBooks } from '../../src/credit/books.ts'
import { newCredit } from '../../src/credit/credit.ts'
import type { Custody } from '../../src/custody/custody.ts'
import {
  beyond,
  costOf,
  creditOf,
  freed,
  judgeBy,
  lend,
  praised,
  returned,
  takenOnCredit,
} from '../../src/custody/meter.ts'
import type { Change, State } from '../../src/state.ts'
import { ann, b, bob, link, now, row as ours, permit, r, relayed, report, s, stranger, world } from './rows.ts'

type Metered = { row: Custody; changes: Change[] }

/** A letter that `s` brought and that `lent` have signed for, as it weighs with each of them. */
const metered = (given: Custody, ...lent: string[]): { state: State; row: Custody } => {
  const state = world()
  const keep = (made: Metered): Custody => {
    for (const change of made.changes) apply(state, change)
    return made.row
  }
  const from = given.from
  const taken = from === undefined ? given : keep(takenOnCredit(state, given, { from, weight: 1, sender: s }, now))
  return { state, row: lent.reduce((was, to) => keep(lend(state, was, to, now)), taken) }
}

const pendingOf = (state: State, made: Metered): number[] => {
  for (const change of made.changes) apply(state, change)
  return [creditOf(state, s, now).theirs, creditOf(state, r, now).ours, creditOf(state, b, now).ours].map(
    ({ pending, reserved }) => {
      expect(reserved).to.equal(pending)
      return pending
    },
  )
}

describe('custody: what a message weighs while nobody has judged it', () => {
  it('weighs with whoever brought it and with everybody who signed for it, once each', () => {
    const { state, row } = metered(relayed(), r, b, r)
    expect(pendingOf(state, { row, changes: [] })).to.deep.equal([1, 1, 1])
    expect(row).to.deep.include({ reserved: 1, lent: [r, b].map((to) => ({ to, weight: 1 })) })
  })

  it('once somebody has signed for it, it is judged a week after its time, unless that is set already', () => {
    const { row } = metered(relayed(), r)
    expect(row.judgeBy).to.equal(judgeBy(row.path, row.expires))
    const { row: known } = metered(relayed({ judgeBy: now }), r)
    expect(known.judgeBy).to.equal(now)
  })

  const ways: [of: string, next: string][] = [
    [r, b],
    [b, stranger],
    [s, bob],
  ]
  for (const [of, next] of ways)
    it(`${of[0]} reckons it by ${next[0]}, as far as its reports say`, () => {
      const at = { jws: '', at: now }
      const trail: Custody['trail'] = [
        { event: 'accepted', by: r, ...at },
        { event: 'forwarded', by: r, next: b, ...at },
        { event: 'accepted', by: b, ...at },
        { event: 'forwarded', by: b, next: stranger, ...at },
        { event: 'accepted', by: s, ...at },
      ]
      expect(beyond(relayed({ trail }), of)).to.equal(next)
    })

  it('weighs nothing where a permit came with it', () => {
    const { state, row } = metered(ours({ permit }), r)
    expect(pendingOf(state, { row, changes: [] })).to.deep.equal([0, 0, 0])
    expect(row).not.to.have.property('lent')
  })

  it('given back, it weighs no more there, and elsewhere as before', () => {
    const { state, row } = metered(relayed(), r, b)
    expect(returned(state, row, stranger, now), 'by nobody who had it').to.deep.equal({ row, changes: [] })
    const back = returned(state, row, r, now)
    expect(back.row.lent).to.deep.equal([{ to: b, weight: 1 }])
    expect(pendingOf(state, back)).to.deep.equal([1, 0, 1])
  })

  it('freed, it weighs nowhere, and says nothing about anybody', () => {
    const { state, row } = metered(relayed(), r, b)
    const made = freed(state, row, now)
    expect(pendingOf(state, made)).to.deep.equal([0, 0, 0])
    expect(made.row).to.include({ isJudged: true }).and.not.to.have.any.keys('reserved', 'lent', 'judgeBy')
    for (const agent of [r, s, b]) expect(wantedOf(creditOf(state, agent, now))).to.deep.equal([undefined, undefined])
  })

  const onward = report(r, 'forwarded', { next: b })
  const praises: [what: string, given: Custody, brought: object, lent: object][] = [
    ['that went on', relayed({ next: r, trail: [onward, report(b, 'delivered')] }), { [r]: 1 }, { [b]: 1 }],
    [
      'that r brought to the recipient itself',
      relayed({ next: r, trail: [report(r, 'delivered')] }),
      { [r]: 1 },
      { [bob]: 1 },
    ],
    ['for somebody here', relayed({ role: 'destination', to: ann, next: r }), { [ann]: 1 }, { [ann]: 1 }],
  ]
  for (const [what, given, brought, lent] of praises)
    it(`wanted, it speaks for all, by where it went next: ${what}`, () => {
      const { state, row } = metered(given, r)
      expect(pendingOf(state, praised(state, row, now))).to.deep.equal([0, 0, 0])
      expect(wantedOf(creditOf(state, s, now))).to.deep.equal([brought, undefined])
      expect(wantedOf(creditOf(state, r, now))).to.deep.equal([undefined, lent])
    })

  it('of our own only those who took it are spoken for', () => {
    const { state, row } = metered(ours(), r)
    expect(pendingOf(state, praised(state, row, now))).to.deep.equal([0, 0, 0])
    expect([...state.credits.keys()]).to.deep.equal([r])
  })

  it('costs what the limit of whoever pays allows: ours is the one that the neighbour has stated', () => {
    const state = world()
    expect(costOf(state, b, 'theirs', now), 'without a link').to.equal(0)
    const used = { reserved: 1, pending: 1, weeks: [] }
    const heard = { seq: 1, debt: 0, at: now, limit: 1, disputed: false }
    state.credits.set(r, { ...newCredit(now), theirs: used, ours: used, books: { ...newBooks(now), heard } })
    expect(costOf(state, r, 'theirs', now)).to.equal(1)
    expect(costOf(state, r, 'ours', now)).to.equal(0)
    state.links.set(r, link(r, { limit: 1 }))
    expect(costOf(state, r, 'theirs', now)).to.equal(0)
  })
})

const wantedOf = ({ theirs, ours }: ReturnType<typeof newCredit>) => [theirs, ours].map(({ weeks }) => weeks[0]?.wanted)
